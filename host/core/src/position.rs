//! Where a record stands in its shard: the number that orders everything.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Bits of a position that count records.
pub const ORDINAL_BITS: u32 = 43;
/// The largest ordinal: 8.8e12 records a shard.
pub const ORDINAL_MAX: u64 = (1 << ORDINAL_BITS) - 1;
/// The largest epoch: 20 bits, so that a position stays below 2^63 (Kinesis ends a shard there).
pub const EPOCH_MAX: u64 = (1 << 20) - 1;

/// A shard, numbered within the cell; a number is never given twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ShardNumber(pub u32);

impl fmt::Debug for ShardNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// A record's place: the epoch in which it was written, then its ordinal in the shard.
///
/// Invariant: both parts rise along a shard, so positions compare as plain numbers.
/// Ordinals are dense, so the distance of two positions in records is exact.
/// The epoch rises at each open of the log; it keeps a number from being given twice when a restored
/// backup counts the same ordinals again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Position(pub u64);

impl Position {
    /// Before every record.
    pub const START: Self = Self(0);

    /// From its parts. Panics when a part does not fit, which only 8.8e12 records could bring about.
    #[must_use]
    pub fn new(epoch: u64, ordinal: u64) -> Self {
        assert!(
            epoch <= EPOCH_MAX && ordinal <= ORDINAL_MAX,
            "position out of range"
        );
        Self(epoch << ORDINAL_BITS | ordinal)
    }

    /// The epoch in which the record was written.
    #[must_use]
    pub fn epoch(self) -> u64 {
        self.0 >> ORDINAL_BITS
    }

    /// How many records the shard held before this one, expired ones included.
    #[must_use]
    pub fn ordinal(self) -> u64 {
        self.0 & ORDINAL_MAX
    }

    /// The position `count` records on within one block.
    #[must_use]
    pub fn plus(self, count: u64) -> Self {
        Self(self.0 + count)
    }

    /// Records from `self` up to `later`.
    #[must_use]
    pub fn until(self, later: Self) -> u64 {
        later.ordinal().saturating_sub(self.ordinal())
    }
}

impl fmt::Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.epoch(), self.ordinal())
    }
}
