//! The records of one commit for one shard, encoded once, at the door.
//!
//! The same bytes go to SQLite, to the in-memory tail, to `GetRecords` and into the guest.
//! A block knows neither its shard nor its position nor its arrival: the log gives those.
//!
//! Layout (little-endian), data first so that records are decoded straight into place:
//! `data | keys | key_ends: u32 x n | data_ends: u32 x n | n: u32 | keys_len: u32 | data_len: u32 | version: u32`

use std::ops::Range;

use bytes::Bytes;
use thiserror::Error;

use crate::{position::Position, time::Millis};

/// The version of the layout above.
pub const BLOCK_VERSION: u32 = 1;
const TRAILER: usize = 16;

/// Bytes that are not a block.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("block of {length} bytes is malformed: {what}")]
pub struct MalformedBlockError {
    /// How many bytes there were.
    pub length: usize,
    /// What does not hold.
    pub what: &'static str,
}

/// An immutable, validated block of at least one record. Clones share the bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Block {
    bytes: Bytes,
    count: u32,
    keys_len: u32,
    data_len: u32,
}

impl std::fmt::Debug for Block {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Block({} records, {} bytes)",
            self.count,
            self.bytes.len()
        )
    }
}

impl Block {
    /// Takes bytes that were stored before; every offset is checked, so that reads need not be.
    ///
    /// # Errors
    /// When the bytes are not a block of the version that this program writes.
    pub fn decode(bytes: Bytes) -> Result<Self, MalformedBlockError> {
        let length = bytes.len();
        let bad = |what| MalformedBlockError { length, what };
        let Some(at) = length.checked_sub(TRAILER) else {
            return Err(bad("no trailer"));
        };
        let word = |i: usize| read_u32(&bytes[at + 4 * i..]);
        let (count, keys_len, data_len, version) = (word(0), word(1), word(2), word(3));
        if version != BLOCK_VERSION {
            return Err(bad("unknown version"));
        }
        let want = 8 * u64::from(count) + u64::from(keys_len) + u64::from(data_len);
        if want != at as u64 {
            return Err(bad("lengths do not add up"));
        }
        let block = Self {
            bytes,
            count,
            keys_len,
            data_len,
        };
        if count == 0 {
            return Err(bad("no record"));
        }
        if !rises_to(block.key_ends(), keys_len) {
            return Err(bad("key ends"));
        }
        if !rises_to(block.data_ends(), data_len) {
            return Err(bad("data ends"));
        }
        Ok(block)
    }

    /// Takes columns that somebody else made: ends must rise, match and reach their column's end.
    /// None where there is no record. Says nothing of the keys' text.
    ///
    /// # Errors
    /// When the columns do not belong together.
    pub fn from_columns(
        mut data: Vec<u8>,
        keys: &[u8],
        key_ends: &[u32],
        data_ends: &[u32],
    ) -> Result<Option<Self>, MalformedBlockError> {
        let length = data.len();
        let bad = |what| MalformedBlockError { length, what };
        let total = length as u64 + keys.len() as u64 + 8 * key_ends.len() as u64;
        if total > u64::from(u32::MAX) {
            return Err(bad("more than 4 GiB"));
        }
        let (count, keys_len, data_len) =
            (offset(key_ends.len()), offset(keys.len()), offset(length));
        if data_ends.len() != key_ends.len() {
            return Err(bad("as many key ends as data ends are needed"));
        }
        if !rises_to(key_ends.iter().copied(), keys_len) {
            return Err(bad("key ends"));
        }
        if !rises_to(data_ends.iter().copied(), data_len) {
            return Err(bad("data ends"));
        }
        if count == 0 {
            return Ok(None);
        }
        close(&mut data, keys, key_ends, data_ends);
        Ok(Some(Self {
            bytes: data.into(),
            count,
            keys_len,
            data_len,
        }))
    }

    /// The bytes as they are stored.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// How many records it holds; never 0.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a block is never empty")]
    pub fn len(&self) -> u32 {
        self.count
    }

    /// All keys, one after another.
    #[must_use]
    pub fn keys(&self) -> &[u8] {
        let at = self.data_len as usize;
        &self.bytes[at..at + self.keys_len as usize]
    }

    /// All data, one record after another.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.bytes[..self.data_len as usize]
    }

    /// Exclusive end offsets into [`Block::keys`].
    pub fn key_ends(&self) -> impl ExactSizeIterator<Item = u32> + '_ {
        self.key_ends_of(0..self.count)
    }

    /// Those of the records in `range` alone, without passing over the ones before.
    pub fn key_ends_of(&self, range: Range<u32>) -> impl ExactSizeIterator<Item = u32> + '_ {
        self.ends(self.key_ends_at(), range)
    }

    /// Exclusive end offsets into [`Block::data`].
    pub fn data_ends(&self) -> impl ExactSizeIterator<Item = u32> + '_ {
        self.data_ends_of(0..self.count)
    }

    /// Those of the records in `range` alone, without passing over the ones before.
    pub fn data_ends_of(&self, range: Range<u32>) -> impl ExactSizeIterator<Item = u32> + '_ {
        self.ends(self.data_ends_at(), range)
    }

    /// Where record `i`'s key lies in [`Block::keys`].
    #[must_use]
    pub fn key_range(&self, i: u32) -> Range<usize> {
        self.range(self.key_ends_at(), i)
    }

    /// Where record `i`'s data lies in [`Block::data`].
    #[must_use]
    pub fn data_range(&self, i: u32) -> Range<usize> {
        self.range(self.data_ends_at(), i)
    }

    /// Record `i`'s partition key. Keys are UTF-8 at the door; a foreign writer's are shown as empty.
    #[must_use]
    pub fn key(&self, i: u32) -> &str {
        std::str::from_utf8(&self.keys()[self.key_range(i)]).unwrap_or_default()
    }

    /// Record `i`'s data.
    #[must_use]
    pub fn datum(&self, i: u32) -> &[u8] {
        &self.data()[self.data_range(i)]
    }

    /// Bytes of key and data of the records in `range`, which is what limits count.
    #[must_use]
    pub fn payload(&self, range: Range<u32>) -> usize {
        if range.is_empty() {
            return 0;
        }
        let last = range.end - 1;
        (self.key_range(last).end - self.key_range(range.start).start)
            + (self.data_range(last).end - self.data_range(range.start).start)
    }

    /// Bytes of the keys alone.
    #[must_use]
    pub fn key_bytes(&self, range: Range<u32>) -> usize {
        if range.is_empty() {
            return 0;
        }
        self.key_range(range.end - 1).end - self.key_range(range.start).start
    }

    fn key_ends_at(&self) -> usize {
        self.data_len as usize + self.keys_len as usize
    }

    fn data_ends_at(&self) -> usize {
        self.key_ends_at() + 4 * self.count as usize
    }

    fn ends(&self, at: usize, range: Range<u32>) -> impl ExactSizeIterator<Item = u32> + '_ {
        // Not `skip`: over a mapped iterator it takes one step a record.
        self.bytes[at + 4 * range.start as usize..at + 4 * range.end as usize]
            .chunks_exact(4)
            .map(read_u32)
    }

    fn range(&self, at: usize, i: u32) -> Range<usize> {
        assert!(i < self.count, "record {i} of {}", self.count);
        let end = |i: u32| read_u32(&self.bytes[at + 4 * i as usize..]) as usize;
        let start = if i == 0 { 0 } else { end(i - 1) };
        start..end(i)
    }
}

fn read_u32(bytes: &[u8]) -> u32 {
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

fn rises_to(ends: impl Iterator<Item = u32>, last: u32) -> bool {
    let mut before = 0;
    for end in ends {
        if end < before {
            return false;
        }
        before = end;
    }
    before == last
}

/// Collects records into a block.
#[derive(Debug, Default)]
pub struct BlockBuilder {
    data: Vec<u8>,
    keys: Vec<u8>,
    key_ends: Vec<u32>,
    data_ends: Vec<u32>,
}

impl BlockBuilder {
    /// With room for `records` records of `bytes` bytes in all, so that nothing is moved later.
    #[must_use]
    pub fn with_capacity(records: usize, bytes: usize) -> Self {
        Self {
            data: Vec::with_capacity(bytes + records * 8 + TRAILER),
            keys: Vec::with_capacity(records * 16),
            key_ends: Vec::with_capacity(records),
            data_ends: Vec::with_capacity(records),
        }
    }

    /// Adds a record whose data `write` appends to the given buffer (it must only append).
    ///
    /// # Errors
    /// Those of `write`; the builder is then as before.
    pub fn push_with<E>(
        &mut self,
        key: &str,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        let before = self.data.len();
        if let Err(error) = write(&mut self.data) {
            self.data.truncate(before);
            return Err(error);
        }
        assert!(self.data.len() >= before, "a writer may only append");
        self.close_record(key.as_bytes());
        Ok(())
    }

    /// Adds a record.
    pub fn push(&mut self, key: &str, data: &[u8]) {
        self.data.extend_from_slice(data);
        self.close_record(key.as_bytes());
    }

    /// Adds the records of `range` of another block.
    pub fn push_block(&mut self, block: &Block, range: Range<u32>) {
        if range.is_empty() {
            return;
        }
        let last = range.end - 1;
        let keys = block.key_range(range.start).start..block.key_range(last).end;
        let data = block.data_range(range.start).start..block.data_range(last).end;
        let (key_base, data_base) = (self.keys.len(), self.data.len());
        let key_end = |end: u32| offset(key_base + end as usize - keys.start);
        let data_end = |end: u32| offset(data_base + end as usize - data.start);
        self.key_ends
            .extend(block.key_ends_of(range.clone()).map(key_end));
        self.data_ends
            .extend(block.data_ends_of(range).map(data_end));
        self.keys.extend_from_slice(&block.keys()[keys.clone()]);
        self.data.extend_from_slice(&block.data()[data.clone()]);
    }

    fn close_record(&mut self, key: &[u8]) {
        self.keys.extend_from_slice(key);
        self.key_ends.push(offset(self.keys.len()));
        self.data_ends.push(offset(self.data.len()));
    }

    /// How many records there are so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.key_ends.len()
    }

    /// Whether there is none yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.key_ends.is_empty()
    }

    /// The block, or nothing where there is no record.
    #[must_use]
    pub fn finish(self) -> Option<Block> {
        let Self {
            mut data,
            keys,
            key_ends,
            data_ends,
        } = self;
        if key_ends.is_empty() {
            return None;
        }
        let (count, keys_len, data_len) = (
            offset(key_ends.len()),
            offset(keys.len()),
            offset(data.len()),
        );
        close(&mut data, &keys, &key_ends, &data_ends);
        Some(Block {
            bytes: data.into(),
            count,
            keys_len,
            data_len,
        })
    }
}

/// Appends everything that follows the data.
fn close(data: &mut Vec<u8>, keys: &[u8], key_ends: &[u32], data_ends: &[u32]) {
    let words = [
        offset(key_ends.len()),
        offset(keys.len()),
        offset(data.len()),
        BLOCK_VERSION,
    ];
    data.reserve(keys.len() + 8 * key_ends.len() + TRAILER);
    data.extend_from_slice(keys);
    extend_ends(data, key_ends);
    extend_ends(data, data_ends);
    for word in words {
        data.extend_from_slice(&word.to_le_bytes());
    }
}

fn extend_ends(bytes: &mut Vec<u8>, ends: &[u32]) {
    bytes.extend(ends.iter().flat_map(|end| end.to_le_bytes()));
}

fn offset(value: usize) -> u32 {
    u32::try_from(value).expect("a block is bounded far below 4 GiB by the limits of its makers")
}

/// Some records of a block, with what the log knows of them.
#[derive(Debug, Clone)]
pub struct Slice {
    /// The records' block.
    pub block: Block,
    /// Which of the block's records; not empty.
    pub range: Range<u32>,
    /// The position of the block's record 0, whether or not it is in `range`.
    pub base: Position,
    /// When the block was taken, the same for all its records.
    pub arrival: Millis,
}

impl Slice {
    /// Position of the first record in the range.
    #[must_use]
    pub fn first(&self) -> Position {
        self.base.plus(self.range.start.into())
    }

    /// The position after the last record in the range.
    #[must_use]
    pub fn next(&self) -> Position {
        self.base.plus(self.range.end.into())
    }

    /// How many records.
    #[must_use]
    pub fn count(&self) -> usize {
        self.range.len()
    }

    /// Bytes of key and data.
    #[must_use]
    pub fn payload(&self) -> usize {
        self.block.payload(self.range.clone())
    }

    /// Bytes of the keys alone.
    #[must_use]
    pub fn key_bytes(&self) -> usize {
        self.block.key_bytes(self.range.clone())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn block(records: &[(String, Vec<u8>)]) -> Block {
        let mut builder = BlockBuilder::default();
        for (key, data) in records {
            builder.push(key, data);
        }
        builder.finish().unwrap()
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out(
            records in prop::collection::vec((".{1,8}", prop::collection::vec(any::<u8>(), 0..40)), 1..40),
            cut in any::<prop::sample::Index>(),
        ) {
            let made = block(&records);
            let read = Block::decode(made.bytes().clone()).unwrap();
            prop_assert_eq!(&read, &made);
            for (i, (key, data)) in records.iter().enumerate() {
                prop_assert_eq!(read.key(i as u32), key.as_str());
                prop_assert_eq!(read.datum(i as u32), data.as_slice());
            }
            let key_ends: Vec<_> = made.key_ends().collect();
            let data_ends: Vec<_> = made.data_ends().collect();
            let again = Block::from_columns(made.data().to_vec(), made.keys(), &key_ends, &data_ends);
            prop_assert_eq!(&again.unwrap().unwrap(), &made);
            let cut = cut.index(records.len()) as u32;
            let mut builder = BlockBuilder::default();
            builder.push_block(&made, cut..made.len());
            builder.push_block(&made, 0..cut);
            let turned = builder.finish().unwrap();
            let mut expected = records;
            expected.rotate_left(cut as usize);
            prop_assert_eq!(turned, block(&expected));
        }

        #[test]
        fn any_bytes_decode_or_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Block::decode(bytes.into());
        }

        #[test]
        fn a_changed_byte_never_panics(at in any::<prop::sample::Index>(), to in any::<u8>()) {
            let made = block(&[("a".into(), vec![1, 2]), ("bc".into(), vec![]), ("d".into(), vec![3])]);
            let mut bytes = made.bytes().to_vec();
            let at = at.index(bytes.len());
            bytes[at] = to;
            if let Ok(read) = Block::decode(bytes.into()) {
                for i in 0..read.len() {
                    let _ = (read.key(i), read.datum(i));
                }
            }
        }
    }

    #[test]
    fn a_failed_write_leaves_no_trace() {
        let mut builder = BlockBuilder::default();
        builder.push("k", b"one");
        let failed = builder.push_with("k", |data| {
            data.extend_from_slice(b"half");
            Err("no")
        });
        assert_eq!(failed, Err("no"));
        assert_eq!(
            builder.finish().unwrap(),
            block(&[("k".into(), b"one".to_vec())])
        );
    }

    #[test]
    fn columns_that_do_not_belong_together_are_refused() {
        let of = |keys: &[u8], key_ends: &[u32], data_ends: &[u32]| {
            Block::from_columns(vec![0; 4], keys, key_ends, data_ends).map_err(|error| error.what)
        };
        assert!(of(b"ab", &[1, 2], &[0, 4]).unwrap().is_some());
        for bad in [&[4u32, 3][..], &[2, 3], &[5, 4], &[4], &[]] {
            assert!(of(b"ab", &[1, 2], bad).is_err(), "{bad:?}");
        }
        assert_eq!(of(b"ab", &[2, 1], &[0, 4]), Err("key ends"));
        assert_eq!(of(b"", &[], &[]), Err("data ends"));
        assert_eq!(Block::from_columns(Vec::new(), b"", &[], &[]), Ok(None));
    }

    #[test]
    fn payload_counts_keys_and_data() {
        let made = block(&[("ab".into(), vec![0; 3]), ("c".into(), vec![0; 5])]);
        assert_eq!(
            (made.payload(0..2), made.payload(1..2), made.payload(1..1)),
            (11, 6, 0)
        );
    }
}
