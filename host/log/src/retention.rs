//! Removing the oldest blocks of a shard, a few at a time, within the writer's transaction.
//!
//! Knows when blocks arrived, not how long a stream keeps its records.

use millstream_core::{
    position::{ORDINAL_MAX, ShardNumber},
    time::Millis,
};
use rusqlite::Connection;

use crate::{row, shard::Shard};

/// Blocks that one step removes at most, and the bytes after which it stops.
const STEP_BLOCKS: u32 = 64;
const STEP_BYTES: u64 = 8 << 20;

/// What a step removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trimmed {
    pub(crate) records: u64,
    /// The oldest ordinal that is left.
    pub(crate) first: u64,
}

/// Removes some blocks of `shard` that arrived before `before`; nothing where there is none.
pub(crate) fn trim(
    connection: &Connection,
    shard: &Shard,
    before: Millis,
) -> rusqlite::Result<Option<Trimmed>> {
    let number = shard.number;
    let (next, arrival, runs) = {
        let state = shard.state();
        (state.next, state.arrival, state.runs.clone())
    };
    let Some(trimmed) = remove(connection, number, Some(before))? else {
        return Ok(None);
    };
    if trimmed.first == next {
        connection
            .prepare_cached(
                "INSERT INTO shard (number, next, arrival_ms, state) VALUES (?1, ?2, ?3, 0) \
                 ON CONFLICT (number) DO UPDATE SET next = ?2, arrival_ms = ?3",
            )?
            .execute((number.0, next.cast_signed(), arrival.0.cast_signed()))?;
    }
    connection
        .prepare_cached("DELETE FROM run WHERE shard = ?1 AND epoch < ?2")?
        .execute((number.0, runs.oldest_needed(trimmed.first).cast_signed()))?;
    Ok(Some(trimmed))
}

/// Removes some blocks of a dropped shard; true when none is left.
pub(crate) fn erase(connection: &Connection, shard: ShardNumber) -> rusqlite::Result<bool> {
    if remove(connection, shard, None)?.is_some() {
        return Ok(false);
    }
    connection
        .prepare_cached("DELETE FROM run WHERE shard = ?1")?
        .execute([shard.0])?;
    connection
        .prepare_cached("UPDATE shard SET state = 2 WHERE number = ?1")?
        .execute([shard.0])?;
    Ok(true)
}

fn remove(
    connection: &Connection,
    shard: ShardNumber,
    before: Option<Millis>,
) -> rusqlite::Result<Option<Trimmed>> {
    let (low, high) = row::ids(shard);
    let mut oldest = connection.prepare_cached(
        "SELECT id, count, arrival_ms, length(columns) FROM block \
         WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT ?3",
    )?;
    let mut rows = oldest.query((low, high, STEP_BLOCKS))?;
    let (mut last, mut records, mut bytes) = (None, 0, 0);
    while let Some(row) = rows.next()? {
        let word = |i: usize| row.get::<_, i64>(i).map(i64::cast_unsigned);
        let (id, count, arrival) = (row.get::<_, i64>(0)?, word(1)?, Millis(word(2)?));
        if before.is_some_and(|before| arrival >= before) || bytes >= STEP_BYTES {
            break;
        }
        bytes += word(3)?;
        records += count;
        last = Some((id, row::ordinal(id).saturating_add(count).min(ORDINAL_MAX)));
    }
    drop(rows);
    let Some((last, first)) = last else {
        return Ok(None);
    };
    connection
        .prepare_cached("DELETE FROM block WHERE id BETWEEN ?1 AND ?2")?
        .execute((low, last))?;
    Ok(Some(Trimmed { records, first }))
}
