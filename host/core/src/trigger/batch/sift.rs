//! Taking only the records that a trigger's filters want, and of a divided shard only a part's.
//!
//! The batch then holds parts of blocks, still without a copy, and remembers how many records were
//! left out before each, so that a lane that passes some of them can say how many it left out.

use super::{
    super::filter::{Sieve, sieve::Fate},
    Batch, Record, Room,
};
use crate::{block::Slice, position::Position};

/// How many records were left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// By the filters.
    pub filtered: u64,
    /// Since they are other lanes'.
    pub foreign: u64,
}

impl LeftOut {
    /// All together.
    #[must_use]
    pub fn all(self) -> u64 {
        self.filtered + self.foreign
    }

    /// Adds what was left out elsewhere.
    pub fn add(&mut self, other: Self) {
        self.filtered += other.filtered;
        self.foreign += other.foreign;
    }
}

/// Records that were left out in a row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gap {
    /// Before which of the batch's records.
    before: usize,
    left_out: LeftOut,
}

impl Gap {
    /// Whether it is no later than right before record `index`.
    pub(super) fn is_before(&self, index: usize) -> bool {
        self.before <= index
    }
}

impl Batch {
    /// As [`Batch::take`], without the records that `sieve` does not keep: they need no room.
    pub fn sift(&mut self, slices: Vec<Slice>, room: &Room, sieve: &Sieve) -> bool {
        for slice in slices {
            if self.is_beyond_window(&slice, room) {
                self.is_over = true;
                return true;
            }
            // Whether the record before is in the batch, so that this one only lengthens its part.
            let mut goes_on = false;
            for i in slice.range.clone() {
                let position = slice.base.plus(i.into());
                let is_beyond = room.end.is_some_and(|end| position >= end);
                if is_beyond || self.is_full(room) {
                    return true;
                }
                let record = Record {
                    position,
                    arrival: slice.arrival,
                    key: slice.block.key(i),
                    data: slice.block.datum(i),
                };
                let fate = sieve.fate(&record);
                if fate == Fate::Kept {
                    let bytes = slice.block.payload(i..i + 1);
                    if self.records > 0 && self.bytes + bytes > room.bytes {
                        return true;
                    }
                    self.add(&slice, i, bytes, goes_on);
                    goes_on = true;
                } else {
                    self.leave_out(LeftOut {
                        filtered: u64::from(fate == Fate::Filtered),
                        foreign: u64::from(fate == Fate::Foreign),
                    });
                    goes_on = false;
                }
                self.end = Some(position.plus(1));
            }
        }
        self.is_full(room)
    }

    fn add(&mut self, slice: &Slice, i: u32, bytes: usize, goes_on: bool) {
        self.records += 1;
        self.bytes += bytes;
        match self.slices.last_mut().filter(|_| goes_on) {
            Some(last) => last.range.end = i + 1,
            None => self.slices.push(Slice {
                range: i..i + 1,
                ..slice.clone()
            }),
        }
    }

    fn leave_out(&mut self, left_out: LeftOut) {
        let before = self.records;
        match self.gaps.last_mut().filter(|gap| gap.before == before) {
            Some(gap) => gap.left_out.add(left_out),
            None => self.gaps.push(Gap { before, left_out }),
        }
    }

    /// How many records were left out before record `index`, or in all where that is the count.
    #[must_use]
    pub fn left_out(&self, index: usize) -> LeftOut {
        let mut left_out = LeftOut::default();
        let gaps = self.gaps.iter().take_while(|gap| gap.is_before(index));
        gaps.for_each(|gap| left_out.add(gap.left_out));
        left_out
    }

    /// Where no record is wanted of all that it was given: forgets them, and says up to where they
    /// were and how many.
    pub fn pass(&mut self) -> Option<(Position, LeftOut)> {
        if !self.is_empty() || self.gaps.is_empty() {
            return None;
        }
        let passed = self.left_out(0);
        let end = self.end;
        *self = Self {
            is_over: self.is_over,
            ..Self::default()
        };
        end.map(|end| (end, passed))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        block::BlockBuilder,
        catalog::Stream,
        position::ShardNumber,
        time::Millis,
        trigger::{FilterCriteria, Share, batch::Room},
    };

    /// Keeps the records whose key is `y`.
    fn sieve() -> Sieve {
        let stream = Stream::new("s".try_into().unwrap(), 1, ShardNumber(0), Millis(0));
        let pattern = r#"{"partitionKey":["y"]}"#.to_owned();
        let criteria = FilterCriteria::new(vec![pattern]).unwrap();
        Sieve::new(&criteria, &stream.shards[0], Share::WHOLE).unwrap()
    }

    fn slice(base: u64, records: &[(bool, usize)]) -> Slice {
        let mut builder = BlockBuilder::default();
        for &(wanted, size) in records {
            builder.push(if wanted { "y" } else { "n" }, &vec![b'x'; size - 1]);
        }
        Slice {
            block: builder.finish().unwrap(),
            range: 0..records.len() as u32,
            base: Position(base),
            arrival: Millis(0),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        #[test]
        fn takes_what_taking_the_wanted_alone_would(
            blocks in prop::collection::vec(
                prop::collection::vec((any::<bool>(), 1usize..40), 1..8), 1..8,
            ),
            records in 1usize..12,
            bytes in 1usize..200,
            end in prop::option::of(1u64..40),
        ) {
            let (sieve, room) = (sieve(), Room { records, bytes, end: end.map(Position), windows: None });
            let mut batch = Batch::default();
            let (mut base, mut full) = (0, false);
            for block in &blocks {
                if !full {
                    full = batch.sift(vec![slice(base, block)], &room, &sieve);
                }
                base += block.len() as u64;
            }
            let all: Vec<(bool, usize)> = blocks.concat();
            let (mut count, mut total, mut seen) = (0, 0, 0u64);
            for &(wanted, size) in &all {
                let fits = count == 0 || total + size <= bytes;
                let is_full = count >= records || total >= bytes;
                if end.is_some_and(|end| seen >= end) || is_full || (wanted && !fits) {
                    break;
                }
                seen += 1;
                count += usize::from(wanted);
                total += if wanted { size } else { 0 };
            }
            let wanted: Vec<u64> =
                (0..seen).filter(|&at| all[at as usize].0).collect();
            let taken: Vec<u64> = batch.iter().map(|record| record.position.0).collect();
            prop_assert_eq!(&taken, &wanted);
            prop_assert_eq!((batch.len(), batch.bytes()), (count, total));
            prop_assert_eq!(batch.next().unwrap_or_default(), Position(seen));
            prop_assert_eq!(&batch.columns().positions, wanted.as_slice());
            for (index, &at) in wanted.iter().enumerate() {
                prop_assert_eq!(batch.position(index), Position(at));
                prop_assert_eq!(batch.left_out(index).all(), at - index as u64);
            }
            prop_assert_eq!(batch.left_out(count).all(), seen - count as u64);
            if seen < all.len() as u64 {
                prop_assert!(full);
            }
        }
    }

    #[test]
    fn what_is_left_out_all_of_it_is_passed() {
        let any = Room {
            records: 9,
            bytes: 99,
            end: None,
            windows: None,
        };
        let mut batch = Batch::default();
        assert_eq!(batch.pass(), None);
        batch.sift(vec![slice(7, &[(false, 1); 3])], &any, &sieve());
        let left_out = |filtered| LeftOut {
            filtered,
            foreign: 0,
        };
        assert_eq!(batch.pass(), Some((Position(10), left_out(3))));
        assert_eq!((batch.next(), batch.left_out(0)), (None, left_out(0)));
        batch.sift(vec![slice(10, &[(false, 1), (true, 1)])], &any, &sieve());
        assert_eq!((batch.pass(), batch.left_out(0)), (None, left_out(1)));
    }

    /// Every part of a block used to ask for room for all keys of the block.
    #[test]
    fn many_parts_of_one_block_take_no_more_memory_than_they_hold() {
        let records: Vec<_> = (0..10_000).map(|at| (at % 2 == 0, 20)).collect();
        let any = Room {
            records: 10_000,
            bytes: 1 << 20,
            end: None,
            windows: None,
        };
        let mut batch = Batch::default();
        batch.sift(vec![slice(0, &records)], &any, &sieve());
        let columns = batch.columns();
        assert_eq!((columns.len(), columns.keys.capacity()), (5_000, 5_000));
    }
}
