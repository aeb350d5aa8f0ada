//! A stream and its shards.

use serde::{Deserialize, Serialize};

use crate::{
    hash_key::{HashKey, HashRange},
    name::StreamName,
    position::{Position, ShardNumber},
    time::Millis,
};

/// As Kinesis has it. CREATING and UPDATING come with resharding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum StreamStatus {
    /// Takes and gives records.
    Active,
}

/// A stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stream {
    /// Its name.
    pub name: StreamName,
    /// When it was created.
    pub created: Millis,
    /// What it is doing.
    pub status: StreamStatus,
    /// How long records are kept, in hours.
    pub retention_hours: u32,
    /// All shards that ever were, by index. Open ones have no `closed`.
    pub shards: Vec<Shard>,
}

/// A shard of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// Which of the stream's shards: the number in `shardId-000000000000`.
    pub index: u32,
    /// Which of the cell's.
    pub number: ShardNumber,
    /// The hash keys that it takes.
    pub range: HashRange,
    /// When it was created.
    pub created: Millis,
    /// Where it ended, once it is closed.
    pub closed: Option<Position>,
}

impl Shard {
    /// As in Kinesis: `shardId-000000000000`.
    #[must_use]
    pub fn id(&self) -> String {
        format!("shardId-{:012}", self.index)
    }
}

impl Stream {
    /// A new stream with `count` shards, numbered from `first`.
    #[must_use]
    pub fn new(name: StreamName, count: u32, first: ShardNumber, now: Millis) -> Self {
        let shard = |(index, range)| Shard {
            index,
            number: ShardNumber(first.0 + index),
            range,
            created: now,
            closed: None,
        };
        Self {
            name,
            created: now,
            status: StreamStatus::Active,
            retention_hours: crate::limit::RETENTION_DEFAULT_HOURS,
            shards: (0..).zip(HashRange::split_all(count)).map(shard).collect(),
        }
    }

    /// The shards that take records, in the order of their hash keys.
    pub fn open_shards(&self) -> impl Iterator<Item = &Shard> {
        self.shards.iter().filter(|shard| shard.closed.is_none())
    }

    /// The open shard that `key` belongs to.
    #[must_use]
    pub fn shard_for(&self, key: HashKey) -> &Shard {
        self.open_shards()
            .find(|shard| shard.range.contains(key))
            .expect("open shards cover all hash keys")
    }

    /// The shard of an id such as `shardId-000000000000`, `shardId-0` or `0`.
    #[must_use]
    pub fn shard(&self, id: &str) -> Option<&Shard> {
        let digits = id.strip_prefix("shardId-").unwrap_or(id);
        let index: u32 = digits.parse().ok()?;
        self.shards.iter().find(|shard| shard.index == index)
    }

    /// Records that arrived before this are expired.
    #[must_use]
    pub fn horizon(&self, now: Millis) -> Millis {
        Millis(
            now.0
                .saturating_sub(u64::from(self.retention_hours) * 3_600_000),
        )
    }
}
