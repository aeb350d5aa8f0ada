//! `get-many` and `set-many`: the state as of the last commit, with the guest's own writes over it.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use crate::guest::{End, Guest, Hit};

/// Keys that are asked of the log at a time, however small their values can be.
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
    let mut left = &distinct[..];
    while !left.is_empty() {
        let left_bytes = guest.limits.call_bytes.saturating_sub(total as u64);
        let step = step(left_bytes, guest.limits.state_bytes);
        let (some, rest) = left.split_at(step.min(left.len()));
        left = rest;
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

/// How many values to ask for, so that they fit into what is left even if each is as large as one
/// call can write it; where not even one fits, one, which tells.
fn step(left_bytes: u64, value_bytes_max: u64) -> usize {
    let fit = left_bytes / value_bytes_max.max(1);
    usize::try_from(fit).map_or(KEYS_AT_A_TIME, |fit| fit.clamp(1, KEYS_AT_A_TIME))
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

#[cfg(test)]
mod tests {
    use super::*;

    /// 64 values of 2 MiB were held before their sum was compared with 16 MiB.
    #[test]
    fn what_is_asked_for_fits_or_is_one_value() {
        assert_eq!(step(16 << 20, 2 << 20), 8);
        assert_eq!(step(1 << 20, 2 << 20), 1);
        assert_eq!(step(0, 2 << 20), 1);
        assert_eq!(step(16 << 20, 100), KEYS_AT_A_TIME);
        assert_eq!(step(16 << 20, 0), KEYS_AT_A_TIME);
    }
}
