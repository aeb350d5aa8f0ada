//! Shards in requests and answers.

use millstream_core::{
    catalog::{Shard, Stream},
    hash_key::HashRange,
    sequence::SequenceNumber,
};
use serde::Serialize;

use super::call::Call;
use crate::error::Fault;

/// A shard as DescribeStream and ListShards show it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ShardView {
    shard_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_shard_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    adjacent_parent_shard_id: Option<String>,
    hash_key_range: HashKeyRange,
    sequence_number_range: SequenceNumberRange,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct HashKeyRange {
    starting_hash_key: String,
    ending_hash_key: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct SequenceNumberRange {
    starting_sequence_number: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ending_sequence_number: Option<String>,
}

impl HashKeyRange {
    pub(super) fn of(HashRange { start, end }: HashRange) -> Self {
        Self {
            starting_hash_key: start.0.to_string(),
            ending_hash_key: end.0.to_string(),
        }
    }
}

impl ShardView {
    pub(super) fn new(shard: &Shard) -> Self {
        let mut parents = shard.parents.iter().copied().map(shard_id);
        let ending = shard.closed.map(|_| SequenceNumber::last(shard));
        Self {
            shard_id: shard.id(),
            parent_shard_id: parents.next(),
            adjacent_parent_shard_id: parents.next(),
            hash_key_range: HashKeyRange::of(shard.range),
            sequence_number_range: SequenceNumberRange {
                starting_sequence_number: SequenceNumber::first(shard).to_string(),
                ending_sequence_number: ending.map(|number| number.to_string()),
            },
        }
    }
}

/// A shard that took over from another one, as readers are told at that one's end.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ChildShard {
    shard_id: String,
    parent_shards: Vec<String>,
    hash_key_range: HashKeyRange,
}

impl ChildShard {
    /// The children of the shard of that index.
    pub(super) fn of(stream: &Stream, index: u32) -> Vec<Self> {
        let child = |shard: &Shard| Self {
            shard_id: shard.id(),
            parent_shards: shard.parents.iter().copied().map(shard_id).collect(),
            hash_key_range: HashKeyRange::of(shard.range),
        };
        stream.children(index).map(child).collect()
    }
}

/// As in `shardId-000000000000`.
pub(super) fn shard_id(index: u32) -> String {
    format!("shardId-{index:012}")
}

impl Call<'_> {
    /// The shard of an id such as `shardId-000000000000`, `shardId-0` or `0`.
    pub(super) fn shard<'s>(&self, stream: &'s Stream, id: &str) -> Result<&'s Shard, Fault> {
        let index = self.shard_index(stream, id)?;
        let found = stream.shards.iter().find(|shard| shard.index == index);
        found.ok_or_else(|| Fault::NoShard {
            shard: shard_id(index),
            stream: self.named(stream.name.name()),
        })
    }

    /// The index in a shard's id, whether or not there is such a shard.
    pub(super) fn shard_index(&self, stream: &Stream, id: &str) -> Result<u32, Fault> {
        let digits = id.strip_prefix("shardId-").unwrap_or(id);
        let index = digits.parse().ok();
        // Amazon's indexes are signed.
        let index = index.filter(|&index: &u32| i32::try_from(index).is_ok());
        index.ok_or_else(|| Fault::UnreadableShard {
            shard: id.into(),
            stream: self.named(stream.name.name()),
        })
    }
}
