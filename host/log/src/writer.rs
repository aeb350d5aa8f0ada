//! The one thread that writes: everything that waits goes into one transaction and one sync.
//!
//! Invariant: only here is a [`Durable`] made, after COMMIT, and so `fsync`, has returned.
//! Invariant: an error that leaves open what is durable ends the process; a full disk does not.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use millstream_core::{
    port::{Appended, Commit, CommitError, Durable},
    position::ShardNumber,
    time::Millis,
};
use rusqlite::{Connection, ErrorCode, ffi::SQLITE_IOERR_SHMSIZE};

use crate::{
    checkpoint::Wal,
    group::{Group, Stamp, Written},
    options::Fatal,
    queue::{self, CommitReply, Job, Queue, TrimReply},
    reserve,
    retention::{self, Trimmed},
    room::Room,
    shard::{Shard, Shards},
    stats::{Counters, add},
    tail::Budget,
};

/// What the writer shares with the rest of the log.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) queue: Queue,
    pub(crate) shards: Shards,
    pub(crate) wal: Wal,
    pub(crate) counters: Counters,
    pub(crate) fatal: Fatal,
    pub(crate) epoch: u64,
}

impl Shared {
    /// It is no longer known what is durable.
    pub(crate) fn fail(&self, why: &str) {
        self.fatal.strike(why);
        self.queue.fail(why);
    }
}

/// The writer's own.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) shared: Arc<Shared>,
    pub(crate) connection: Connection,
    pub(crate) room: Room,
    pub(crate) budget: Budget,
    pub(crate) clock: fn() -> Millis,
    /// The newest durable transaction.
    pub(crate) commit: u64,
    /// Dropped shards that still have blocks.
    pub(crate) removals: VecDeque<ShardNumber>,
    /// The last transaction did not fit: what is not asked for waits for the next one that does.
    pub(crate) stuck: bool,
    /// The database does not know this open's epoch yet, only the watermark does.
    pub(crate) owes_epoch: bool,
    /// Pages in the write-ahead log, kept by its hook.
    pub(crate) wal_pages: Arc<AtomicU64>,
}

/// What a transaction holds, until it is durable.
struct Turn {
    answers: Vec<(CommitReply, Instant, Vec<Appended>)>,
    trims: Vec<(Arc<Shard>, Millis, TrimReply)>,
    trimmed: Vec<Option<Trimmed>>,
    erased: Option<bool>,
}

impl Writer {
    /// Works until the queue is closed and empty, or something fatal happens.
    pub(crate) fn run(mut self) {
        let _watch = PanicWatch(self.shared.clone());
        let shared = self.shared.clone();
        while let Some(jobs) = shared.queue.take(!self.removals.is_empty() && !self.stuck) {
            if let Err(why) = self.turn(jobs) {
                shared.fail(&why);
                return;
            }
        }
    }

    /// One transaction. An error is fatal.
    fn turn(&mut self, jobs: Vec<Job>) -> Result<(), String> {
        let began = Instant::now();
        let shared = self.shared.clone();
        let mut left = Left {
            bytes: (self.room).left(&self.connection, &shared.wal, &shared.counters)?,
            used: false,
        };
        let stamp = Stamp {
            epoch: shared.epoch,
            now: (self.clock)(),
            commit: self.commit + 1,
        };
        let mut group = Group::new(&shared.shards, stamp);
        let mut turn = Turn {
            answers: Vec::new(),
            trims: Vec::new(),
            trimmed: Vec::new(),
            erased: None,
        };
        for job in jobs {
            match job {
                Job::Commit { commit, reply, .. } if !left.takes(&commit) => {
                    add(&shared.counters.full, 1);
                    drop(reply.send(Err(CommitError::Full)));
                }
                Job::Commit {
                    commit,
                    since,
                    reply,
                } => match group.plan(commit) {
                    Ok(appended) => turn.answers.push((reply, since, appended)),
                    Err(error) => drop(reply.send(Err(error))),
                },
                Job::Trim {
                    shard,
                    before,
                    reply,
                } => {
                    turn.trims
                        .push((shared.shards.get_or_new(shard), before, reply));
                }
            }
        }
        match self.transact(&mut group, &mut turn) {
            Ok(written) => self.publish(group, turn, written, began),
            Err(Failed { undone: true, .. }) => {
                drop(group);
                self.roll_back(turn)
            }
            Err(Failed { error, .. }) => {
                let why = format!("cannot write the log, what is durable is unknown: {error}");
                for (reply, ..) in turn.answers {
                    drop(reply.send(Err(CommitError::Ambiguous(why.clone()))));
                }
                Err(why)
            }
        }
    }

    fn transact(&mut self, group: &mut Group<'_>, turn: &mut Turn) -> Result<Written, Failed> {
        let (written, removed) = self.write(group, turn).map_err(Failed::before_commit)?;
        let commit = self.connection.prepare_cached("COMMIT");
        let commit = commit.map_err(Failed::before_commit)?.execute([]);
        commit.map_err(Failed::at_commit)?;
        if removed || !written.is_nothing() {
            self.commit += 1;
            self.owes_epoch = false;
        }
        Ok(written)
    }

    /// Everything but the COMMIT; gives whether anything was removed too.
    fn write(&self, group: &mut Group<'_>, turn: &mut Turn) -> rusqlite::Result<(Written, bool)> {
        let connection = &self.connection;
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let mut removed = false;
        for (shard, before, _) in &turn.trims {
            let dropped = shard.state().dropped;
            let trimmed = if dropped {
                None
            } else {
                retention::trim(connection, shard, *before)?
            };
            removed |= trimmed.is_some();
            turn.trimmed.push(trimmed);
        }
        if let Some(shard) = self.removals.front() {
            turn.erased = Some(retention::erase(connection, *shard)?);
            removed = true;
        }
        let written = group.write(connection)?;
        let named = written.is_named() && !self.owes_epoch;
        if removed || !(named || written.is_nothing()) {
            let numbers = [self.commit + 1, self.shared.epoch].map(u64::cast_signed);
            connection
                .prepare_cached("UPDATE meta SET commit_number = ?1, epoch = ?2")?
                .execute(numbers)?;
        }
        Ok((written, removed))
    }

    /// Shows what is durable now and answers.
    fn publish(
        &mut self,
        group: Group<'_>,
        turn: Turn,
        written: Written,
        began: Instant,
    ) -> Result<(), String> {
        self.stuck = false;
        let counters = &self.shared.counters;
        self.removals.extend(group.publish(&mut self.budget));
        if turn.erased == Some(true) {
            self.removals.pop_front();
        }
        for ((shard, _, reply), trimmed) in turn.trims.into_iter().zip(turn.trimmed) {
            if let Some(Trimmed { first, .. }) = trimmed {
                self.budget.forget(shard.state().trim(first));
            }
            drop(reply.send(Ok(trimmed.map_or(0, |trimmed| trimmed.records))));
        }
        counters
            .tail_bytes
            .store(self.budget.held() as u64, Ordering::Relaxed);
        if !written.is_nothing() || turn.erased.is_some() {
            add(&counters.transactions, 1);
            add(&counters.records, written.records);
            add(&counters.bytes, written.bytes);
            counters.transaction_latency.record(began.elapsed());
        }
        let now = Instant::now();
        for (reply, since, appended) in turn.answers {
            counters.commit_latency.record(now - since);
            add(&counters.commits, 1);
            drop(reply.send(Ok(durable(appended))));
        }
        self.hand_over()
    }

    /// Tells the checkpoint thread how far the log is, or takes the last step of a checkpoint itself.
    fn hand_over(&self) -> Result<(), String> {
        let wal = &self.shared.wal;
        let pages = self.wal_pages.load(Ordering::Relaxed);
        let counters = &self.shared.counters;
        if wal.committed(pages, self.commit) {
            wal.pass(&self.connection, counters)?;
        }
        // Once the disk is full it is too late.
        if wal.is_far_behind() && !reserve::can_grow_later(&self.connection) {
            wal.pass_next(&self.connection, counters)?;
        }
        Ok(())
    }

    /// Undoes what did not fit and gives the reserve up, with which trims are tried again.
    fn roll_back(&mut self, turn: Turn) -> Result<(), String> {
        if !self.connection.is_autocommit() {
            self.connection
                .execute_batch("ROLLBACK")
                .map_err(|error| format!("cannot roll back after the disk was full: {error}"))?;
        }
        self.stuck = true;
        let Shared { wal, counters, .. } = &*self.shared;
        let held = self.room.give_up(&self.connection, wal, counters)?;
        // Trims may have failed for what was written with them.
        let again = held || !(turn.answers.is_empty() || turn.trims.is_empty());
        add(&self.shared.counters.full, turn.answers.len());
        for (reply, ..) in turn.answers {
            drop(reply.send(Err(CommitError::Full)));
        }
        let trims = turn.trims.into_iter().map(|(shard, before, reply)| {
            let shard = shard.number;
            Job::Trim {
                shard,
                before,
                reply,
            }
        });
        if again {
            return self.turn(trims.collect());
        }
        trims.for_each(|trim| trim.refuse(CommitError::Full));
        Ok(())
    }
}

/// A transaction that did not succeed.
struct Failed {
    error: rusqlite::Error,
    /// There was no room, and nothing of it can come to light later.
    undone: bool,
}

impl Failed {
    fn before_commit(error: rusqlite::Error) -> Self {
        let undone = is_full(&error);
        Self { error, undone }
    }

    fn at_commit(error: rusqlite::Error) -> Self {
        let undone = is_undone(&error);
        Self { error, undone }
    }
}

/// For commits whose transaction's COMMIT has returned.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the writer that alone may say so"
)]
fn durable(appended: Vec<Appended>) -> Durable<Vec<Appended>> {
    Durable::after_sync(appended)
}

/// What may be written in one transaction that frees no room.
struct Left {
    bytes: usize,
    used: bool,
}

impl Left {
    /// Whether a commit goes into the transaction. One of any size may try alone.
    fn takes(&mut self, commit: &Commit) -> bool {
        if frees_room(commit) {
            return true;
        }
        let weight = queue::weight(commit);
        if self.bytes == 0 || (self.used && weight > self.bytes) {
            return false;
        }
        self.used = true;
        self.bytes = self.bytes.saturating_sub(weight);
        true
    }
}

/// Whether a commit may use the room that was kept for making room.
fn frees_room(commit: &Commit) -> bool {
    commit.appends.is_empty() && commit.puts.iter().all(|put| put.value.is_none())
        || !commit.drops.is_empty()
}

/// Whether there was no room for what is not the end of a commit: besides the files themselves, SQLite
/// needs some for the shared index of its log, and says so in another way.
pub(crate) fn is_full(error: &rusqlite::Error) -> bool {
    let index = error
        .sqlite_error()
        .is_some_and(|error| error.extended_code == SQLITE_IOERR_SHMSIZE);
    index || error.sqlite_error_code() == Some(ErrorCode::DiskFull)
}

/// Whether a COMMIT failed without a trace. Its records may be durable already when the index of the
/// log has no room for them.
fn is_undone(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DiskFull)
}

/// A panic in the writer leaves a transaction half planned: nobody may go on as if it were whole.
#[derive(Debug)]
struct PanicWatch(Arc<Shared>);

impl Drop for PanicWatch {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail("the log's writer panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi::{self, SQLITE_FULL, SQLITE_IOERR_FSYNC};

    use super::*;

    fn error(code: i32) -> rusqlite::Error {
        rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)
    }

    #[test]
    fn no_room_for_the_logs_index_is_a_full_disk_until_commit() {
        let before = |code| Failed::before_commit(error(code)).undone;
        let at = |code| Failed::at_commit(error(code)).undone;
        assert!(before(SQLITE_FULL) && at(SQLITE_FULL));
        assert!(before(SQLITE_IOERR_SHMSIZE) && !at(SQLITE_IOERR_SHMSIZE));
        assert!(!before(SQLITE_IOERR_FSYNC) && !at(SQLITE_IOERR_FSYNC));
    }
}
