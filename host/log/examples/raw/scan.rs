//! Reading from the beginning: the log's blocks from the disk, and a table with a row a record.

use anyhow::Result;
use millstream_core::{
    block::Block,
    port::{Append, Commit, Log as _, ReadLimits},
    position::{Position, ShardNumber},
};
use millstream_log::{Options, SqliteLog};
use rusqlite::Connection;

use crate::{
    Setting, block, database,
    measured::{measure, median},
};

/// As much as a page of `GetRecords` has at most.
const LIMITS: ReadLimits = ReadLimits {
    records: 10_000,
    bytes: 10 << 20,
};

/// Reads a shard and the same records in a table, by turns, for each size.
pub(crate) fn scans(setting: &Setting) -> Result<()> {
    if !setting.json {
        println!("| scan | records/s | CPU us/record |");
        println!("|---|---|---|");
    }
    for &size in &setting.sizes {
        scan(setting, size)?;
    }
    Ok(())
}

fn scan(setting: &Setting, size: usize) -> Result<()> {
    let blocks = (256 << 20) / (size * setting.records);
    let dir = tempfile::tempdir_in(".")?;
    let block = block(setting.records, size);
    let options = || Options {
        page_bytes: setting.page,
        tail_bytes: 0,
        ..Options::new(dir.path())
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let log = SqliteLog::open(options())?;
    for _ in 0..blocks {
        let appends = vec![Append {
            shard: ShardNumber(0),
            block: block.clone(),
        }];
        runtime
            .block_on(log.commit(Commit {
                appends,
                ..Commit::default()
            }))?
            .into_inner();
    }
    log.close();
    let log = SqliteLog::open(options())?;
    let of_blocks = || {
        let (mut from, mut records) = (Position::START, 0);
        loop {
            let page = runtime.block_on(log.read(ShardNumber(0), from, LIMITS))?;
            from = page.next(from);
            records += page.count() as u64;
            if page.slices.is_empty() {
                return Ok((records, Vec::new()));
            }
        }
    };
    let rows = database(dir.path(), setting.page)?;
    rows_of(&rows, &block, blocks)?;
    let (mut by_block, mut by_row) = (Vec::new(), Vec::new());
    for _ in 0..setting.rounds {
        by_block.push(measure(of_blocks)?);
        by_row.push(measure(|| scan_rows(&rows, LIMITS.records))?);
    }
    let (by_block, by_row) = (median(&mut by_block), median(&mut by_row));
    anyhow::ensure!(by_block.records == by_row.records, "the scans differ");
    if setting.json {
        println!(
            "{{\"bytes\":{size},\"block_rate\":{:.0},\"row_rate\":{:.0},\
             \"block_cpu_us\":{:.4},\"row_cpu_us\":{:.4}}}",
            by_block.rate(),
            by_row.rate(),
            by_block.cpu_us(),
            by_row.cpu_us()
        );
    } else {
        for (name, m) in [("blocks", by_block), ("rows", by_row)] {
            println!("| {name}, {size} B | {:.0} | {:.3} |", m.rate(), m.cpu_us());
        }
    }
    Ok(())
}

fn rows_of(connection: &Connection, block: &Block, blocks: usize) -> Result<()> {
    connection.execute_batch(
        "CREATE TABLE row (shard INTEGER, seq INTEGER, arrival INTEGER, key TEXT, data BLOB, \
         PRIMARY KEY (shard, seq)) WITHOUT ROWID",
    )?;
    let mut seq = 0_i64;
    for _ in 0..blocks {
        connection.execute_batch("BEGIN")?;
        let mut insert = connection.prepare_cached("INSERT INTO row VALUES (0, ?1, 0, ?2, ?3)")?;
        for i in 0..block.len() {
            insert.execute((seq, block.key(i), block.datum(i)))?;
            seq += 1;
        }
        drop(insert);
        connection.execute_batch("COMMIT")?;
    }
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok(())
}

fn scan_rows(connection: &Connection, page: usize) -> Result<(u64, Vec<u64>)> {
    let mut statement = connection.prepare_cached(
        "SELECT seq, arrival, key, data FROM row WHERE shard = 0 AND seq >= ?1 ORDER BY seq LIMIT ?2",
    )?;
    let (mut from, mut records) = (0_i64, 0_u64);
    loop {
        let mut rows = statement.query((from, i64::try_from(page)?))?;
        // As a page that could be answered: every record owned.
        let mut found: Vec<(i64, i64, String, Vec<u8>)> = Vec::new();
        while let Some(row) = rows.next()? {
            found.push((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
        }
        let Some(last) = found.last() else {
            return Ok((records, Vec::new()));
        };
        from = last.0 + 1;
        records += found.len() as u64;
    }
}
