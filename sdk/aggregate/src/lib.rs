//! Unpacks the user records that Amazon's producer library (KPL) packs into one record of a stream.
//!
//! Pure, and shared by the host and the SDK. The bytes are a stranger's: whatever is not wholly as
//! the format has it is no aggregate, and so an ordinary record.
//!
//! Layout: four bytes of magic, a protobuf message, and the MD5 of the message:
//!
//! ```text
//! message AggregatedRecord { repeated string partition_key_table = 1;
//!                            repeated string explicit_hash_key_table = 2;
//!                            repeated Record records = 3; }
//! message Record           { required uint64 partition_key_index = 1;
//!                            optional uint64 explicit_hash_key_index = 2;
//!                            required bytes data = 3;
//!                            repeated Tag tags = 4; }
//! ```

#![warn(missing_docs)]

mod message;
mod pack;

use md5::{Digest, Md5};

use self::message::{Fields, Value};
pub use self::pack::pack;

/// What an aggregate begins with.
pub const MAGIC: [u8; 4] = [0xf3, 0x89, 0x9a, 0xc2];
/// Bytes of the checksum at its end.
const CHECKSUM: usize = 16;
/// Characters of a partition key at most, as everywhere in Kinesis.
const KEY_CHARS: usize = 256;

/// A record that was packed into another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserRecord<'a> {
    /// The partition key that its producer gave it.
    pub partition_key: &'a str,
    /// The hash key that its producer gave it in place of the partition key's, in decimal digits.
    pub explicit_hash_key: Option<&'a str>,
    /// Its data.
    pub data: &'a [u8],
}

/// The user records in `data`, in order, of which there is one at least; none where `data` is an
/// ordinary record's.
#[must_use]
pub fn unpack(data: &[u8]) -> Option<Vec<UserRecord<'_>>> {
    unpack_at_most(data, usize::MAX)
}

/// As [`unpack`], but what has more than `most` user records, or keys, is ordinary too. That bounds
/// what is allocated for a stranger's bytes.
#[must_use]
pub fn unpack_at_most(data: &[u8], most: usize) -> Option<Vec<UserRecord<'_>>> {
    let sealed = data.strip_prefix(&MAGIC)?;
    let (message, checksum) = sealed.split_at_checked(sealed.len().checked_sub(CHECKSUM)?)?;
    if Md5::digest(message)[..] != *checksum {
        return None;
    }
    Parts::read(message, most)?.records()
}

/// The message's fields, which may stand in any order.
#[derive(Default)]
struct Parts<'a> {
    keys: Vec<&'a str>,
    hash_keys: Vec<&'a str>,
    records: Vec<&'a [u8]>,
}

impl<'a> Parts<'a> {
    fn read(message: &'a [u8], most: usize) -> Option<Self> {
        let mut parts = Self::default();
        for field in Fields::of(message) {
            match field? {
                (1, Value::Bytes(key)) => push(&mut parts.keys, text(key)?, most)?,
                (2, Value::Bytes(key)) => push(&mut parts.hash_keys, text(key)?, most)?,
                (3, Value::Bytes(record)) => push(&mut parts.records, record, most)?,
                // Of a version that is yet to come.
                _ => {}
            }
        }
        Some(parts)
    }

    fn records(&self) -> Option<Vec<UserRecord<'a>>> {
        let records = self.records.iter().map(|record| self.record(record));
        let records: Vec<_> = records.collect::<Option<_>>()?;
        // Nothing would be left of a record that holds none.
        (!records.is_empty()).then_some(records)
    }

    fn record(&self, bytes: &'a [u8]) -> Option<UserRecord<'a>> {
        let (mut key, mut hash_key, mut data) = (None, None, None);
        for field in Fields::of(bytes) {
            match field? {
                (1, Value::Number(index)) => key = Some(index),
                (2, Value::Number(index)) => hash_key = Some(index),
                (3, Value::Bytes(bytes)) => data = Some(bytes),
                _ => {}
            }
        }
        let at = |table: &[&'a str], index: u64| table.get(usize::try_from(index).ok()?).copied();
        let partition_key = at(&self.keys, key?)?;
        let explicit_hash_key = match hash_key {
            Some(index) => Some(at(&self.hash_keys, index)?),
            None => None,
        };
        is_key(partition_key).then_some(UserRecord {
            partition_key,
            explicit_hash_key,
            data: data?,
        })
    }
}

fn push<T>(to: &mut Vec<T>, item: T, most: usize) -> Option<()> {
    (to.len() < most).then(|| to.push(item))
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

/// Whether a stream would take it. Bytes first: there are at least as many as characters.
fn is_key(key: &str) -> bool {
    !key.is_empty() && (key.len() <= KEY_CHARS || key.chars().count() <= KEY_CHARS)
}

#[cfg(test)]
mod tests;
