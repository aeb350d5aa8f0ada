//! A queue: what delivers a stream's records to any number of workers. And how queues come and go.

mod change;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use self::change::{QueueRefused, Request};
use super::{
    Catalog,
    stream::{Status, Stream, Tags, Transition},
    trigger::StartingPosition,
};
use crate::{
    hash_key::HashKey,
    limit,
    name::{QueueName, StreamName},
    position::{Position, ShardNumber},
    time::Millis,
};

/// A queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queue {
    /// Its name.
    pub name: QueueName,
    /// Its number, which is never given twice.
    pub id: u64,
    /// What names it in its ARN. Not its name, so that a queue that is created anew is another one.
    pub identifier: String,
    /// The stream whose records it delivers. It stays as long as the queue does.
    pub stream: StreamName,
    /// When it was created.
    pub created: Millis,
    /// Where it began.
    pub start: Start,
    /// Where each shard begins that was there at its creation, so that LATEST misses nothing that was
    /// put after it. Shards that come later begin at their oldest record.
    pub starts: BTreeMap<ShardNumber, Position>,
    /// What can be changed later.
    pub attributes: Attributes,
    /// The newest change, while it shows.
    #[serde(default)]
    pub transition: Option<Transition>,
    /// Its tags.
    #[serde(default)]
    pub tags: Tags,
    /// Its resource policy, as JSON.
    #[serde(default)]
    pub policy: Option<String>,
}

/// Where a queue begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// As it was asked for.
    pub at: StartingPosition,
    /// With AT_TIMESTAMP: no record is delivered that arrived before.
    pub asked: Option<Millis>,
    /// When that was, as it is shown.
    pub effective: Millis,
}

/// What of a queue can be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attributes {
    /// For how long a record is its worker's alone, in seconds, where the worker does not say.
    pub visibility_seconds: u32,
    /// Deliveries after which a record is dead; none where it never is.
    pub max_receives: Option<u32>,
}

impl Default for Attributes {
    fn default() -> Self {
        Self {
            visibility_seconds: limit::VISIBILITY_DEFAULT_SECONDS,
            max_receives: Some(limit::MAX_RECEIVES_DEFAULT),
        }
    }
}

impl Queue {
    /// What it is doing.
    #[must_use]
    pub fn status(&self, now: Millis) -> Status {
        Transition::status(self.transition, now)
    }

    /// Whether it was deleted, and does not even show as that any more.
    #[must_use]
    pub fn is_gone(&self, now: Millis) -> bool {
        Transition::is_over(self.transition, now)
    }

    /// Whether it was deleted. It delivers nothing, but may still show.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        self.transition
            .is_some_and(|t| t.status == Status::Deleting)
    }

    /// Where the shards of `stream` begin.
    #[must_use]
    pub fn starts_in(&self, stream: &Stream) -> BTreeMap<ShardNumber, Position> {
        let start = |number| self.starts.get(&number).copied().unwrap_or(Position::START);
        let numbers = stream.shards.iter().map(|shard| shard.number);
        numbers.map(|number| (number, start(number))).collect()
    }

    /// Records that arrived before this are not delivered.
    #[must_use]
    pub fn horizon(&self, stream: &Stream, now: Millis) -> Millis {
        stream
            .horizon(now)
            .max(self.start.asked.unwrap_or_default())
    }
}

/// 32 letters and digits that stand for a queue in its ARN.
fn identifier(name: &QueueName, id: u64, created: Millis) -> String {
    let seed = format!("queue {name} {id} {}", created.0);
    format!("{:032x}", HashKey::of(seed.as_bytes()).0)
}

impl Catalog {
    /// The queue that an ARN names so, in a region; none is the host's own.
    #[must_use]
    pub fn identified_queue(
        &self,
        region: Option<&str>,
        identifier: &str,
    ) -> Option<&std::sync::Arc<Queue>> {
        self.queues()
            .find(|queue| queue.identifier == identifier && queue.name.region() == region)
    }

    /// How many registered consumers and queues a stream has, which share a limit.
    #[must_use]
    pub fn readers(&self, stream: &Stream, now: Millis) -> usize {
        let consumers = stream.consumers.values().filter(|c| !c.is_gone(now));
        let queues = self.queues_of(&stream.name).filter(|q| !q.is_gone(now));
        consumers.count() + queues.count()
    }

    /// The ids of queues that do not exist any more.
    pub fn former_queues(&self) -> impl Iterator<Item = u64> {
        let alive = self.queues().filter(|queue| !queue.is_deleted());
        let alive: std::collections::BTreeSet<u64> = alive.map(|queue| queue.id).collect();
        (1..=self.counters.next_queue).filter(move |id| !alive.contains(id))
    }
}
