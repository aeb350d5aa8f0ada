//! A batch while it is put together: which records are in it, and when it is full.

mod sift;

use std::sync::Arc;

use self::sift::Gap;
pub use self::sift::LeftOut;
use super::{
    unpack::{Folded, Unpacked},
    window::Windows,
};
use crate::{
    batch::Columns,
    block::{Block, Slice},
    event::{self, Origin, Window},
    limit,
    port::Verdict,
    position::Position,
    time::Millis,
};

/// Records of a shard in order, shared with the log's pages: all of a stretch, or those of it that
/// are wanted.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    slices: Vec<Slice>,
    records: usize,
    bytes: usize,
    /// The position after the last record that was looked at.
    end: Option<Position>,
    /// Where records were left out.
    gaps: Vec<Gap>,
    /// What the function gets in place of the records, where they are unpacked.
    unpacked: Option<Unpacked>,
    /// Whether the function ended within a record of a longer batch.
    is_short: bool,
    /// Whether a record of a later window was seen behind its last one.
    is_over: bool,
    /// What the function is told of the window that it is of.
    window: Option<Window>,
}

/// What a batch may hold.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// Records at most.
    pub records: usize,
    /// Bytes of keys and data at most; the first record is taken whatever its size.
    pub bytes: usize,
    /// The position before which its records lie, where that is decided already.
    pub end: Option<Position>,
    /// The windows that its records may be of: one of them.
    pub windows: Option<Windows>,
}

/// One record, as it lies in its block.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// Where it stands.
    pub position: Position,
    /// When it arrived.
    pub arrival: Millis,
    /// Its partition key.
    pub key: &'a str,
    /// Its data.
    pub data: &'a [u8],
}

impl Batch {
    /// Takes the records that there is room for; says whether the batch is full, that is, whether
    /// the next record would not be taken.
    pub fn take(&mut self, slices: Vec<Slice>, room: &Room) -> bool {
        for mut slice in slices {
            if self.is_beyond_window(&slice, room) {
                self.is_over = true;
                return true;
            }
            let before_end = room
                .end
                .map_or(u64::MAX, |end| end.0.saturating_sub(slice.first().0));
            let wanted = u32::try_from(before_end)
                .unwrap_or(u32::MAX)
                .min(len(&slice));
            let fitting =
                wanted.min(u32::try_from(room.records - self.records).unwrap_or(u32::MAX));
            let fitting =
                match fitting_bytes(&slice, fitting, room.bytes.saturating_sub(self.bytes)) {
                    0 if self.records == 0 => fitting.min(1),
                    count => count,
                };
            let all = fitting == len(&slice);
            if fitting > 0 {
                slice.range.end = slice.range.start + fitting;
                self.records += slice.count();
                self.bytes += slice.payload();
                self.end = Some(slice.next());
                self.slices.push(slice);
            }
            if !all {
                return true;
            }
        }
        self.is_full(room)
    }

    /// Whether the slice is of a later window than the records that are here, or than the open one.
    fn is_beyond_window(&self, slice: &Slice, room: &Room) -> bool {
        let end = room.windows.and_then(|windows| windows.end(self.oldest()));
        end.is_some_and(|end| slice.arrival >= end)
    }

    fn is_full(&self, room: &Room) -> bool {
        let ended = room
            .end
            .is_some_and(|end| self.next().is_some_and(|next| next >= end));
        ended || self.records >= room.records || self.bytes >= room.bytes
    }

    /// How many records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// Their bytes of keys and data.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The position after the last record that was looked at.
    #[must_use]
    pub fn next(&self) -> Option<Position> {
        self.end
    }

    /// When the first record arrived, which is the oldest: arrivals never fall along a shard.
    #[must_use]
    pub fn oldest(&self) -> Option<Millis> {
        self.slices.first().map(|slice| slice.arrival)
    }

    /// How many records arrived before `horizon`; they come first.
    #[must_use]
    pub fn older_than(&self, horizon: Millis) -> usize {
        let old = self
            .slices
            .iter()
            .take_while(|slice| slice.arrival < horizon);
        old.map(Slice::count).sum()
    }

    /// No records, for the last call of a window; the lane stands at `next`.
    #[must_use]
    pub fn closing(next: Position, window: Window) -> Self {
        Self {
            end: Some(next),
            window: Some(window),
            ..Self::default()
        }
    }

    /// Whether a record of a later window was seen behind its last one.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// What the function is told of the window that the records are of.
    #[must_use]
    pub fn window(&self) -> Option<&Window> {
        self.window.as_ref()
    }

    /// Says of which window the records are.
    pub(super) fn set_window(&mut self, window: Option<Window>) {
        self.window = window;
    }

    /// The position of record `index`, or where the next batch begins where `index` is the count.
    #[must_use]
    pub fn position(&self, index: usize) -> Position {
        assert!(
            self.end.is_some() && index <= self.records,
            "record {index} of {}",
            self.records
        );
        let mut left = index as u64;
        for slice in &self.slices {
            if left < slice.count() as u64 {
                return slice.first().plus(left);
            }
            left -= slice.count() as u64;
        }
        self.end.unwrap_or(Position::START)
    }

    /// The records, in order.
    pub fn iter(&self) -> impl Iterator<Item = Record<'_>> {
        self.slices.iter().flat_map(|slice| {
            let block: &Block = &slice.block;
            slice.range.clone().map(move |i| Record {
                position: slice.base.plus(i.into()),
                arrival: slice.arrival,
                key: block.key(i),
                data: block.datum(i),
            })
        })
    }

    /// What a guest is called with.
    #[must_use]
    pub fn columns(&self) -> Arc<Columns> {
        let gather = || Arc::new(Columns::gather(&self.slices));
        let unpacked = self.unpacked.as_ref();
        unpacked.map_or_else(gather, |unpacked| Arc::clone(unpacked.columns()))
    }

    /// How many of its records fit into one event.
    #[must_use]
    pub fn fitting(&self, origin: &Origin) -> usize {
        let mut room = event::Room::new(origin, limit::EVENT_BYTES, self.window());
        let fits = |record: &Record<'_>| room.take(record.key, record.data.len(), record.arrival);
        self.iter().take_while(fits).count()
    }

    /// The same with its aggregated records unpacked, cut to what a call has room for then: of a
    /// function that takes events, also what an event has room for.
    #[must_use]
    pub fn unpack(mut self, events: Option<&Origin>) -> Self {
        let unpacked = Unpacked::of(self.iter(), events, self.window());
        self.cut(unpacked.records());
        self.unpacked = Some(unpacked);
        self
    }

    /// What a verdict on what the guest was called with says of the records.
    #[must_use]
    pub fn fold(&self, verdict: Verdict) -> Folded {
        match &self.unpacked {
            Some(unpacked) => unpacked.fold(verdict),
            None => Folded::Whole(verdict),
        }
    }

    /// The records before `record`, within which the function ended: its effects may be committed
    /// where it is called with those alone. A function that then ends within another one is shown the
    /// first record only, so that no batch takes more than three calls.
    #[must_use]
    pub fn before(&self, record: usize, events: Option<&Origin>) -> Self {
        let mut before = Self {
            unpacked: None,
            is_short: true,
            ..self.clone()
        };
        before.cut(if self.is_short { 1 } else { record });
        before.unpack(events)
    }

    /// Keeps the first `records` records.
    pub(super) fn cut(&mut self, records: usize) {
        if records == self.records {
            return;
        }
        self.is_over = false;
        // The records before the first one that goes are passed, also those that were left out.
        self.end = Some(self.position(records));
        self.gaps.retain(|gap| gap.is_before(records));
        let mut left = records;
        for slice in &mut self.slices {
            let kept = left.min(slice.count());
            // It is at most what it was before.
            slice.range.end = slice.range.start + kept as u32;
            left -= kept;
        }
        self.slices.retain(|slice| !slice.range.is_empty());
        self.records = self.slices.iter().map(Slice::count).sum();
        self.bytes = self.slices.iter().map(Slice::payload).sum();
    }
}

fn len(slice: &Slice) -> u32 {
    slice.range.end - slice.range.start
}

/// The most of the slice's first `count` records that have at most `bytes` bytes together.
fn fitting_bytes(slice: &Slice, count: u32, bytes: usize) -> u32 {
    let start = slice.range.start;
    let fits = |count: u32| slice.block.payload(start..start + count) <= bytes;
    if fits(count) {
        return count;
    }
    let (mut fitting, mut too_many) = (0, count);
    while too_many - fitting > 1 {
        let middle = fitting + (too_many - fitting) / 2;
        if fits(middle) {
            fitting = middle;
        } else {
            too_many = middle;
        }
    }
    fitting
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::block::BlockBuilder;

    fn slice(base: Position, arrival: u64, sizes: &[usize]) -> Slice {
        let mut builder = BlockBuilder::default();
        for &size in sizes {
            builder.push("k", &vec![b'x'; size - 1]);
        }
        Slice {
            block: builder.finish().unwrap(),
            range: 0..sizes.len() as u32,
            base,
            arrival: Millis(arrival),
        }
    }

    const ANY: Room = Room {
        records: 100,
        bytes: 1000,
        end: None,
        windows: None,
    };

    #[test]
    fn the_first_record_is_taken_whatever_its_size() {
        let mut batch = Batch::default();
        assert!(batch.take(vec![slice(Position(5), 0, &[2000, 1])], &ANY));
        assert_eq!((batch.len(), batch.next()), (1, Some(Position(6))));
    }

    #[test]
    fn a_record_that_does_not_fit_fills_the_batch() {
        let mut batch = Batch::default();
        assert!(!batch.take(vec![slice(Position(5), 0, &[600])], &ANY));
        assert!(batch.take(vec![slice(Position(6), 0, &[600])], &ANY));
        assert_eq!(batch.len(), 1);
    }

    #[test]
    fn a_batch_that_ends_at_a_position_takes_nothing_from_it_on() {
        let end = Some(Position(7));
        let mut batch = Batch::default();
        assert!(batch.take(
            vec![slice(Position(5), 0, &[1, 1, 1])],
            &Room { end, ..ANY }
        ));
        assert_eq!(batch.next(), end);
        // Retention took all of it: what comes is beyond its end, in a later epoch.
        let mut batch = Batch::default();
        assert!(batch.take(
            vec![slice(Position::new(1, 7), 0, &[1])],
            &Room { end, ..ANY }
        ));
        assert!(batch.is_empty());
    }

    #[test]
    fn old_records_come_first() {
        let mut batch = Batch::default();
        let slices = vec![
            slice(Position(0), 10, &[1, 1]),
            slice(Position(2), 20, &[1]),
        ];
        batch.take(slices, &ANY);
        let counts = [10, 11, 20, 21].map(|at| batch.older_than(Millis(at)));
        assert_eq!(counts, [0, 2, 2, 3]);
        assert_eq!(batch.oldest(), Some(Millis(10)));
    }

    #[test]
    fn a_batch_is_of_one_window() {
        let of = |open_until| Room {
            windows: Some(Windows {
                width_ms: 10,
                open_until,
            }),
            ..ANY
        };
        let slices = || {
            vec![
                slice(Position(0), 12, &[1, 1]),
                slice(Position(2), 19, &[1]),
                slice(Position(3), 20, &[1]),
            ]
        };
        let mut batch = Batch::default();
        assert!(batch.take(slices(), &of(None)));
        assert_eq!((batch.len(), batch.is_over()), (3, true));
        batch.cut(2);
        assert_eq!((batch.len(), batch.is_over()), (2, false));
        // The open window is over before the first record.
        let mut batch = Batch::default();
        assert!(batch.take(slices(), &of(Some(Millis(12)))));
        assert_eq!((batch.len(), batch.is_over()), (0, true));
        // Full before the window is seen to be over.
        let two = Room {
            records: 2,
            ..of(None)
        };
        let mut batch = Batch::default();
        assert!(batch.take(slices(), &two));
        assert_eq!((batch.len(), batch.is_over()), (2, false));
    }

    proptest! {
        #[test]
        fn takes_the_longest_prefix_that_there_is_room_for(
            blocks in prop::collection::vec(prop::collection::vec(1usize..40, 1..6), 1..8),
            records in 1usize..20,
            bytes in 1usize..300,
            end in prop::option::of(1u64..30),
        ) {
            let room = Room { records, bytes, end: end.map(Position), windows: None };
            let mut batch = Batch::default();
            let mut base = 0;
            let mut full = false;
            for sizes in &blocks {
                if !full {
                    full = batch.take(vec![slice(Position(base), 0, sizes)], &room);
                }
                base += sizes.len() as u64;
            }
            let mut total = 0;
            let sizes: Vec<usize> = blocks.concat();
            let expected = sizes
                .iter()
                .zip(0..)
                .take_while(|&(size, at)| {
                    total += size;
                    at < records && (total <= bytes || at == 0) && end.is_none_or(|end| (at as u64) < end)
                })
                .count();
            prop_assert_eq!(batch.len(), expected);
            prop_assert_eq!(batch.iter().count(), expected);
            prop_assert_eq!(batch.columns().len(), expected);
            prop_assert_eq!(batch.position(expected), Position(expected as u64));
            if expected < sizes.len() {
                prop_assert!(full);
            }
        }
    }
}
