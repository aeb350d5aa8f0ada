//! `get-many` and `set-many`: the state as of the last commit, with the guest's own writes over it.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use crate::guest::{End, Guest, Hit};

/// Keys that are asked of the log at a time: bounds what the host holds before it can count.
const KEYS_AT_A_TIME: usize = 64;

pub(super) async fn get_many(
    guest: &mut Guest,
    keys: Vec<String>,
) -> wasmtime::Result<Vec<Option<Vec<u8>>>> {
    let stored = stored(guest, &keys).await?;
    let mut total = 0;
    let mut values = Vec::with_capacity(keys.len());
    for key in &keys {
        let written = guest.effects.writes.get(key);
        let value = written.unwrap_or_else(|| &stored[key.as_str()]);
        // A key may be asked for many times in one call, so what is given is counted, too.
        total += value.as_ref().map_or(0, Bytes::len);
        if total as u64 > guest.limits.call_bytes {
            return Err(too_much(guest, total));
        }
        values.push(value.as_ref().map(|value| value.to_vec()));
    }
    Ok(values)
}

/// The committed values of those keys that the guest itself has not written.
async fn stored<'a>(
    guest: &mut Guest,
    keys: &'a [String],
) -> wasmtime::Result<BTreeMap<&'a str, Option<Bytes>>> {
    let distinct: BTreeSet<&str> = keys
        .iter()
        .map(String::as_str)
        .filter(|key| !guest.effects.writes.contains_key(*key))
        .collect();
    let distinct: Vec<&str> = distinct.into_iter().collect();
    let mut stored = BTreeMap::new();
    let mut total = 0;
    for some in distinct.chunks(KEYS_AT_A_TIME) {
        let asked = some.iter().map(|key| (*key).to_owned()).collect();
        let values = match guest.state.get_many(asked).await {
            Ok(values) => values,
            Err(error) => return Err(guest.end(End::Host(format!("cannot read state: {error}")))),
        };
        total += values.iter().flatten().map(Bytes::len).sum::<usize>();
        if total as u64 > guest.limits.call_bytes {
            return Err(too_much(guest, total));
        }
        stored.extend(some.iter().copied().zip(values));
    }
    Ok(stored)
}

fn too_much(guest: &mut Guest, total: usize) -> wasmtime::Error {
    let most = guest.limits.call_bytes;
    guest.end(End::Limit(Hit {
        limit: "call_bytes",
        message: format!("get-many has {total} bytes to give, {most} are allowed"),
    }))
}

pub(super) fn set_many(
    guest: &mut Guest,
    entries: Vec<(String, Option<Vec<u8>>)>,
) -> wasmtime::Result<()> {
    for (key, value) in entries {
        if let Err(hit) = guest.effects.write(key, value, &guest.limits) {
            return Err(guest.end(End::Limit(hit)));
        }
    }
    Ok(())
}
