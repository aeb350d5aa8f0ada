//! Hash keys: 128-bit numbers that decide to which shard a record goes.

mod lanes;

use std::fmt;

use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};

use self::lanes::{LANES, SHORT};

/// A point in 0..2^128.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HashKey(pub u128);

impl HashKey {
    /// The hash of a partition key: its MD5 as a big-endian number, as Kinesis defines it.
    #[must_use]
    pub fn of(partition_key: &[u8]) -> Self {
        Self(u128::from_be_bytes(Md5::digest(partition_key).into()))
    }

    /// The hashes of partition keys in their order, at a fraction of the cost where there are many.
    #[must_use]
    pub fn of_all<'k>(partition_keys: impl ExactSizeIterator<Item = &'k [u8]>) -> Vec<Self> {
        let mut hashes = Vec::with_capacity(partition_keys.len());
        let (mut places, mut keys) = ([0; LANES], [&[][..]; LANES]);
        let mut waiting = 0;
        for (place, key) in partition_keys.enumerate() {
            if key.len() > SHORT {
                hashes.push(Self::of(key));
                continue;
            }
            hashes.push(Self(0));
            (places[waiting], keys[waiting]) = (place, key);
            waiting += 1;
            if waiting == LANES {
                let hashed = lanes::hash(&keys);
                places
                    .iter()
                    .zip(hashed)
                    .for_each(|(&at, hash)| hashes[at].0 = hash);
                waiting = 0;
            }
        }
        for (&place, key) in places.iter().zip(keys).take(waiting) {
            hashes[place] = Self::of(key);
        }
        hashes
    }
}

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

// Decimal text, since JSON numbers do not reach 2^128.
impl Serialize for HashKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for HashKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(serde::de::Error::custom)
    }
}

/// The hash keys of a shard, both ends included (so that 2^128-1 can be one).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HashRange {
    /// The lowest.
    pub start: HashKey,
    /// The highest.
    pub end: HashKey,
}

impl HashRange {
    /// Whether `key` belongs to the shard.
    #[must_use]
    pub fn contains(&self, key: HashKey) -> bool {
        (self.start..=self.end).contains(&key)
    }

    /// The ranges of `shards` new shards: floor(2^128 / n) wide, the last one to the end.
    #[must_use]
    pub fn split_all(shards: u32) -> Vec<Self> {
        assert!(shards > 0, "a stream has a shard");
        let n = u128::from(shards);
        // floor(2^128 / n) without 2^128, which u128 cannot hold.
        // For one shard it is 2^128 itself, which wraps to 0 and is never multiplied by more than 0.
        let width = (u128::MAX / n).wrapping_add(u128::from(u128::MAX % n == n - 1));
        let start = |i: u128| HashKey(width.wrapping_mul(i));
        let end = |i: u128| {
            if i + 1 == n {
                HashKey(u128::MAX)
            } else {
                HashKey(start(i + 1).0 - 1)
            }
        };
        (0..n)
            .map(|i| Self {
                start: start(i),
                end: end(i),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn three_shards_end_where_amazon_ends_them() {
        let ends: Vec<_> = HashRange::split_all(3)
            .iter()
            .map(|r| r.end.0.to_string())
            .collect();
        assert_eq!(
            ends,
            [
                "113427455640312821154458202477256070484",
                "226854911280625642308916404954512140969",
                "340282366920938463463374607431768211455"
            ]
        );
    }

    #[test]
    fn ranges_cover_everything_once() {
        for n in [1, 2, 3, 4, 7, 64, 1000, 10_000] {
            let ranges = HashRange::split_all(n);
            assert_eq!(
                (ranges[0].start.0, ranges[n as usize - 1].end.0),
                (0, u128::MAX)
            );
            assert!(
                ranges.windows(2).all(|w| w[0].end.0 + 1 == w[1].start.0),
                "{n}"
            );
        }
    }

    #[test]
    fn hashes_as_md5() {
        assert_eq!(
            format!("{:032x}", HashKey::of(b"a").0),
            "0cc175b9c0f1b6a831c399e269772661"
        );
    }

    proptest! {
        #[test]
        fn many_keys_are_hashed_as_each_of_them(
            keys in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..40),
        ) {
            let each: Vec<_> = keys.iter().map(|key| HashKey::of(key)).collect();
            prop_assert_eq!(HashKey::of_all(keys.iter().map(Vec::as_slice)), each);
        }
    }
}
