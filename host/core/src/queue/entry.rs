//! What is kept of a record that was received and not acknowledged, and where the log keeps it.
//!
//! `q/` `queue: u64` `shard: u32` holds a cursor: the first record of the shard that was never received.
//! The same with `position: u64` behind it holds an [`Entry`]. All numbers are big-endian.

use bytes::Bytes;
use thiserror::Error;

use crate::{
    port::Put,
    position::{Position, ShardNumber},
    time::Millis,
};

/// The prefix of all queues' keys.
pub const QUEUES: &[u8] = b"q/";

/// The form of an entry's value; the first of its bytes.
const FORM: u8 = 1;
const ENTRY_BYTES: usize = 38;
const OWNER: usize = QUEUES.len() + 8;

/// A record of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Its shard.
    pub shard: ShardNumber,
    /// Where it stands there.
    pub position: Position,
}

/// What a queue knows of a record that it has delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Deliveries since it was new or restored.
    pub received: u32,
    /// The newest delivery's number; it only ever rises, so that an older receipt is told apart.
    pub delivery: u32,
    /// When it was delivered for the first time.
    pub first: Millis,
    /// From when on it may be delivered again.
    pub visible: Millis,
    /// When the record arrived in its stream.
    pub arrival: Millis,
    /// Bytes of its key and data.
    pub bytes: u32,
    /// Whether it is a dead letter.
    pub dead: bool,
}

/// A stored part of a queue that this program cannot read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the queue's entry {0} is not readable")]
pub struct UnreadableQueueError(pub String);

/// What a key and its value under [`queue_of`] say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// Where a shard is read on.
    Cursor(ShardNumber, Position),
    /// A record that was delivered.
    Entry(Place, Entry),
}

/// The prefix of all that is kept of a queue.
#[must_use]
pub fn queue_of(queue: u64) -> Bytes {
    [QUEUES, &queue.to_be_bytes()].concat().into()
}

/// Keeps a shard's cursor.
#[must_use]
pub fn put_cursor(queue: u64, shard: ShardNumber, next: Position) -> Put {
    Put {
        key: cursor_key(queue, shard).into(),
        value: Some(Bytes::copy_from_slice(&next.0.to_be_bytes())),
    }
}

/// Forgets a shard's cursor.
#[must_use]
pub fn delete_cursor(queue: u64, shard: ShardNumber) -> Put {
    Put {
        key: cursor_key(queue, shard).into(),
        value: None,
    }
}

/// Keeps an entry.
#[must_use]
pub fn put(queue: u64, place: Place, entry: &Entry) -> Put {
    Put {
        key: entry_key(queue, place),
        value: Some(entry.encode()),
    }
}

/// Forgets an entry.
#[must_use]
pub fn delete(queue: u64, place: Place) -> Put {
    Put {
        key: entry_key(queue, place),
        value: None,
    }
}

/// Reads what is stored of a queue.
///
/// # Errors
/// When it is not what this program writes.
pub fn parse(key: &[u8], value: &[u8]) -> Result<Stored, UnreadableQueueError> {
    try_parse(key, value).ok_or_else(|| UnreadableQueueError(key.escape_ascii().to_string()))
}

fn try_parse(key: &[u8], value: &[u8]) -> Option<Stored> {
    let (shard, position) = key.get(OWNER..)?.split_first_chunk()?;
    let shard = ShardNumber(u32::from_be_bytes(*shard));
    if position.is_empty() {
        let next = u64::from_be_bytes(value.try_into().ok()?);
        return Some(Stored::Cursor(shard, Position(next)));
    }
    let position = Position(u64::from_be_bytes(position.try_into().ok()?));
    Some(Stored::Entry(
        Place { shard, position },
        Entry::decode(value)?,
    ))
}

fn cursor_key(queue: u64, shard: ShardNumber) -> Vec<u8> {
    [QUEUES, &queue.to_be_bytes(), &shard.0.to_be_bytes()].concat()
}

fn entry_key(queue: u64, place: Place) -> Bytes {
    let mut key = cursor_key(queue, place.shard);
    key.extend_from_slice(&place.position.0.to_be_bytes());
    key.into()
}

impl Entry {
    fn encode(&self) -> Bytes {
        let Self {
            received,
            delivery,
            first,
            visible,
            arrival,
            bytes,
            dead,
        } = self;
        let mut value = Vec::with_capacity(ENTRY_BYTES);
        value.push(FORM);
        value.push(u8::from(*dead));
        for number in [received, delivery, bytes] {
            value.extend_from_slice(&number.to_be_bytes());
        }
        for moment in [first, visible, arrival] {
            value.extend_from_slice(&moment.0.to_be_bytes());
        }
        value.into()
    }

    fn decode(value: &[u8]) -> Option<Self> {
        let value: &[u8; ENTRY_BYTES] = value.try_into().ok()?;
        let (marks, numbers) = value.split_first_chunk::<2>()?;
        let dead = match marks {
            [FORM, 0] => false,
            [FORM, 1] => true,
            _ => return None,
        };
        let (numbers, moments) = numbers.split_at(12);
        let number = |i: usize| numbers[4 * i..].first_chunk().copied();
        let moment = |i: usize| moments[8 * i..].first_chunk().copied();
        Some(Self {
            received: u32::from_be_bytes(number(0)?),
            delivery: u32::from_be_bytes(number(1)?),
            bytes: u32::from_be_bytes(number(2)?),
            first: Millis(u64::from_be_bytes(moment(0)?)),
            visible: Millis(u64::from_be_bytes(moment(1)?)),
            arrival: Millis(u64::from_be_bytes(moment(2)?)),
            dead,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_kept_is_read_back(
            ids in any::<(u64, u32, u64)>(),
            numbers in any::<(u32, u32, u32)>(),
            moments in any::<(u64, u64, u64)>(),
            dead in any::<bool>(),
        ) {
            let (queue, shard, position) = ids;
            let place = Place { shard: ShardNumber(shard), position: Position(position) };
            let entry = Entry {
                received: numbers.0,
                delivery: numbers.1,
                bytes: numbers.2,
                first: Millis(moments.0),
                visible: Millis(moments.1),
                arrival: Millis(moments.2),
                dead,
            };
            let stored = put(queue, place, &entry);
            prop_assert!(stored.key.starts_with(&queue_of(queue)));
            let read = parse(&stored.key, &stored.value.unwrap());
            prop_assert_eq!(read, Ok(Stored::Entry(place, entry)));
            let cursor = put_cursor(queue, place.shard, place.position);
            prop_assert!(stored.key.starts_with(&cursor.key));
            let read = parse(&cursor.key, &cursor.value.unwrap());
            prop_assert_eq!(read, Ok(Stored::Cursor(place.shard, place.position)));
        }

        #[test]
        fn anything_else_is_refused(
            key in prop::collection::vec(any::<u8>(), 0..24),
            value in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            if let Ok(stored) = parse(&key, &value) {
                let cursor = matches!(stored, Stored::Cursor(..));
                prop_assert_eq!(value.len(), if cursor { 8 } else { ENTRY_BYTES });
            }
        }
    }
}
