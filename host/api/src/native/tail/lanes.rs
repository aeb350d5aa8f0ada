//! The shards that a tail follows: where it stands in each, and which come next.
//!
//! A shard is read once those that it took over from are done, so that a key's records come in their
//! order.

use std::{collections::BTreeSet, sync::Arc};

use millstream_core::{
    catalog::{Catalog, Shard, Stream},
    name::StreamName,
    port::Log,
    position::Position,
};

/// One shard, and what of it is sent next.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) shard: Shard,
    pub(super) next: Position,
}

/// The shards of one client.
#[derive(Debug)]
pub(super) struct Lanes {
    lanes: Vec<Lane>,
    /// All shards that are or were followed, by index.
    followed: BTreeSet<u32>,
    /// The catalog that was looked at last.
    seen: Arc<Catalog>,
    /// Whose turn it is, so that a busy shard does not hide the others.
    turn: usize,
}

impl Lanes {
    /// Over `lanes`, which are what is followed of a stream as it is in `catalog`.
    pub(super) fn new(lanes: Vec<Lane>, catalog: Arc<Catalog>) -> Self {
        Self {
            followed: lanes.iter().map(|lane| lane.shard.index).collect(),
            lanes,
            seen: catalog,
            turn: 0,
        }
    }

    /// The catalog that was looked at last.
    pub(super) fn seen(&self) -> Arc<Catalog> {
        Arc::clone(&self.seen)
    }

    /// Looks at what has changed: follows the shards that took over, and leaves those that are done.
    /// Whether the stream is still there.
    pub(super) fn renew(
        &mut self,
        catalog: Arc<Catalog>,
        name: &StreamName,
        log: &dyn Log,
    ) -> bool {
        if !Arc::ptr_eq(&catalog, &self.seen) {
            let Some(stream) = catalog.living(name.as_str()) else {
                return false;
            };
            // A stream of the same name that was created anew has other shards.
            let has = |lane: &Lane| {
                let mut shards = stream.shards.iter();
                shards.any(|shard| shard.number == lane.shard.number)
            };
            if !self.lanes.iter().any(has) {
                return false;
            }
            self.follow(stream);
            self.seen = catalog;
        }
        self.retire(log);
        true
    }

    fn follow(&mut self, stream: &Stream) {
        for lane in &mut self.lanes {
            let mut shards = stream.shards.iter();
            if let Some(now) = shards.find(|shard| shard.number == lane.shard.number) {
                lane.shard.closed = now.closed;
            }
        }
        // In the order of their indexes, so that parents come before their children.
        for shard in &stream.shards {
            let took_over = shard
                .parents
                .iter()
                .any(|parent| self.followed.contains(parent));
            if took_over && self.followed.insert(shard.index) {
                self.lanes.push(Lane {
                    shard: shard.clone(),
                    next: Position::START,
                });
            }
        }
    }

    fn retire(&mut self, log: &dyn Log) {
        self.lanes.retain(|lane| {
            let end = log.span(lane.shard.number).next;
            lane.shard.closed.is_none() || lane.next.until(end) > 0
        });
    }

    /// Those that may be read, the next one in turn first.
    pub(super) fn ready(&self) -> impl Iterator<Item = usize> {
        let count = self.lanes.len();
        let in_turn = (0..count).map(move |i| (self.turn + i) % count);
        in_turn.filter(|&at| {
            let parents = &self.lanes[at].shard.parents;
            let waits = |lane: &Lane| parents.contains(&lane.shard.index);
            parents.is_empty() || !self.lanes.iter().any(waits)
        })
    }

    /// The one at that place, which had its turn.
    pub(super) fn take_turn(&mut self, at: usize) -> &mut Lane {
        self.turn = at + 1;
        &mut self.lanes[at]
    }

    /// The one at that place.
    pub(super) fn get(&self, at: usize) -> &Lane {
        &self.lanes[at]
    }
}
