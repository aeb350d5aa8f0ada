//! The way back: user records become the data of one record, as Amazon's library makes it.

use md5::{Digest, Md5};

use crate::{MAGIC, UserRecord};

/// Packs user records into the data of one record, for producers and for tests.
///
/// The record that carries it is best put under the first one's partition key, as Amazon's library
/// does. [`unpack`](crate::unpack) takes it apart again where there is a record and every partition
/// key has 1 to 256 characters.
#[must_use]
pub fn pack(records: &[UserRecord<'_>]) -> Vec<u8> {
    let (mut keys, mut hash_keys, mut inner) = (Vec::new(), Vec::new(), Vec::new());
    for record in records {
        let UserRecord {
            partition_key,
            explicit_hash_key,
            data,
        } = *record;
        let mut fields = number(1, place(&mut keys, partition_key));
        if let Some(hash_key) = explicit_hash_key {
            fields.extend(number(2, place(&mut hash_keys, hash_key)));
        }
        fields.extend(blob(3, data));
        inner.extend(blob(3, &fields));
    }
    let table = |field, keys: Vec<&str>| {
        let fields = keys.into_iter().map(|key| blob(field, key.as_bytes()));
        fields.flatten().collect::<Vec<u8>>()
    };
    seal(&[table(1, keys), table(2, hash_keys), inner].concat())
}

/// Where a key stands in its table; each stands there once.
fn place<'a>(table: &mut Vec<&'a str>, key: &'a str) -> u64 {
    let held = table.iter().position(|held| *held == key);
    let at = held.unwrap_or_else(|| {
        table.push(key);
        table.len() - 1
    });
    length(at)
}

pub(crate) fn seal(message: &[u8]) -> Vec<u8> {
    [&MAGIC, message, &Md5::digest(message)].concat()
}

pub(crate) fn blob(field: u64, bytes: &[u8]) -> Vec<u8> {
    let (tag, length) = (varint(field << 3 | 2), varint(length(bytes.len())));
    [&tag, &length, bytes].concat()
}

pub(crate) fn number(field: u64, n: u64) -> Vec<u8> {
    [varint(field << 3), varint(n)].concat()
}

pub(crate) fn varint(mut n: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while n >= 0x80 {
        // The lowest seven bits, and that more follow.
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
    out
}

fn length(n: usize) -> u64 {
    u64::try_from(n).expect("a usize fits")
}
