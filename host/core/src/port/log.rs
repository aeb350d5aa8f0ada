//! The shard log: blind writes that are durable when they are answered, and reads that never wait.
//!
//! A second storage engine implements this and nothing else, so nothing of SQLite shows here.

use std::fmt;

use bytes::Bytes;
use thiserror::Error;

use super::Later;
use crate::{
    block::{Block, Slice},
    position::{Position, ShardNumber},
    time::Millis,
};

/// A value that is true of the disk: only the log's writer makes one, after the sync returned.
///
/// Invariant: [`Durable::after_sync`] is called by `host/log` alone (clippy.toml bans it elsewhere).
/// A success answer to a producer is made from this value and from nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Durable<T>(T);

impl<T> Durable<T> {
    /// For the log's writer, and for model logs in tests.
    pub fn after_sync(value: T) -> Self {
        Self(value)
    }

    /// The value.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> std::ops::Deref for Durable<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

/// Records to append to one shard.
#[derive(Debug, Clone)]
pub struct Append {
    /// The shard.
    pub shard: ShardNumber,
    /// The records.
    pub block: Block,
}

/// Where an [`Append`] came to stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Position of its first record; the others follow without a gap.
    pub first: Position,
    /// The arrival time that all its records share. Never falls along a shard.
    pub arrival: Millis,
}

/// A key to write, or to delete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Put {
    /// See [`crate::catalog::key`] for the key families.
    pub key: Bytes,
    /// The new value; none deletes.
    pub value: Option<Bytes>,
}

/// Everything that becomes durable together, or not at all.
#[derive(Debug, Clone, Default)]
pub struct Commit {
    /// Records, in order.
    pub appends: Vec<Append>,
    /// Keys; the last put of a key wins.
    pub puts: Vec<Put>,
    /// Shards that take no records after this commit. Theirs stay readable.
    pub closes: Vec<ShardNumber>,
    /// Shards that end with this commit; their records are removed in the background.
    pub drops: Vec<ShardNumber>,
}

/// Why a commit did not succeed, and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CommitError {
    /// Nothing was written: the disk is full. Reads go on; try again when there is room.
    #[error("no space left in the data directory")]
    Full,
    /// Nothing was written: too much waits already. Try again.
    #[error("the log's queue is full")]
    Busy,
    /// Nothing was written: the commit can never fit.
    #[error(
        "{operations} groups of records and keys with {bytes} bytes are more than can be written \
         at once; send less in one request"
    )]
    TooLarge {
        /// Appends and puts.
        operations: usize,
        /// Their bytes.
        bytes: usize,
    },
    /// Nothing was written: the shard was dropped.
    #[error("the stream was deleted (its shard {} is gone)", .0.0)]
    Gone(ShardNumber),
    /// Nothing was written: the shard was closed by a split or a merge. Its children take the records.
    #[error("the shard was split or merged (shard {} is closed)", .0.0)]
    Closed(ShardNumber),
    /// It may or may not have happened; read before trying again.
    #[error("the commit's outcome is unknown: {0}")]
    Ambiguous(String),
    /// Nothing was written: the log is closed or failed.
    #[error("the log is unavailable: {0}")]
    Unavailable(String),
}

impl CommitError {
    /// Whether the same commit may succeed later and has certainly not happened.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        matches!(self, Self::Full | Self::Busy)
    }
}

/// Why nothing could be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReadError {
    /// Stored bytes are not what was written. They are not served.
    #[error("shard {} is damaged at record {}: {what}", shard.0, position.ordinal())]
    Corrupt {
        /// The shard.
        shard: ShardNumber,
        /// The block's first position.
        position: Position,
        /// What does not hold.
        what: String,
    },
    /// The log is closed or the disk fails.
    #[error("the log is unavailable: {0}")]
    Unavailable(String),
}

/// How much one read gives at most. The first record is given whatever its size.
#[derive(Debug, Clone, Copy)]
pub struct ReadLimits {
    /// Records.
    pub records: usize,
    /// Bytes of key and data.
    pub bytes: usize,
}

/// Records of a shard, in order, without a gap.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// The records; empty at the tail.
    pub slices: Vec<Slice>,
}

impl Page {
    /// The position after the page's last record; `from` where the page is empty.
    #[must_use]
    pub fn next(&self, from: Position) -> Position {
        self.slices.last().map_or(from, Slice::next)
    }

    /// How many records.
    #[must_use]
    pub fn count(&self) -> usize {
        self.slices.iter().map(Slice::count).sum()
    }
}

/// What a shard holds at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Position of the oldest record that is kept (= `next` where there is none).
    pub first: Position,
    /// The position that the next record will get at least.
    pub next: Position,
    /// When the newest record arrived; 0 where there never was one.
    pub last_arrival: Millis,
}

/// What a shard has taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Volume {
    /// How many records.
    pub records: u64,
    /// Bytes of their keys and data.
    pub bytes: u64,
}

impl Volume {
    /// Counts the records of a block; the work is the same however many there are.
    pub fn add(&mut self, block: &Block) {
        self.records += u64::from(block.len());
        self.bytes += block.payload(0..block.len()) as u64;
    }
}

/// The shard log.
pub trait Log: Send + Sync + fmt::Debug + 'static {
    /// Writes everything in `commit` atomically and durably; answers in the order of its appends.
    /// Commits take effect in the order in which this function was called (not polled).
    fn commit(&self, commit: Commit)
    -> Later<'static, Result<Durable<Vec<Appended>>, CommitError>>;

    /// Records of `shard` from the first one at or after `from`. Never waits for new ones.
    fn read(
        &self,
        shard: ShardNumber,
        from: Position,
        limits: ReadLimits,
    ) -> Later<'static, Result<Page, ReadError>>;

    /// The position of the first record that arrived at or after `at`; the tail where none did.
    fn locate(&self, shard: ShardNumber, at: Millis)
    -> Later<'static, Result<Position, ReadError>>;

    /// What the shard holds. From memory, without waiting.
    fn span(&self, shard: ShardNumber) -> Span;

    /// What was appended to the shard since the log was opened, by whomever. From memory, without
    /// waiting.
    fn volume(&self, shard: ShardNumber) -> Volume;

    /// Waits until the shard's `next` is beyond `beyond`, and gives it. At once where it is already.
    fn grown(&self, shard: ShardNumber, beyond: Position) -> Later<'static, Position>;

    /// The values of `keys`, in their order.
    fn get_many(&self, keys: Vec<Bytes>) -> Later<'static, Result<Vec<Option<Bytes>>, ReadError>>;

    /// Keys that begin with `prefix`, ascending, with their values.
    fn scan(&self, prefix: Bytes) -> Later<'static, Result<Vec<(Bytes, Bytes)>, ReadError>>;

    /// At most `limit` of the keys that begin with `prefix` and come after `after`, ascending, without
    /// their values. A log that is made for many keys does not read the others.
    fn keys(
        &self,
        prefix: Bytes,
        after: Option<Bytes>,
        limit: usize,
    ) -> Later<'static, Result<Vec<Bytes>, ReadError>> {
        let found = self.scan(prefix);
        Box::pin(async move {
            let keys = found.await?.into_iter().map(|(key, _)| key);
            let keys = keys.filter(|key| after.as_ref().is_none_or(|after| key > after));
            Ok(keys.take(limit).collect())
        })
    }

    /// Removes some whole blocks whose records all arrived before `before`; gives how many records
    /// went. Small steps: call again while it is not 0.
    fn trim(&self, shard: ShardNumber, before: Millis) -> Later<'static, Result<u64, CommitError>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_told_in_words_of_those_who_read_them() {
        let large = CommitError::TooLarge {
            operations: 12,
            bytes: 345,
        };
        assert!(large.to_string().contains("345 bytes"), "{large}");
        let damaged = ReadError::Corrupt {
            shard: ShardNumber(3),
            position: Position::new(9, 41),
            what: "it is".to_owned(),
        };
        assert_eq!(
            damaged.to_string(),
            "shard 3 is damaged at record 41: it is"
        );
        for error in [
            CommitError::Gone(ShardNumber(3)),
            CommitError::Closed(ShardNumber(3)),
        ] {
            let text = error.to_string();
            assert!(
                text.contains("shard 3 ") && !text.contains("ShardNumber"),
                "{text}"
            );
        }
    }
}
