//! The shard in parts: how it is divided, and the machines of its lanes.

use millstream_core::{
    position::Position,
    trigger::{
        Action, Machine, Policy, Share,
        layout::{Head, Layout},
    },
};

use super::World;

impl World {
    /// The lanes as they are stored.
    pub(crate) fn layout(&self) -> Layout {
        let (trigger, shard) = (self.lane.trigger.id, self.lane.shard.number);
        let stored = |share: Share| self.keys.get(&share.key(trigger, shard)).cloned();
        match Head::decode(stored(Share::WHOLE).as_ref(), Position::START).unwrap() {
            Head::Whole(checkpoint) => Layout::whole(checkpoint),
            Head::Divided(parts) => {
                let stored: Vec<_> = Share::all(parts).map(stored).collect();
                Layout::divided(&stored).unwrap()
            }
        }
    }

    /// Replaces the layout; false where the host ends.
    pub(crate) fn replace(&mut self, layout: &Layout, parts: u8, at: Position) -> bool {
        let (trigger, shard) = (self.lane.trigger.id, self.lane.shard.number);
        let (_, commit) = layout.replace(trigger, shard, parts, at);
        self.commit(&commit).is_some()
    }

    /// The machine of a part's lane.
    pub(crate) fn machine(&self, share: Share, until: Option<Position>) -> (Machine, Action) {
        let (settings, shard) = (&self.lane.trigger.settings, &self.lane.shard);
        let policy = Policy {
            until,
            ..Policy::of(settings, shard, share)
        };
        Machine::new(policy, Position::START)
    }

    /// What follows is of this part's lane.
    pub(crate) fn turn_to(&mut self, share: Share) {
        self.lane.share = share;
    }

    pub(crate) fn crash(&mut self) {
        self.epoch += 1;
    }
}
