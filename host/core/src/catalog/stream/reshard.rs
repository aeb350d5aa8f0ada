//! Resharding: splits and merges of open shards. A shard that is closed keeps its records.
