//! Reading keys and their values. Knows nothing of what the keys mean.

use bytes::Bytes;
use millstream_core::port::ReadError;
use rusqlite::{Connection, OptionalExtension as _, Row};

use crate::{reader::unavailable, row};

/// The values of `keys`, in their order.
pub(crate) fn get_many(
    connection: &Connection,
    keys: &[Bytes],
) -> Result<Vec<Option<Bytes>>, ReadError> {
    let mut statement = connection
        .prepare_cached("SELECT key, crc, value FROM key_value WHERE key = ?1")
        .map_err(unavailable)?;
    let mut get = |key: &Bytes| -> Result<Option<Bytes>, ReadError> {
        let entry = statement
            .query_row([&key[..]], entry)
            .optional()
            .map_err(unavailable)?;
        Ok(entry.transpose()?.map(|(_, value)| value))
    };
    keys.iter().map(&mut get).collect()
}

/// Keys that begin with `prefix`, ascending, with their values.
pub(crate) fn scan(
    connection: &Connection,
    prefix: &[u8],
) -> Result<Vec<(Bytes, Bytes)>, ReadError> {
    let mut statement = connection
        .prepare_cached("SELECT key, crc, value FROM key_value WHERE key >= ?1 ORDER BY key")
        .map_err(unavailable)?;
    let mut rows = statement.query([prefix]).map_err(unavailable)?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next().map_err(unavailable)? {
        let key = row.get_ref(0).map_err(unavailable)?;
        if !key.as_blob().is_ok_and(|key| key.starts_with(prefix)) {
            break;
        }
        entries.push(entry(row).map_err(unavailable)??);
    }
    Ok(entries)
}

/// At most `limit` keys that begin with `prefix` and come after `after`, ascending.
pub(crate) fn keys(
    connection: &Connection,
    prefix: &[u8],
    after: Option<&[u8]>,
    limit: usize,
) -> Result<Vec<Bytes>, ReadError> {
    // One bound alone, so that the search begins there.
    let (sql, bound) = match after.filter(|after| *after >= prefix) {
        Some(after) => (
            "SELECT key FROM key_value WHERE key > ?1 ORDER BY key LIMIT ?2",
            after,
        ),
        None => (
            "SELECT key FROM key_value WHERE key >= ?1 ORDER BY key LIMIT ?2",
            prefix,
        ),
    };
    let mut statement = connection.prepare_cached(sql).map_err(unavailable)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = statement.query((bound, limit)).map_err(unavailable)?;
    let mut keys = Vec::new();
    while let Some(row) = rows.next().map_err(unavailable)? {
        let key = row.get_ref(0).map_err(unavailable)?.as_blob();
        match key {
            Ok(key) if key.starts_with(prefix) => keys.push(Bytes::copy_from_slice(key)),
            _ => break,
        }
    }
    Ok(keys)
}

fn entry(row: &Row<'_>) -> rusqlite::Result<Result<(Bytes, Bytes), ReadError>> {
    let (key, value) = (row.get_ref(0)?.as_blob()?, row.get_ref(2)?.as_blob()?);
    let crc: i64 = row.get(1)?;
    if crc != i64::from(row::key_value_crc(key, value)) {
        let key = key.escape_ascii();
        return Ok(Err(ReadError::Unavailable(format!(
            "the value of key `{key}` is damaged"
        ))));
    }
    Ok(Ok((
        Bytes::copy_from_slice(key),
        Bytes::copy_from_slice(value),
    )))
}
