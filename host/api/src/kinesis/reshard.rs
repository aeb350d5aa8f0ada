//! Resharding: how many shards a stream has, and which.

pub(super) mod merge_shards;
pub(super) mod split_shard;
pub(super) mod update_shard_count;
