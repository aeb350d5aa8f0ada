//! Looks at everything in a data directory and says what does not hold. Changes nothing.

use std::{collections::BTreeMap, path::Path};

use millstream_core::position::ShardNumber;
use rusqlite::{Connection, config::DbConfig};
use serde::Serialize;

use crate::{
    connect,
    error::CheckError,
    open::{DATABASE, Meta},
    row::{self, COLUMNS, Stored},
    schema::{self, Identity},
    watermark,
};

/// Findings that are listed at most; more are only counted.
const FINDINGS: usize = 100;

/// Blocks between two looks at the progress.
const BLOCKS_A_LOOK: u64 = 64;

/// What a check saw.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    /// The newest commit in the database.
    pub commit_number: u64,
    /// The newest commit that is known to have been durable.
    pub watermark: u64,
    /// The epoch of the last open.
    pub epoch: u64,
    /// Shards with records.
    pub shards: u64,
    /// Blocks.
    pub blocks: u64,
    /// Records.
    pub records: u64,
    /// Bytes of all blocks.
    pub bytes: u64,
    /// Keys.
    pub keys: u64,
    /// What does not hold, for people; the first hundred.
    pub problems: Vec<String>,
    /// How many things do not hold.
    pub problem_count: u64,
}

impl CheckReport {
    /// Whether everything holds.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.problem_count == 0
    }

    fn problem(&mut self, what: String) {
        self.problem_count += 1;
        if self.problems.len() < FINDINGS {
            self.problems.push(what);
        }
    }
}

/// Checks the data directory `dir`, which may be in use. Blocks; reads everything.
///
/// # Errors
/// When there is no database that could be checked.
pub fn check(dir: &Path) -> Result<CheckReport, CheckError> {
    check_with(dir, |_, _| Ok(()), &mut |_, _| {})
}

/// As [`check`], where `reads` says of each key and its undamaged value what does not hold: the log
/// knows no meaning of what it keeps. Tells `progress` the bytes that were read, and about how many
/// there are.
///
/// # Errors
/// As [`check`].
pub fn check_with(
    dir: &Path,
    reads: impl Fn(&[u8], &[u8]) -> Result<(), String>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<CheckReport, CheckError> {
    let path = dir.join(DATABASE);
    if !path.exists() {
        return Err(CheckError::Missing(path));
    }
    let connection = connect::reader(dir)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    match schema::identify(&connection)? {
        Identity::Ours(schema::VERSION) => {}
        Identity::Ours(found) => {
            return Err(CheckError::Format {
                found,
                known: schema::VERSION,
            });
        }
        Identity::Empty | Identity::Foreign => {
            return Err(CheckError::Format {
                found: 0,
                known: schema::VERSION,
            });
        }
    }
    // The watermark is read first: commits made meanwhile only add to what is found.
    let mark = watermark::read(dir).ok().flatten().unwrap_or_default();
    connection.execute_batch("BEGIN")?;
    let meta = Meta::read(&connection)?;
    let mut report = CheckReport {
        commit_number: meta.commit,
        watermark: mark.commit,
        epoch: meta.epoch,
        ..CheckReport::default()
    };
    structure(&connection, &mut report)?;
    let runs = runs(&connection)?;
    let total = bytes(&connection)?;
    blocks(&connection, &runs, &mut report, &mut |done| {
        progress(done, total)
    })?;
    keys(&connection, reads, &mut report)?;
    if report.commit_number < report.watermark {
        report.problem(format!(
            "the database ends at commit {}, but commit {} was durable: the write-ahead log \
             ({DATABASE}-wal) was truncated, removed or damaged after that; put the missing file \
             back or restore a backup, or start once with --accept-loss",
            report.commit_number, report.watermark
        ));
    }
    Ok(report)
}

/// SQLite's own check, which sees its trees but no flipped byte in a row.
fn structure(connection: &Connection, report: &mut CheckReport) -> rusqlite::Result<()> {
    let mut statement = connection.prepare("PRAGMA quick_check(20)")?;
    let mut rows = statement.query([])?;
    loop {
        match rows.next() {
            Ok(Some(row)) => {
                let line: String = row.get(0)?;
                if line != "ok" {
                    report.problem(format!("database structure: {line}"));
                }
            }
            Ok(None) => return Ok(()),
            Err(error) => {
                report.problem(format!("database structure: {error}"));
                return Ok(());
            }
        }
    }
}

type Runs = BTreeMap<(ShardNumber, u64), u64>;

fn runs(connection: &Connection) -> rusqlite::Result<Runs> {
    let mut statement = connection.prepare("SELECT shard, epoch, first FROM run")?;
    let runs = statement.query_map([], |row| {
        let word = |i: usize| row.get::<_, i64>(i).map(i64::cast_unsigned);
        Ok(((ShardNumber(row.get(0)?), word(1)?), word(2)?))
    })?;
    runs.collect()
}

/// The block before, as far as the next one depends on it.
struct Before {
    shard: ShardNumber,
    end: u64,
    epoch: u64,
    arrival: u64,
}

/// Bytes of the database.
fn bytes(connection: &Connection) -> rusqlite::Result<u64> {
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    Ok((pragma("page_count")? * pragma("page_size")?).cast_unsigned())
}

fn blocks(
    connection: &Connection,
    runs: &Runs,
    report: &mut CheckReport,
    progress: &mut dyn FnMut(u64),
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(&format!("SELECT {COLUMNS} FROM block ORDER BY id"))?;
    let mut rows = statement.query([])?;
    let mut before: Option<Before> = None;
    loop {
        let row = match rows.next() {
            Ok(Some(row)) => row,
            Ok(None) => return Ok(()),
            Err(error) => {
                report.problem(format!("blocks: {error}"));
                return Ok(());
            }
        };
        report.blocks += 1;
        if report.blocks.is_multiple_of(BLOCKS_A_LOOK) {
            progress(report.bytes);
        }
        let id: i64 = row.get(0)?;
        let shard = row::shard(id);
        if before.as_ref().is_none_or(|before| before.shard != shard) {
            report.shards += 1;
            before = None;
        }
        match Stored::read(row)? {
            Ok(stored) => before = Some(one(stored, before.as_ref(), runs, report)),
            Err(error) => {
                report.problem(error.to_string());
                before = None;
            }
        }
    }
}

fn one(stored: Stored, before: Option<&Before>, runs: &Runs, report: &mut CheckReport) -> Before {
    let Stored { id, commit, placed } = stored;
    let (shard, position, arrival) = (row::shard(id), placed.base, placed.arrival.0);
    let epoch = position.epoch();
    let mut wrong =
        |what: String| report.problem(format!("shard {shard:?} at {position:?}: {what}"));
    if let Some(before) = before {
        if before.end != position.ordinal() {
            wrong(format!("the block before it ends at {}", before.end));
        }
        if before.epoch > epoch {
            wrong(format!("the block before it has epoch {}", before.epoch));
        }
        if before.arrival > arrival {
            wrong("it arrived before the block before it".to_owned());
        }
    }
    match runs.get(&(shard, epoch)) {
        Some(first) if *first <= position.ordinal() => {}
        _ => wrong("its epoch is not known to begin before it".to_owned()),
    }
    report.commit_number = report.commit_number.max(commit);
    report.records += u64::from(placed.block.len());
    report.bytes += placed.block.bytes().len() as u64;
    Before {
        shard,
        end: placed.end(),
        epoch,
        arrival,
    }
}

fn keys(
    connection: &Connection,
    reads: impl Fn(&[u8], &[u8]) -> Result<(), String>,
    report: &mut CheckReport,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare("SELECT key, crc, value FROM key_value")?;
    let mut rows = statement.query([])?;
    loop {
        match rows.next() {
            Ok(Some(row)) => {
                report.keys += 1;
                let (key, value) = (row.get_ref(0)?.as_blob()?, row.get_ref(2)?.as_blob()?);
                if row.get::<_, i64>(1)? != i64::from(row::key_value_crc(key, value)) {
                    report.problem(format!(
                        "the value of key `{}` is damaged",
                        key.escape_ascii()
                    ));
                } else if let Err(what) = reads(key, value) {
                    report.problem(what);
                }
            }
            Ok(None) => return Ok(()),
            Err(error) => {
                report.problem(format!("keys: {error}"));
                return Ok(());
            }
        }
    }
}
