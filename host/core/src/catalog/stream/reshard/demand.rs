//! On-demand streams: which shards to halve and which to merge, from what was put into them.

use std::collections::BTreeMap;

use super::Adaptation;
use crate::{
    catalog::{Shard, Stream},
    limit,
    position::ShardNumber,
};

/// A shard is halved above this part of what it may take, in hundredths: on average over a look, so
/// its peaks are higher.
const HOT: u64 = 80;
/// Neighbours are merged that together stay below this part.
const COLD: u64 = 25;
/// For so many looks in a row.
const COLD_LOOKS: u32 = 15;

/// What was put into a shard since the last look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    /// Records.
    pub records: u64,
    /// Bytes of data and keys.
    pub bytes: u64,
}

impl Load {
    /// The part of what a shard may take, in hundredths, within so many milliseconds.
    fn share(self, ms: u64) -> u64 {
        let part =
            |count: u64, limit: u32| count.saturating_mul(100_000) / (u64::from(limit) * ms.max(1));
        let records = part(self.records, limit::SHARD_RECORDS_IN);
        records.max(part(self.bytes, limit::SHARD_BYTES_IN))
    }
}

/// What is remembered of a stream between looks.
#[derive(Debug, Clone, Default)]
pub struct Demand {
    /// Looks in a row at which a shard and the one that follows it were cold, by the lower one.
    cold: BTreeMap<ShardNumber, u32>,
}

impl Demand {
    /// What is to be done about `stream`, which took `loads` in the last `ms` milliseconds.
    pub fn look(
        &mut self,
        stream: &Stream,
        loads: &BTreeMap<ShardNumber, Load>,
        ms: u64,
    ) -> Adaptation {
        let mut open: Vec<&Shard> = stream.open_shards().collect();
        open.sort_unstable_by_key(|shard| shard.range.start);
        let share = |shard: &Shard| {
            let load = loads.get(&shard.number).copied();
            load.unwrap_or_default().share(ms)
        };
        self.count_cold(&open, share);
        let warm = stream.warm_mibps.unwrap_or(0) as usize;
        let halve = hot(&open, share, warm);
        let merge = if halve.is_empty() {
            self.cold_pairs(&open, warm.max(limit::SHARDS_DEFAULT as usize))
        } else {
            Vec::new()
        };
        Adaptation { halve, merge }
    }

    fn count_cold(&mut self, open: &[&Shard], share: impl Fn(&Shard) -> u64) {
        let before = std::mem::take(&mut self.cold);
        for pair in open.windows(2) {
            if share(pair[0]) + share(pair[1]) < COLD {
                let looks = before.get(&pair[0].number).copied().unwrap_or(0);
                self.cold.insert(pair[0].number, looks.saturating_add(1));
            }
        }
    }

    /// Pairs that were cold for long, as long as `least` shards are left.
    fn cold_pairs(&self, open: &[&Shard], least: usize) -> Vec<(u32, u32)> {
        let mut spare = open.len().saturating_sub(least);
        let (mut pairs, mut at) = (Vec::new(), 0);
        while spare > 0 && at + 1 < open.len() {
            let looks = self.cold.get(&open[at].number).copied().unwrap_or(0);
            if looks >= COLD_LOOKS {
                pairs.push((open[at].index, open[at + 1].index));
                spare -= 1;
                at += 1;
            }
            at += 1;
        }
        pairs
    }
}

/// The shards to halve: those that are hot, and the widest where fewer are open than shall be.
fn hot(open: &[&Shard], share: impl Fn(&Shard) -> u64, warm: usize) -> Vec<u32> {
    let width = |shard: &Shard| shard.range.end.0 - shard.range.start.0;
    let room = limit::SHARDS_ON_DEMAND.saturating_sub(open.len());
    let missing = warm.saturating_sub(open.len());
    let mut halve: Vec<&Shard> = open.iter().filter(|s| share(s) > HOT).copied().collect();
    // The hottest first, where there is not room for all.
    halve.sort_by_key(|shard| std::cmp::Reverse(share(shard)));
    if halve.len() < missing {
        let mut others: Vec<&Shard> = open.iter().filter(|s| share(s) <= HOT).copied().collect();
        others.sort_by_key(|shard| std::cmp::Reverse(width(shard)));
        others.truncate(missing - halve.len());
        halve.extend(others);
    }
    // One that has a few hash keys only holds one busy key, which cannot be divided.
    halve.retain(|shard| width(shard) > 8);
    halve.truncate(room);
    halve.into_iter().map(|shard| shard.index).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{catalog::stream::StreamMode, time::Millis};

    const MINUTE: u64 = 60_000;

    fn stream(shards: u32) -> Stream {
        Stream {
            mode: StreamMode::OnDemand,
            ..Stream::new("s".try_into().unwrap(), shards, ShardNumber(0), Millis(0))
        }
    }

    /// The same records a second into each shard, of a hundred bytes.
    fn loads(records: &[u64]) -> BTreeMap<ShardNumber, Load> {
        let load = |&records: &u64| Load {
            records: records * 60,
            bytes: records * 6_000,
        };
        (0..)
            .map(ShardNumber)
            .zip(records.iter().map(load))
            .collect()
    }

    #[test]
    fn hot_shards_are_halved_and_no_others() {
        let mut demand = Demand::default();
        let look = demand.look(&stream(4), &loads(&[810, 100, 5_000, 800]), MINUTE);
        assert_eq!((look.halve, look.merge), (vec![2, 0], vec![]));
        let bytes = Load {
            records: 60,
            bytes: 60 << 20,
        };
        let loads = BTreeMap::from([(ShardNumber(1), bytes)]);
        assert_eq!(demand.look(&stream(4), &loads, MINUTE).halve, [1]);
    }

    #[test]
    fn cold_neighbours_are_merged_after_a_while_down_to_a_few() {
        let (mut demand, stream) = (Demand::default(), stream(7));
        let quiet = loads(&[1, 1, 1, 900, 1, 1, 1]);
        for _ in 1..COLD_LOOKS {
            assert!(
                demand
                    .look(&stream, &loads(&[1; 7]), MINUTE)
                    .merge
                    .is_empty()
            );
        }
        // A hot shard is seen to first, and is nobody's partner.
        let look = demand.look(&stream, &quiet, MINUTE);
        assert_eq!((look.halve, look.merge), (vec![3], vec![]));
        let look = demand.look(&stream, &loads(&[1, 1, 1, 700, 1, 1, 1]), MINUTE);
        assert_eq!(look.merge, [(0, 1), (4, 5)]);
        let look = demand.look(&stream, &loads(&[200; 7]), MINUTE);
        assert_eq!(look, Adaptation::default());
        let look = demand.look(&stream, &loads(&[0; 7]), MINUTE);
        assert!(look.merge.is_empty(), "it was busy a moment ago");
    }

    #[test]
    fn a_stream_that_shall_be_warm_has_its_shards_and_keeps_them() {
        let mut demand = Demand::default();
        let mut stream = stream(4);
        stream.warm_mibps = Some(6);
        let look = demand.look(&stream, &loads(&[0; 4]), MINUTE);
        assert_eq!(look.halve.len(), 2);
        stream.warm_mibps = Some(4);
        for _ in 0..2 * COLD_LOOKS {
            let look = demand.look(&stream, &loads(&[0; 4]), MINUTE);
            assert_eq!(look, Adaptation::default());
        }
    }

    #[test]
    fn there_is_an_end_to_it() {
        let stream = stream(199);
        let look = Demand::default().look(&stream, &loads(&[5_000; 199]), MINUTE);
        assert_eq!(look.halve.len(), 1);
    }
}
