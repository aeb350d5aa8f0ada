//! Which part of a shard's records a lane works, where several work one shard at once: by partition
//! key, so that no key is ever in two batches at a time.

use bytes::Bytes;

use crate::{catalog::key, planted::Bug, position::ShardNumber};

/// One of the equal parts of a shard: the records whose keys' hash modulo `of` is `index`.
///
/// Invariant: the hash never changes; stored positions of lanes are of the parts that it makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    index: u8,
    of: u8,
}

impl Share {
    /// All of a shard.
    pub const WHOLE: Self = Self { index: 0, of: 1 };

    /// The parts of a shard that is divided into `of`.
    pub fn all(of: u8) -> impl ExactSizeIterator<Item = Self> {
        let of = of.max(1);
        (0..of).map(move |index| Self { index, of })
    }

    /// Which part this is, from 0.
    #[must_use]
    pub fn index(self) -> usize {
        self.index.into()
    }

    /// Whether it is all of the shard.
    #[must_use]
    pub fn is_whole(self) -> bool {
        self.of == 1
    }

    /// Whether records of this partition key belong to it.
    #[must_use]
    pub fn owns(self, partition_key: &str) -> bool {
        self.is_whole()
            || Bug::ForeignRecords.is_here()
            || hash(partition_key.as_bytes()) % u64::from(self.of) == u64::from(self.index)
    }

    /// Where its lane keeps its checkpoint.
    #[must_use]
    pub fn key(self, trigger: u64, shard: ShardNumber) -> Bytes {
        if self.is_whole() {
            key::lane(trigger, shard)
        } else {
            key::part_of_lane(trigger, shard, self.index)
        }
    }
}

/// FNV-1a, stirred: its low bits alone would follow the key's last byte. Not the MD5 that chose the
/// shard: that costs ten times as much, and every lane hashes every record.
fn hash(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for &byte in bytes {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_belongs_to_one_part_and_parts_are_alike() {
        for of in 1..=10u8 {
            let mut counts = vec![0_usize; of.into()];
            for key in 0..10_000 {
                let key = format!("user-{key}");
                let owners: Vec<_> = Share::all(of).filter(|share| share.owns(&key)).collect();
                assert_eq!(owners.len(), 1);
                counts[owners[0].index()] += 1;
            }
            let fair = 10_000 / usize::from(of);
            assert!(
                counts.iter().all(|count| count.abs_diff(fair) < fair / 5),
                "{counts:?}"
            );
        }
    }

    /// Positions that are stored are of these parts.
    #[test]
    fn the_parts_never_change() {
        let part = |key: &str| Share::all(10).position(|share| share.owns(key)).unwrap();
        let keys = ["", "a", "b", "user-1", "user-2", "device-77"];
        assert_eq!(keys.map(part), [8, 9, 8, 9, 7, 6]);
    }

    #[test]
    fn only_parts_have_keys_of_their_own() {
        let shard = ShardNumber(3);
        assert_eq!(Share::WHOLE.key(7, shard), key::lane(7, shard));
        let keys: Vec<_> = Share::all(3).map(|share| share.key(7, shard)).collect();
        assert!(keys.iter().all(|key| key.starts_with(&key::lane(7, shard))));
        assert_eq!(keys[2].len(), key::lane(7, shard).len() + 1);
        assert!(keys[0] < keys[1] && keys[1] < keys[2]);
    }
}
