//! A stream's settings, and what they may be changed to.

use serde::{Deserialize, Serialize};

/// Who decides how many shards a stream has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StreamMode {
    /// Its owner, by splitting, merging and resizing.
    #[default]
    Provisioned,
    /// The host, by what is put.
    OnDemand,
}

/// What decides about a record's shard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Distribution {
    /// Its partition key.
    #[default]
    UserPartitionKey,
    /// The host, evenly.
    Auto,
}

/// A figure of a shard that is shown where its stream asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ShardMetric {
    /// Bytes that were put.
    IncomingBytes,
    /// Records that were put.
    IncomingRecords,
    /// Bytes that were read.
    OutgoingBytes,
    /// Records that were read.
    OutgoingRecords,
    /// Puts that were refused because of the shard's limits.
    WriteProvisionedThroughputExceeded,
    /// Reads that were refused because of the shard's limits.
    ReadProvisionedThroughputExceeded,
    /// The age of the last record that was read.
    IteratorAgeMilliseconds,
}

impl ShardMetric {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::IncomingBytes,
        Self::IncomingRecords,
        Self::OutgoingBytes,
        Self::OutgoingRecords,
        Self::WriteProvisionedThroughputExceeded,
        Self::ReadProvisionedThroughputExceeded,
        Self::IteratorAgeMilliseconds,
    ];
}
