//! Aliases: names for versions of a function, and a part of the batches for another version.

use serde::{Deserialize, Serialize};

use crate::position::{Position, ShardNumber};

/// A name for a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alias {
    /// The version's number; none is the function as it is now.
    pub number: Option<u64>,
    /// What goes to another version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shift: Option<Shift>,
    /// For people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Another number after each change.
    pub revision: u64,
}

/// A part of the batches that goes to another version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shift {
    /// The other version's number.
    pub number: u64,
    /// How many of a million batches.
    pub millionths: u32,
}

/// All of a million.
pub const MILLION: u32 = 1_000_000;

impl Shift {
    /// Whether the batch of `shard` that begins at `first` is one of them.
    ///
    /// A batch that is tried again begins at the same record, so it goes to the same version.
    #[must_use]
    pub fn takes(&self, shard: ShardNumber, first: Position) -> bool {
        let mixed = mix(mix(u64::from(shard.0)) ^ first.0);
        // The upper half of the product is the number scaled to a million.
        let scaled = (u128::from(mixed) * u128::from(MILLION)) >> 64;
        scaled < u128::from(self.millionths)
    }
}

/// Sebastiano Vigna's SplitMix64, whose every output bit depends on every bit of its input.
fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(millionths: u32, of: u64) -> usize {
        let shift = Shift {
            number: 2,
            millionths,
        };
        let batches = (0..of).map(|batch| Position(batch * 100));
        batches
            .filter(|&first| shift.takes(ShardNumber(3), first))
            .count()
    }

    #[test]
    fn a_share_of_the_batches_is_shifted() {
        assert_eq!(taken(0, 10_000), 0);
        assert_eq!(taken(MILLION, 10_000), 10_000);
        let tenth = taken(100_000, 10_000);
        assert!((850..=1_150).contains(&tenth), "{tenth}");
    }

    #[test]
    fn a_batch_that_is_tried_again_goes_to_the_same_version() {
        let shift = Shift {
            number: 2,
            millionths: 500_000,
        };
        for first in (0..100).map(Position) {
            let once = shift.takes(ShardNumber(1), first);
            assert_eq!(shift.takes(ShardNumber(1), first), once);
        }
    }
}
