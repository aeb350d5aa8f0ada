//! PutRecords before the log sees it: which record goes to which shard, encoded into one block a shard.
//!
//! Works in two passes, so that blocks are allocated once at their size and data is decoded straight
//! into place: [`plan`] routes and weighs, [`Plan::encode`] fills. Knows nothing of JSON or base64.

use thiserror::Error;

use crate::{
    block::BlockBuilder,
    catalog::{Shard, Stream, stream::Distribution},
    hash_key::HashKey,
    limit,
    port::Append,
    position::ShardNumber,
};

/// In [`Planned::lane_of`], of a record that is in no lane.
pub const REFUSED: u32 = u32::MAX;

/// What routing needs to know of a record.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Its partition key.
    pub key: &'a str,
    /// The hash key that stands in for the partition key's.
    pub explicit: Option<HashKey>,
    /// Bytes of its data.
    pub bytes: usize,
}

/// Why records are not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PutRefused {
    /// One record is too big.
    #[error("record {index} has {bytes} bytes of data and key, at most {limit} are allowed")]
    RecordTooLarge {
        /// Which, from 0.
        index: usize,
        /// Its size.
        bytes: usize,
        /// What is allowed.
        limit: usize,
    },
    /// All of them together are.
    #[error("the records have {bytes} bytes of data and keys, at most {limit} are allowed")]
    TooLarge {
        /// Their size.
        bytes: usize,
        /// What is allowed.
        limit: usize,
    },
}

/// Records that have their shards.
#[derive(Debug)]
#[must_use]
pub struct Plan<'s> {
    lanes: Vec<Lane<'s>>,
    lane_of: Vec<u32>,
    refused: Vec<(u32, u32)>,
    bytes: usize,
}

/// A shard that gets records.
#[derive(Debug)]
struct Lane<'s> {
    shard: &'s Shard,
    records: usize,
    bytes: usize,
}

/// Records encoded for the log.
#[derive(Debug)]
#[must_use]
pub struct Planned {
    /// What to append: one block for each shard that gets records.
    pub appends: Vec<Append>,
    /// The shards of `appends`, in the same order.
    pub shards: Vec<Shard>,
    /// For each record, which of `appends` it is in; within a block they keep their order.
    pub lane_of: Vec<u32>,
    /// Records that a shard did not take, and its index, in their order.
    pub refused: Vec<(u32, u32)>,
    /// Bytes of data and keys.
    pub bytes: usize,
}

/// Routes and weighs `records`, of which there must be one. Where they are spread evenly whatever their
/// keys, `turn` says with which shard that begins.
///
/// # Errors
/// When one of them, or all together, are too big.
pub fn plan<'s, 'r>(
    stream: &'s Stream,
    records: impl ExactSizeIterator<Item = Wanted<'r>> + Clone,
    turn: u64,
) -> Result<Plan<'s>, PutRefused> {
    let mut routes = Routes::new(stream, turn);
    let mut plan = Plan {
        lanes: Vec::new(),
        lane_of: Vec::with_capacity(records.len()),
        refused: Vec::new(),
        bytes: 0,
    };
    let hashes = match routes {
        Routes::One(_) | Routes::Turns(..) => Vec::new(),
        Routes::Many(_) => HashKey::of_all(records.clone().map(|record| record.key.as_bytes())),
    };
    for (index, record) in records.enumerate() {
        let bytes = record.bytes + record.key.len();
        let limit = stream.record_bytes();
        if bytes > limit {
            return Err(PutRefused::RecordTooLarge {
                index,
                bytes,
                limit,
            });
        }
        let hash = hashes.get(index).copied();
        let at = routes.lane(record.explicit.or(hash), &mut plan.lanes);
        let lane = &mut plan.lanes[at as usize];
        lane.records += 1;
        lane.bytes += bytes;
        plan.bytes += bytes;
        plan.lane_of.push(at);
    }
    let (bytes, limit) = (plan.bytes, limit::PUT_RECORDS_BYTES);
    if bytes > limit {
        return Err(PutRefused::TooLarge { bytes, limit });
    }
    Ok(plan)
}

impl Plan<'_> {
    /// Takes those of the same `records` out that `takes` refuses: it is asked of each, in their order,
    /// with its shard and its bytes of data and key.
    pub fn admit<'r>(
        &mut self,
        records: impl Iterator<Item = Wanted<'r>>,
        mut takes: impl FnMut(ShardNumber, usize) -> bool,
    ) {
        for (index, record) in (0..).zip(records) {
            let lane_of = &mut self.lane_of[index as usize];
            let lane = &mut self.lanes[*lane_of as usize];
            let bytes = record.bytes + record.key.len();
            if !takes(lane.shard.number, bytes) {
                lane.records -= 1;
                lane.bytes -= bytes;
                self.bytes -= bytes;
                self.refused.push((index, lane.shard.index));
                *lane_of = REFUSED;
            }
        }
        if self.refused.is_empty() {
            return;
        }
        // A lane without records is none.
        let mut left = 0;
        let places: Vec<u32> = self
            .lanes
            .iter()
            .map(|lane| {
                let place = left;
                left += u32::from(lane.records > 0);
                place
            })
            .collect();
        self.lanes.retain(|lane| lane.records > 0);
        for lane_of in &mut self.lane_of {
            *lane_of = places.get(*lane_of as usize).copied().unwrap_or(REFUSED);
        }
    }

    /// Encodes the records: `fill` is called for each that is not refused, in order, and pushes it to the
    /// given block.
    ///
    /// # Errors
    /// The first one of `fill`.
    pub fn encode<E>(
        self,
        mut fill: impl FnMut(usize, &mut BlockBuilder) -> Result<(), E>,
    ) -> Result<Planned, E> {
        let Self {
            lanes,
            lane_of,
            refused,
            bytes,
        } = self;
        let mut builders: Vec<_> = lanes
            .iter()
            .map(|lane| BlockBuilder::with_capacity(lane.records, lane.bytes))
            .collect();
        for (index, &lane) in lane_of.iter().enumerate() {
            if let Some(builder) = builders.get_mut(lane as usize) {
                fill(index, builder)?;
            }
        }
        let append = |(lane, builder): (&Lane<'_>, BlockBuilder)| {
            assert_eq!(builder.len(), lane.records, "each record is pushed once");
            Append {
                shard: lane.shard.number,
                block: builder.finish().expect("a lane has a record"),
            }
        };
        Ok(Planned {
            appends: lanes.iter().zip(builders).map(append).collect(),
            shards: lanes.iter().map(|lane| lane.shard.clone()).collect(),
            lane_of,
            refused,
            bytes,
        })
    }
}

/// Finds the lane of a record's hash key.
enum Routes<'s> {
    /// Nothing needs to be hashed.
    One(&'s Shard),
    /// Open shards by their hash keys, and the lane that each has once it gets a record.
    Many(Vec<(&'s Shard, Option<u32>)>),
    /// The same, one after another whatever the keys: whose turn it is.
    Turns(Vec<(&'s Shard, Option<u32>)>, usize),
}

impl<'s> Routes<'s> {
    fn new(stream: &'s Stream, turn: u64) -> Self {
        let mut shards: Vec<_> = stream.open_shards().map(|shard| (shard, None)).collect();
        if let [(only, _)] = shards[..] {
            return Self::One(only);
        }
        if stream.distribution == Distribution::Auto {
            let turn = turn % u64::try_from(shards.len()).expect("a usize fits");
            return Self::Turns(shards, usize::try_from(turn).expect("it is below a usize"));
        }
        shards.sort_unstable_by_key(|(shard, _)| shard.range.start);
        Self::Many(shards)
    }

    fn lane(&mut self, key: Option<HashKey>, lanes: &mut Vec<Lane<'s>>) -> u32 {
        let (shard, lane) = match self {
            Self::One(shard) if lanes.is_empty() => (*shard, &mut None),
            Self::One(_) => return 0,
            Self::Many(shards) => {
                let key = key.expect("keys are hashed where there are many");
                let at = shards.partition_point(|(shard, _)| shard.range.end < key);
                let (shard, lane) = shards.get_mut(at).expect("open shards cover all hash keys");
                (*shard, lane)
            }
            Self::Turns(shards, turn) => {
                let at = *turn;
                *turn = (at + 1) % shards.len();
                let (shard, lane) = &mut shards[at];
                (*shard, lane)
            }
        };
        *lane.get_or_insert_with(|| {
            lanes.push(Lane {
                shard,
                records: 0,
                bytes: 0,
            });
            u32::try_from(lanes.len() - 1).expect("a stream has fewer than 2^20 shards")
        })
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;
    use crate::{position::ShardNumber, time::Millis};

    fn stream(shards: u32) -> Stream {
        Stream::new("s".try_into().unwrap(), shards, ShardNumber(7), Millis(0))
    }

    fn wanted(key: &str, bytes: usize) -> Wanted<'_> {
        Wanted {
            key,
            explicit: None,
            bytes,
        }
    }

    fn sized(sizes: &[usize]) -> Result<(), PutRefused> {
        let stream = stream(1);
        plan(&stream, sizes.iter().map(|&bytes| wanted("k", bytes)), 0).map(drop)
    }

    #[test]
    fn a_record_may_be_as_big_as_allowed_with_its_key_and_no_bigger() {
        let limit = limit::RECORD_BYTES;
        assert_eq!(sized(&[limit - 1]), Ok(()));
        let refused = PutRefused::RecordTooLarge {
            index: 1,
            bytes: limit + 1,
            limit,
        };
        assert_eq!(sized(&[1, limit]), Err(refused));
    }

    #[test]
    fn all_records_together_may_be_as_big_as_allowed_and_no_bigger() {
        let mut sizes = [limit::RECORD_BYTES - 1; 10];
        assert_eq!(sized(&sizes), Ok(()));
        sizes[0] -= 1;
        let one_more = [&sizes[..], &[0]].concat();
        assert_eq!(sized(&one_more), Ok(()));
        let (bytes, limit) = (limit::PUT_RECORDS_BYTES + 1, limit::PUT_RECORDS_BYTES);
        let two_more = [&sizes[..], &[0, 0]].concat();
        assert_eq!(sized(&two_more), Err(PutRefused::TooLarge { bytes, limit }));
    }

    #[test]
    fn an_explicit_hash_key_decides() {
        let stream = stream(4);
        for (key, shard) in [(0, 7), (u128::MAX, 10), (u128::MAX / 2 + 1, 9)] {
            let record = Wanted {
                key: "k",
                explicit: Some(HashKey(key)),
                bytes: 1,
            };
            let plan = plan(&stream, [record].into_iter(), 0).unwrap();
            assert_eq!(plan.lanes[0].shard.number, ShardNumber(shard));
        }
    }

    #[test]
    fn closed_shards_get_nothing() {
        let mut stream = stream(2);
        let mut child = stream.shards[0].clone();
        stream.shards[0].closed = Some(Millis(1));
        child.index = 2;
        child.number = ShardNumber(99);
        // Order by index is not order by hash key once shards were split.
        stream.shards.push(child);
        let record = Wanted {
            key: "k",
            explicit: Some(HashKey(0)),
            bytes: 1,
        };
        let plan = plan(&stream, [record].into_iter(), 0).unwrap();
        assert_eq!(plan.lanes[0].shard.number, ShardNumber(99));
    }

    #[test]
    fn what_filling_fails_with_comes_out() {
        let stream = stream(2);
        let plan = plan(&stream, ["a", "b"].map(|key| wanted(key, 1)).into_iter(), 0).unwrap();
        let failed = plan.encode(|index, _| Err(index));
        assert_eq!(failed.err(), Some(0));
    }

    #[test]
    fn records_are_spread_evenly_where_keys_do_not_matter() {
        let mut stream = stream(3);
        stream.distribution = Distribution::Auto;
        let record = Wanted {
            explicit: Some(HashKey(0)),
            ..wanted("k", 1)
        };
        let mut counts = [0; 3];
        for turn in [0, 7, 14] {
            let plan = plan(&stream, [record; 7].into_iter(), turn).unwrap();
            for lane in plan.lanes {
                counts[lane.shard.index as usize] += lane.records;
            }
        }
        assert_eq!(counts, [7, 7, 7]);
    }

    proptest! {
        #[test]
        fn what_shards_do_not_take_is_told_and_left_out(
            keys in prop::collection::vec("[a-z]{1,3}", 1..60),
            takes in prop::collection::vec(any::<bool>(), 60),
        ) {
            let stream = stream(4);
            let records = keys.iter().map(|key| wanted(key, 3));
            let mut plan = plan(&stream, records.clone(), 0).unwrap();
            let mut asked = 0;
            plan.admit(records, |_, bytes| {
                asked += 1;
                assert_eq!(bytes, keys[asked - 1].len() + 3);
                takes[asked - 1]
            });
            let planned = plan.encode(|index, block| {
                block.push(&keys[index], b"abc");
                Ok::<_, Infallible>(())
            }).unwrap();
            let refused = (0..keys.len()).filter(|i| !takes[*i]);
            let expected: Vec<(u32, u32)> = refused.map(|i| {
                let home = stream.shard_for(HashKey::of(keys[i].as_bytes()));
                (i as u32, home.index)
            }).collect();
            prop_assert_eq!(&planned.refused, &expected);
            let mut next = vec![0; planned.appends.len()];
            for (i, &lane) in planned.lane_of.iter().enumerate() {
                prop_assert_eq!(lane == REFUSED, !takes[i]);
                if takes[i] {
                    let at = &mut next[lane as usize];
                    let append = &planned.appends[lane as usize];
                    prop_assert_eq!(append.block.key(*at), keys[i].as_str());
                    prop_assert_eq!(append.shard, planned.shards[lane as usize].number);
                    *at += 1;
                }
            }
            for (append, next) in planned.appends.iter().zip(next) {
                prop_assert_eq!(append.block.len(), next);
            }
        }

        #[test]
        fn every_record_is_in_the_block_of_its_key_and_in_order(
            shards in 1u32..9,
            records in prop::collection::vec(("[a-z]{1,3}", prop::collection::vec(any::<u8>(), 0..20)), 1..60),
        ) {
            let stream = stream(shards);
            let wanted = records.iter().map(|(key, data)| wanted(key, data.len()));
            let plan = plan(&stream, wanted, 0).unwrap();
            let planned = plan.encode(|index, block| {
                let (key, data) = &records[index];
                block.push(key, data);
                Ok::<_, Infallible>(())
            }).unwrap();
            let mut next = vec![0; planned.appends.len()];
            for ((key, data), &lane) in records.iter().zip(&planned.lane_of) {
                let (append, next) = (&planned.appends[lane as usize], &mut next[lane as usize]);
                prop_assert_eq!(append.shard, stream.shard_for(HashKey::of(key.as_bytes())).number);
                prop_assert_eq!(append.shard, planned.shards[lane as usize].number);
                prop_assert_eq!(append.block.key(*next), key.as_str());
                prop_assert_eq!(append.block.datum(*next), data.as_slice());
                *next += 1;
            }
            let total: usize = records.iter().map(|(key, data)| key.len() + data.len()).sum();
            prop_assert_eq!(planned.bytes, total);
        }
    }
}
