//! A batch on its way into a guest, and what comes back: columns in, blocks out.

use std::ops::Range;

use crate::{
    block::{Block, Slice},
    name::StreamName,
};

/// n records as columns; `ends` are exclusive end offsets. This is what a guest is called with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Columns {
    /// Position of each record, see [`crate::position::Position`].
    pub positions: Vec<u64>,
    /// Arrival of each record, in milliseconds since 1970.
    pub arrival_ms: Vec<u64>,
    /// Exclusive end of each key in `keys`.
    pub key_ends: Vec<u32>,
    /// All keys, UTF-8.
    pub keys: Vec<u8>,
    /// Exclusive end of each record's data in `data`.
    pub data_ends: Vec<u32>,
    /// All data.
    pub data: Vec<u8>,
}

impl Columns {
    /// Copies the slices' records together; the one copy between the log and the guest.
    #[must_use]
    pub fn gather(slices: &[Slice]) -> Self {
        let records = slices.iter().map(Slice::count).sum();
        let mut columns = Self {
            positions: Vec::with_capacity(records),
            arrival_ms: Vec::with_capacity(records),
            key_ends: Vec::with_capacity(records),
            keys: Vec::with_capacity(slices.iter().map(Slice::key_bytes).sum()),
            data_ends: Vec::with_capacity(records),
            data: Vec::with_capacity(slices.iter().map(Slice::payload).sum()),
        };
        for slice in slices {
            columns.push(slice);
        }
        columns
    }

    fn push(&mut self, slice: &Slice) {
        let Slice {
            block,
            range,
            base,
            arrival,
        } = slice;
        if range.is_empty() {
            return;
        }
        let (take, last) = (range.len(), range.end - 1);
        let keys = block.key_range(range.start).start..block.key_range(last).end;
        let data = block.data_range(range.start).start..block.data_range(last).end;
        // Both fit: a batch is bounded by `limit::BATCH_BYTES` and one record.
        let key_shift = (self.keys.len() as u32).wrapping_sub(keys.start as u32);
        let data_shift = (self.data.len() as u32).wrapping_sub(data.start as u32);
        self.positions
            .extend((base.plus(range.start.into()).0..).take(take));
        self.arrival_ms.extend(std::iter::repeat_n(arrival.0, take));
        let shifted = |shift: u32| move |end: u32| end.wrapping_add(shift);
        let key_ends = block.key_ends_of(range.clone());
        let data_ends = block.data_ends_of(range.clone());
        self.key_ends.extend(key_ends.map(shifted(key_shift)));
        self.data_ends.extend(data_ends.map(shifted(data_shift)));
        self.keys.extend_from_slice(&block.keys()[keys]);
        self.data.extend_from_slice(&block.data()[data]);
    }

    /// How many records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.positions.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.positions.is_empty()
    }

    /// Record `i`'s partition key.
    #[must_use]
    pub fn key(&self, i: usize) -> &str {
        std::str::from_utf8(&self.keys[range(&self.key_ends, i)]).unwrap_or_default()
    }

    /// Record `i`'s data.
    #[must_use]
    pub fn datum(&self, i: usize) -> &[u8] {
        &self.data[range(&self.data_ends, i)]
    }
}

fn range(ends: &[u32], i: usize) -> Range<usize> {
    let start = if i == 0 { 0 } else { ends[i - 1] as usize };
    start..ends[i] as usize
}

/// Records that a function gives to a stream, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Where they go.
    pub stream: StreamName,
    /// What goes there.
    pub block: Block,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{block::BlockBuilder, position::Position, time::Millis};

    #[test]
    fn gathers_parts_of_several_blocks() {
        let mut builder = BlockBuilder::default();
        for i in 0..5u8 {
            builder.push(&"k".repeat(i as usize + 1), &[i; 3]);
        }
        let block = builder.finish().unwrap();
        let slice = |range: Range<u32>, epoch| Slice {
            block: block.clone(),
            range,
            base: Position::new(epoch, 10),
            arrival: Millis(7 * epoch),
        };
        let columns = Columns::gather(&[slice(1..3, 1), slice(4..5, 2), slice(0..1, 3)]);
        assert_eq!(columns.len(), 4);
        let seen: Vec<_> = (0..4)
            .map(|i| (columns.key(i), columns.datum(i), columns.arrival_ms[i]))
            .collect();
        assert_eq!(
            seen,
            [
                ("kk", &[1u8; 3][..], 7),
                ("kkk", &[2; 3], 7),
                ("kkkkk", &[4; 3], 14),
                ("k", &[0; 3], 21)
            ]
        );
        assert_eq!(Position(columns.positions[2]), Position::new(2, 14));
    }
}
