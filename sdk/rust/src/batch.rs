//! The records of one call, as columns.

use std::str;

use crate::{Context, Disposition, Error, Record};

/// The records of one shard, in order.
///
/// A handler that takes a batch can read ahead, add up before it writes, or pass it on whole.
/// What such a handler fails with is the fate of all records of the batch; [`Batch::each`] gives
/// each record its own.
///
/// ```
/// use millstream_sdk::{Batch, Context, Error, handler};
///
/// #[handler]
/// fn count(batch: Batch, cx: &mut Context) -> Result<(), Error> {
///     let before: usize = cx.state().get("count")?.unwrap_or(0);
///     cx.state().set("count", &(before + batch.len()))
/// }
///
/// # fn main() {
/// let outcome = millstream_sdk::testing::run(count, [("a", "1"), ("b", "2")]);
/// assert_eq!(outcome.state::<usize>("count"), Some(2));
/// # }
/// ```
#[derive(Debug)]
pub struct Batch {
    pub(crate) sequence_numbers: Vec<u64>,
    pub(crate) arrival_ms: Vec<u64>,
    pub(crate) key_ends: Vec<u32>,
    pub(crate) keys: Vec<u8>,
    pub(crate) data_ends: Vec<u32>,
    pub(crate) data: Vec<u8>,
}

impl Batch {
    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sequence_numbers.len()
    }

    /// Whether there are none. The host never calls with an empty batch.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sequence_numbers.is_empty()
    }

    /// The record at `index`, if there are so many.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Record<'_>> {
        Some(Record {
            index,
            sequence_numbers: self.sequence_numbers.get(..=index)?,
            arrival_ms: *self.arrival_ms.get(index)?,
            key: str::from_utf8(slice(&self.keys, &self.key_ends, index)?)
                .expect("the host gives keys in UTF-8"),
            data: slice(&self.data, &self.data_ends, index)?,
        })
    }

    /// The records, in order.
    pub fn records(&self) -> impl Iterator<Item = Record<'_>> {
        (0..self.len()).map(|index| self.get(index).expect("the columns have one length"))
    }

    /// Handles the records one by one and takes back what a failed one did.
    ///
    /// A rejected record is noted and the next one comes. A record to be retried is noted and ends
    /// it: outputs and state are those of the records before it, and what the handler does
    /// afterwards counts as theirs. Returns how many records are settled.
    pub fn each<F>(&self, cx: &mut Context, mut handle: F) -> Result<usize, Error>
    where
        F: FnMut(Record<'_>, &mut Context) -> Result<(), Error>,
    {
        for record in self.records() {
            cx.begin_record()?;
            let Err(error) = handle(record, cx) else {
                continue;
            };
            cx.take_back();
            let disposition = error.disposition();
            cx.fail(record.index, error);
            if disposition == Disposition::Retry {
                cx.end_records();
                return Ok(record.index);
            }
        }
        cx.end_records();
        Ok(self.len())
    }
}

fn slice<'a>(column: &'a [u8], ends: &[u32], index: usize) -> Option<&'a [u8]> {
    let begin = match index {
        0 => 0,
        _ => ends[index - 1] as usize,
    };
    column.get(begin..*ends.get(index)? as usize)
}
