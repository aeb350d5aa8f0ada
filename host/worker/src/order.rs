//! What a lane is told to do, and how it says that it does so.

use std::{collections::BTreeMap, sync::Arc};

use millstream_core::{
    catalog::{Function, Shard, Trigger, function::Route},
    event::{Identity, Origin},
    planted::Bug,
    port::Limits,
    position::{Position, ShardNumber},
    trigger::{Lane, Policy, Share},
};
use tokio::sync::watch;

use crate::tally::Board;

/// All that a lane needs to know of its trigger and its function. Fixed while a machine runs.
#[derive(Debug, Clone)]
pub(crate) struct Spec {
    pub(crate) lane: Lane,
    pub(crate) shard_id: String,
    pub(crate) policy: Policy,
    pub(crate) start: Position,
    /// Into how many parts the trigger wants the shard divided.
    pub(crate) parts: u8,
    /// The versions that batches go to; none while there is no such function.
    pub(crate) callees: Vec<Callee>,
    /// Where the records come from, as an event tells it.
    pub(crate) origin: Arc<Origin>,
    /// The lanes that must be done before this one begins.
    pub(crate) parents: Vec<Parent>,
}

/// A lane on a shard that was split or merged, as the lanes on its children see it.
#[derive(Debug, Clone)]
pub(crate) struct Parent {
    pub(crate) shard: ShardNumber,
    pub(crate) board: Arc<Board>,
}

impl PartialEq for Parent {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.board, &other.board)
    }
}

/// The function's part of a call.
#[derive(Debug, Clone)]
pub(crate) struct Callee {
    pub(crate) version: u64,
    /// Of a published version.
    pub(crate) number: Option<u64>,
    pub(crate) limits: Limits,
    pub(crate) config: Arc<BTreeMap<String, String>>,
}

impl Spec {
    pub(crate) fn new(
        identity: &Identity,
        trigger: &Arc<Trigger>,
        route: Option<Route<'_>>,
        shard: &Shard,
        parents: Vec<Parent>,
    ) -> Self {
        let function = route.map(|route| route.function);
        let shifted = route.and_then(|route| route.shifted);
        let callees = route.map(|route| Callee::of(route.function, route.number));
        let more = shifted.map(|(function, shift)| Callee::of(function, Some(shift.number)));
        let settings = &trigger.settings;
        let origin = Origin::new(identity, &settings.stream, &settings.function, shard);
        let origin = Arc::new(origin);
        // A batch has to be short enough for either version.
        let mut both = function
            .into_iter()
            .chain(shifted.map(|(function, _)| function));
        let takes_events = both.any(|function| function.takes_events());
        Self {
            lane: Lane {
                origin: Arc::clone(&origin),
                trigger: Arc::clone(trigger),
                function_version: function.map(|function| function.version),
                shifted: shifted.map(|(function, shift)| (function.version, shift)),
                shard: shard.clone(),
                share: Share::WHOLE,
            },
            shard_id: shard.id(),
            policy: Policy {
                events: takes_events.then(|| Arc::clone(&origin)),
                ..Policy::of(settings, shard, Share::WHOLE)
            },
            origin,
            // Shards that came after the trigger are read from their oldest record.
            start: trigger
                .starts
                .get(&shard.number)
                .copied()
                .unwrap_or(Position::START),
            // There are ten at most.
            parts: settings.parallelization_factor as u8,
            callees: callees.into_iter().chain(more).collect(),
            parents,
        }
    }

    /// The same for a part of the shard, up to `until`.
    pub(crate) fn part(&self, share: Share, until: Option<Position>) -> Self {
        let mut part = self.clone();
        let lane = &mut part.lane;
        lane.share = share;
        part.policy = Policy {
            events: part.policy.events.take(),
            until,
            ..Policy::of(&lane.trigger.settings, &lane.shard, share)
        };
        part
    }
}

impl Callee {
    fn of(function: &Function, number: Option<u64>) -> Self {
        Self {
            version: function.version,
            number,
            limits: function.limits,
            config: Arc::new(function.config.clone()),
        }
    }
}

/// What a lane shall do from now on.
#[derive(Debug, Clone)]
pub(crate) enum Order {
    Run(Arc<Spec>),
    Pause(Arc<Spec>),
    Stop,
}

/// A lane's orders are numbered, so that it can say which one it follows.
#[derive(Debug, Clone)]
pub(crate) struct Numbered {
    pub(crate) number: u64,
    pub(crate) order: Order,
}

/// Waits until a lane follows order `number`: nothing of earlier orders is in flight then.
#[derive(Debug)]
pub(crate) struct Settling {
    pub(crate) number: u64,
    pub(crate) follows: watch::Receiver<u64>,
}

impl Settling {
    pub(crate) async fn settled(mut self) {
        if Bug::PauseInFlight.is_here() {
            return;
        }
        // An error means that the lane has ended, which settles everything.
        let _ = self
            .follows
            .wait_for(|&follows| follows >= self.number)
            .await;
    }
}
