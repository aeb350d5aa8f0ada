//! From a data directory to a running log: lock, schema, watermark, epoch, shards; in this order.
//!
//! Invariant: nothing is changed before the lock is held and the data is known to be ours and whole.

use std::{collections::VecDeque, fs, io, path::Path};

use millstream_core::{
    position::{EPOCH_MAX, ShardNumber},
    time::Millis,
};
use rusqlite::{Connection, MAIN_DB, OptionalExtension as _, wal::CheckpointMode};

use crate::{
    connect,
    error::OpenError,
    lock::Lock,
    options::Options,
    reserve::{self, Reserve},
    row,
    shard::{Run, Shard, Shards, State},
    watermark::{self, Watermark},
    writer,
};

/// The database's file name.
pub(crate) const DATABASE: &str = "millstream.db";
/// SQLite before this can damage a database when two connections checkpoint.
const SQLITE_AT_LEAST: i32 = 3_051_003;
/// An epoch is at least the hours since 2024, so that a copy of old files does not repeat epochs.
const EPOCHS_SINCE_SECONDS: u64 = 1_704_067_200;
/// How far a restored backup leaps: more opens than the original can have had in the same hour.
const RESTORED_LEAP: u64 = 64;

/// Everything that is known of an opened data directory.
#[derive(Debug)]
pub(crate) struct Opened {
    /// Held while the log is open.
    pub(crate) lock: Lock,
    pub(crate) connection: Connection,
    pub(crate) watermark: watermark::Writer,
    /// Given up where there was no room to open with it.
    pub(crate) reserve: Reserve,
    pub(crate) shards: Shards,
    pub(crate) removals: VecDeque<ShardNumber>,
    pub(crate) epoch: u64,
    /// The epoch stands in the watermark alone: there was no room for it in the database.
    pub(crate) owes_epoch: bool,
    pub(crate) commit: u64,
    pub(crate) page_bytes: u64,
}

/// Opens the data directory of `options`, or makes it; where the disk is full, with the room that
/// was reserved.
pub(crate) fn open(options: &Options) -> Result<Opened, OpenError> {
    if rusqlite::version_number() < SQLITE_AT_LEAST {
        return Err(OpenError::Sqlite(rusqlite::version()));
    }
    let dir = &options.dir;
    fs::create_dir_all(dir).map_err(at(dir))?;
    let lock = Lock::take(dir)?;
    let mut reserve = Reserve::assume(dir);
    let found = match Found::find(options) {
        Err(error) if is_full(&error) && reserve.shrink() => Found::find(options),
        found => found,
    }?;
    let Found {
        mut connection,
        mark,
        shards,
        removals,
        meta,
        commit,
    } = found;
    let page_bytes: i64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
    let page_bytes = page_bytes.cast_unsigned();
    let epoch = meta.next_epoch(mark, (options.clock)())?;
    let owes_epoch = !raise(&mut connection, &mut reserve, epoch)?;
    while !move_log(&connection)? && reserve::covers_growth(&connection) && reserve.shrink() {}
    let mark = Watermark { commit, epoch };
    let watermark = match watermark::Writer::create(dir, mark).map_err(at(dir)) {
        Err(error) if is_full(&error) && reserve.shrink() => {
            watermark::Writer::create(dir, mark).map_err(at(dir))
        }
        created => created,
    }?;
    reserve.ensure();
    if reserve.is_released() {
        tracing::warn!("the disk is full: only what fits into what is there is taken");
        while reserve.shrink() {
            reserve::hold(&connection);
        }
        reserve::hold(&connection);
    } else {
        // The new epoch is not left to a log that could be lost.
        checkpoint(&connection, CheckpointMode::TRUNCATE)?;
    }
    Ok(Opened {
        lock,
        connection,
        watermark,
        reserve,
        shards,
        removals,
        epoch,
        owes_epoch,
        commit,
        page_bytes,
    })
}

fn is_full(error: &OpenError) -> bool {
    match error {
        OpenError::Database(error) => writer::is_full(error),
        OpenError::Io { source, .. } => matches!(
            source.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
        ),
        _ => false,
    }
}

/// What is in a data directory, known to be ours and whole.
struct Found {
    connection: Connection,
    mark: Watermark,
    shards: Shards,
    removals: VecDeque<ShardNumber>,
    meta: Meta,
    commit: u64,
}

impl Found {
    fn find(options: &Options) -> Result<Self, OpenError> {
        let dir = &options.dir;
        let mark = watermark::read(dir).map_err(at(dir))?.unwrap_or_default();
        let path = dir.join(DATABASE);
        if !path.exists() {
            refuse_loss(options, 0, mark)?;
        }
        let connection = connect::writer(options, &path)?;
        let (shards, removals, newest) = shards(&connection, dir)?;
        let meta = Meta::read(&connection)?;
        let commit = newest.max(meta.commit);
        refuse_loss(options, commit, mark)?;
        connect::settle(&connection)?;
        Ok(Self {
            connection,
            mark,
            shards,
            removals,
            meta,
            commit,
        })
    }
}

/// Writes the epoch of this open into the database; false where even the reserve's room is not enough.
fn raise(
    connection: &mut Connection,
    reserve: &mut Reserve,
    epoch: u64,
) -> Result<bool, OpenError> {
    loop {
        if write_epoch(connection, epoch)? {
            return Ok(true);
        }
        // A log that is all in the database begins anew in its own room.
        let moves = !reserve.is_released() || reserve::covers_growth(connection);
        if moves && move_log(connection)? && write_epoch(connection, epoch)? {
            return Ok(true);
        }
        if !reserve.shrink() {
            return Ok(false);
        }
    }
}

/// False where there is no room.
fn write_epoch(connection: &mut Connection, epoch: u64) -> rusqlite::Result<bool> {
    let written = connection.transaction().and_then(|transaction| {
        transaction.execute(
            "UPDATE meta SET epoch = ?1, restored = 0",
            [epoch.cast_signed()],
        )?;
        transaction.commit()
    });
    unless_full(written)
}

fn checkpoint(connection: &Connection, mode: CheckpointMode) -> rusqlite::Result<bool> {
    unless_full(connection.wal_checkpoint_v2(Some(MAIN_DB), mode).map(drop))
}

fn unless_full(done: rusqlite::Result<()>) -> rusqlite::Result<bool> {
    match done {
        Ok(()) => Ok(true),
        Err(error) if writer::is_full(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Moves the write-ahead log into the database; false where there is no room. It keeps its file,
/// whose room nobody else can take.
fn move_log(connection: &Connection) -> rusqlite::Result<bool> {
    checkpoint(connection, CheckpointMode::PASSIVE)
}

pub(crate) fn at(path: &Path) -> impl Fn(io::Error) -> OpenError {
    let path = path.to_owned();
    move |source| OpenError::Io {
        path: path.clone(),
        source,
    }
}

fn refuse_loss(options: &Options, found: u64, mark: Watermark) -> Result<(), OpenError> {
    if found >= mark.commit {
        return Ok(());
    }
    let (dir, watermark) = (options.dir.clone(), mark.commit);
    let lost = OpenError::Lost {
        dir,
        found,
        watermark,
    };
    if !options.accept_loss {
        return Err(lost);
    }
    tracing::warn!(%lost, "going on without what was lost");
    Ok(())
}

/// The row of `meta`.
#[derive(Debug)]
pub(crate) struct Meta {
    pub(crate) epoch: u64,
    pub(crate) commit: u64,
    pub(crate) restored: bool,
}

impl Meta {
    pub(crate) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        connection.query_row(
            "SELECT epoch, commit_number, restored FROM meta",
            [],
            |row| {
                let word = |i: usize| row.get::<_, i64>(i).map(i64::cast_unsigned);
                Ok(Self {
                    epoch: word(0)?,
                    commit: word(1)?,
                    restored: row.get(2)?,
                })
            },
        )
    }

    /// An epoch that no position had before.
    fn next_epoch(&self, mark: Watermark, now: Millis) -> Result<u64, OpenError> {
        let hours = now.seconds().saturating_sub(EPOCHS_SINCE_SECONDS) / 3600;
        let used = self.epoch.max(mark.epoch);
        let leap = if self.restored { RESTORED_LEAP } else { 0 };
        let epoch = (used + 1).max(hours) + leap;
        if epoch > EPOCH_MAX {
            return Err(OpenError::EpochsExhausted(epoch));
        }
        Ok(epoch)
    }
}

/// All shards, those whose blocks are still to be removed, and the newest commit that a block names.
fn shards(
    connection: &Connection,
    dir: &Path,
) -> Result<(Shards, VecDeque<ShardNumber>, u64), OpenError> {
    let damaged = |what: String| OpenError::Damaged {
        dir: dir.to_owned(),
        what,
    };
    let mut states: std::collections::BTreeMap<u32, State> = std::collections::BTreeMap::new();
    let mut removals = VecDeque::new();
    let mut rests =
        connection.prepare("SELECT number, next, arrival_ms, state, closed FROM shard")?;
    let mut rows = rests.query([])?;
    while let Some(row) = rows.next()? {
        let (number, next, arrival): (u32, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let (next, stage): (u64, i64) = (next.cast_unsigned(), row.get(3)?);
        let arrival = Millis(arrival.cast_unsigned());
        let state = State {
            first: next,
            next,
            arrival,
            dropped: stage != 0,
            closed: row.get(4)?,
            ..State::default()
        };
        states.insert(number, state);
        if stage == 1 {
            removals.push_back(ShardNumber(number));
        }
    }
    let mut runs =
        connection.prepare("SELECT shard, epoch, first FROM run ORDER BY shard, epoch")?;
    let mut rows = runs.query([])?;
    while let Some(row) = rows.next()? {
        let (number, epoch, first): (u32, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let run = Run {
            epoch: epoch.cast_unsigned(),
            first: first.cast_unsigned(),
        };
        states.entry(number).or_default().runs.push(run);
    }
    let (known, mut newest) = (Shards::default(), 0);
    for (number, mut state) in states {
        let number = ShardNumber(number);
        if !state.dropped {
            newest = newest.max(ends(connection, number, &mut state)?);
            if state.next < state.runs.position(state.next).ordinal() || state.first > state.next {
                return Err(damaged(format!("shard {number:?} ends before it begins")));
            }
        }
        known.insert(Shard::new(number, state));
    }
    Ok((known, removals, newest))
}

/// Sets where a shard begins and ends from its first and last block; gives the last one's commit.
fn ends(connection: &Connection, number: ShardNumber, state: &mut State) -> rusqlite::Result<u64> {
    let ids = row::ids(number);
    let first = connection
        .prepare_cached("SELECT id FROM block WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT 1")?
        .query_row(ids, |row| row.get(0))
        .optional()?;
    let Some(first) = first else {
        return Ok(0);
    };
    connection
        .prepare_cached(
            "SELECT id, count, arrival_ms, commit_number FROM block \
             WHERE id BETWEEN ?1 AND ?2 ORDER BY id DESC LIMIT 1",
        )?
        .query_row(ids, |row| {
            let word = |i: usize| row.get::<_, i64>(i).map(i64::cast_unsigned);
            state.first = row::ordinal(first);
            state.next = row::ordinal(row.get(0)?) + word(1)?;
            state.arrival = Millis(word(2)?);
            word(3)
        })
}
