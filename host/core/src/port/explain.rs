//! As much as is known of what a trigger's lanes are doing.

use super::PartStatus;
use crate::{time::Millis, trigger::machine::Doing};

/// A trigger on one shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneReport {
    /// As in Kinesis: `shardId-000000000000`.
    pub shard_id: String,
    /// Whether the shard takes no more records.
    pub is_closed: bool,
    /// The shards that must be done before this one begins, and are not.
    pub parents: Vec<String>,
    /// One a part of the shard; one where it is undivided.
    pub parts: Vec<PartReport>,
}

/// A part of a shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartReport {
    /// What it shows.
    pub status: PartStatus,
    /// What it is doing.
    pub doing: Doing,
    /// Since when its state is what it is.
    pub since: Millis,
    /// When it tries again what failed.
    pub retry_at: Option<Millis>,
    /// Whether the last call failed because the function was not there.
    pub awaits_function: bool,
    /// Whether it failed because too many calls were under way.
    pub is_throttled: bool,
}
