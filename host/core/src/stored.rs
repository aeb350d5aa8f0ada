//! What is stored under the families of keys, read as their owners read it, to find what they cannot.

use bytes::Bytes;
use thiserror::Error;

use crate::{
    catalog::{
        Catalog,
        key::{self, CATALOG, CHANNELS, LANES, OUTBOX},
    },
    position::Position,
    queue::entry::{self, QUEUES},
    read::token::STORED_AT,
    trigger::{Checkpoint, layout::Head, outbox::Entry},
};

/// Bytes of an owner's id and a shard's number, which stand behind the family.
const OWNER_BYTES: usize = 12;

/// A value that this program cannot read, or a key under which it would not look for it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the value of key `{key}` is not readable: {what}")]
pub struct UnreadableError {
    /// The key, for people.
    pub key: String,
    /// What does not hold.
    pub what: String,
}

/// Whether the value is one that its owner can read. What belongs to no family is nobody's to read,
/// and state and modules are whatever they are.
///
/// # Errors
/// When its owner could not read it.
pub fn check(key: &[u8], value: &[u8]) -> Result<(), UnreadableError> {
    try_check(key, value).map_err(|what| UnreadableError {
        key: key.escape_ascii().to_string(),
        what,
    })
}

fn try_check(key: &[u8], value: &[u8]) -> Result<(), String> {
    if key.starts_with(CATALOG) {
        let entry = (key.to_vec().into(), value.to_vec().into());
        let loaded = Catalog::load([entry]).map(drop);
        return loaded.map_err(|error| error.what);
    }
    if let Some(lane) = key.strip_prefix(LANES) {
        let read = match lane.split_at_checked(OWNER_BYTES) {
            // A part of a divided shard has its number behind the shard's.
            Some((_, [_part])) => Checkpoint::decode(value).map(drop),
            _ => {
                owned(lane)?;
                let stored = Bytes::copy_from_slice(value);
                Head::decode(Some(&stored), Position::START).map(drop)
            }
        };
        return read.map_err(|error| error.to_string());
    }
    if let Some(lane) = key.strip_prefix(CHANNELS) {
        owned(lane)?;
        return sized(value, 8);
    }
    if key.starts_with(QUEUES) {
        let read = entry::parse(key, value).map(drop);
        return read.map_err(|_| "it is neither a cursor nor an entry".to_owned());
    }
    if key.starts_with(OUTBOX) {
        let Some((_, bytes)) = key::outbox_entry(key) else {
            return Err("the key does not name a trigger and a size".to_owned());
        };
        sized(value, bytes)?;
        let read = Entry::decode(value).map(drop);
        return read.map_err(|error| error.to_string());
    }
    if key == STORED_AT {
        return sized(value, 32);
    }
    Ok(())
}

fn owned(rest: &[u8]) -> Result<(), String> {
    if rest.len() == OWNER_BYTES {
        return Ok(());
    }
    Err("the key does not name an owner and a shard".to_owned())
}

fn sized(value: &[u8], bytes: usize) -> Result<(), String> {
    if value.len() == bytes {
        return Ok(());
    }
    Err(format!("it has {} bytes, not {bytes}", value.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        catalog::{NewStream, Request, Rules, key},
        position::ShardNumber,
        queue::entry::put_cursor,
        time::Millis,
        trigger::layout::Layout,
    };

    #[test]
    fn what_the_program_writes_is_readable_and_the_rest_is_not() {
        let create = Request::CreateStream {
            name: "s".try_into().unwrap(),
            settings: NewStream::of(2),
        };
        let change = Catalog::default().decide(create, Millis(1), &Rules::default());
        let mut puts = change.unwrap().commit.puts;
        puts.push(put_cursor(3, ShardNumber(4), Position::new(1, 5)));
        let mut pairs: Vec<_> = puts
            .into_iter()
            .map(|put| (put.key, put.value.unwrap()))
            .collect();
        let shard = ShardNumber(7);
        let checkpoint = Checkpoint::at(Position::new(1, 5));
        pairs.push((key::lane(1, shard), checkpoint.encode()));
        let (_, divided) = Layout::whole(checkpoint).replace(2, shard, 3, Position::new(1, 5));
        pairs.extend(
            divided
                .puts
                .into_iter()
                .map(|put| (put.key, put.value.unwrap())),
        );
        let position = 5u64.to_be_bytes().to_vec();
        pairs.push((key::channel_position(1, shard), position.into()));
        let entry = br#"{"trigger":"t","mapping":"m","destination":"arn:aws:s3:::bucket",
            "shard_id":"s","first":"1","last":"2","records":1,"failed":1,"expires":2,"body":{}}"#;
        let entry = Entry::decode(entry).unwrap().encode();
        pairs.push((key::outbox(1, shard, Position(5), entry.len()), entry));
        pairs.push((STORED_AT.into(), vec![0; 32].into()));
        for (key, value) in &pairs {
            assert_eq!(check(key, value), Ok(()), "{key:?}");
            let cut = check(key, &value[1..]);
            assert!(cut.is_err(), "{key:?}");
            let told = cut.unwrap_err().to_string();
            assert!(told.starts_with("the value of key `"), "{told}");
        }
        for bad in [&b"c/z/s"[..], b"l/short", b"h/", b"q/1"] {
            assert!(check(bad, b"{}").is_err(), "{bad:?}");
        }
        for free in [key::state(1, shard, "a"), key::module("00"), "?".into()] {
            assert_eq!(check(&free, b"anything"), Ok(()));
        }
    }
}
