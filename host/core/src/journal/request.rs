//! The id of one call of a function, as its log and its failures tell it.

use std::fmt;

/// The version of UUIDs that are random.
const RANDOM: u128 = 4;
/// The version of UUIDs that follow a scheme of one's own.
const OWN: u128 = 8;

/// A call's id; shown as a UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestId(u128);

impl RequestId {
    /// From random bits.
    #[must_use]
    pub fn random(bits: u128) -> Self {
        Self::of_version(bits, RANDOM)
    }

    /// From numbers that no other call has together. Takes some nanoseconds: each batch has one.
    #[must_use]
    pub fn following(numbers: &[u64]) -> Self {
        let digest = |seed: u64| {
            let step = |digest: u64, number: &u64| mixed(digest ^ mixed(*number));
            u128::from(numbers.iter().fold(mixed(seed), step))
        };
        Self::of_version(digest(1) << 64 | digest(2), OWN)
    }

    /// As a number.
    #[must_use]
    pub fn bits(self) -> u128 {
        self.0
    }

    fn of_version(bits: u128, version: u128) -> Self {
        Self(bits & !(0xf << 76) & !(0b11 << 62) | version << 76 | 0b10 << 62)
    }
}

/// Each bit of the result depends on each bit of `number` (the finisher of SplitMix64).
fn mixed(number: u64) -> u64 {
    let z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |shift: u32, digits: u32| self.0 >> shift & ((1 << (digits * 4)) - 1);
        write!(
            f,
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            part(96, 8),
            part(80, 4),
            part(64, 4),
            part(48, 4),
            part(0, 12)
        )
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::catalog::function::is_uuid;

    #[test]
    fn ids_are_uuids_and_differ_where_any_number_does() {
        assert_eq!(
            RequestId::random(u128::MAX).to_string(),
            "ffffffff-ffff-4fff-bfff-ffffffffffff"
        );
        let mut seen = BTreeSet::new();
        for numbers in [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0]] {
            let id = RequestId::following(&numbers).to_string();
            assert!(is_uuid(&id) && id.as_bytes()[14] == b'8', "{id}");
            assert_eq!(id, RequestId::following(&numbers).to_string());
            assert!(seen.insert(id));
        }
    }
}
