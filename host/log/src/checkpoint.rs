//! Moving what is in the write-ahead log into the database, in small steps, beside the writer.
//!
//! SQLite starts its log anew only when all of it is in the database and a transaction begins, which
//! never happens by itself under load. So a thread follows the writer closely, and when the log has
//! its full size the writer takes the last, small step itself, between two transactions.
//! The same thread keeps the watermark.

use std::{
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use rusqlite::{Connection, ErrorCode, MAIN_DB, wal::CheckpointMode};

use crate::{
    connect, reserve,
    stats::{Counters, add},
    watermark::{self, Watermark},
    writer::{self, Shared},
};

/// Bytes that make a step of the thread.
const STEP_BYTES: u64 = 4 << 20;
/// Bytes of the log from which on it is to start anew.
const SOFT_BYTES: u64 = 32 << 20;
/// Bytes of the log from which on the writer does whatever is left.
const HARD_BYTES: u64 = 64 << 20;
/// How far behind the watermark may be.
const MARK_EVERY: Duration = Duration::from_secs(1);
/// How long anything is left in the log alone.
const PASS_EVERY: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
struct Progress {
    /// Pages in the log.
    pages: u64,
    /// Pages of those that are in the database too.
    moved: u64,
    /// How often the log was started anew.
    starts: u64,
    /// At how many pages the thread makes its next pass.
    pass_at: u64,
    /// At how many pages the writer tries again to take the last step.
    retry_at: u64,
    /// The newest durable commit, and the one that the watermark names.
    commit: u64,
    marked: u64,
    closed: bool,
}

/// The state of the write-ahead log, between the writer and the checkpoint thread.
#[derive(Debug)]
pub(crate) struct Wal {
    progress: Mutex<Progress>,
    /// Held while a pass is made.
    passing: Mutex<()>,
    changed: Condvar,
    page_bytes: u64,
    full: AtomicBool,
    /// The reserve is given up: the room that it left is for deleting.
    tight: AtomicBool,
}

/// What the thread is to do.
#[derive(Debug, PartialEq, Eq)]
enum Task {
    Pass,
    Mark(u64),
    End,
}

impl Wal {
    pub(crate) fn new(page_bytes: u64, commit: u64) -> Self {
        let pass_at = STEP_BYTES / page_bytes;
        let progress = Progress {
            commit,
            marked: commit,
            pass_at,
            ..Progress::default()
        };
        Self {
            progress: Mutex::new(progress),
            passing: Mutex::default(),
            changed: Condvar::new(),
            page_bytes,
            full: AtomicBool::new(false),
            tight: AtomicBool::new(false),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pages(&self, bytes: u64) -> u64 {
        bytes / self.page_bytes
    }

    /// How many bytes so many pages have.
    pub(crate) fn page_bytes(&self, pages: u32) -> usize {
        usize::try_from(u64::from(pages) * self.page_bytes).unwrap_or(usize::MAX)
    }

    /// Bytes of the log in use.
    pub(crate) fn bytes(&self) -> u64 {
        self.lock().pages * self.page_bytes
    }

    /// The newest durable commit.
    pub(crate) fn commit(&self) -> u64 {
        self.lock().commit
    }

    /// Whether a checkpoint found the disk full, since this was last asked.
    pub(crate) fn take_full(&self) -> bool {
        self.full.load(Ordering::Relaxed) && self.full.swap(false, Ordering::Relaxed)
    }

    /// From now on a checkpoint is made only where it needs little room, or wherever it has to be.
    pub(crate) fn set_tight(&self, tight: bool) {
        self.tight.store(tight, Ordering::Relaxed);
    }

    /// The writer has committed; true when it is to make a pass before it goes on.
    pub(crate) fn committed(&self, pages: u64, commit: u64) -> bool {
        let mut progress = self.lock();
        if pages < progress.pages {
            progress.starts += 1;
            progress.moved = 0;
            progress.retry_at = 0;
            progress.pass_at = self.pages(STEP_BYTES);
        }
        progress.pages = pages;
        let was_marked = progress.commit == progress.marked;
        progress.commit = commit;
        let pass = progress.is_due() && !self.is_last_step(&progress);
        let last = self.is_last_step(&progress) && pages >= progress.retry_at;
        let wake = pass || (was_marked && progress.commit != progress.marked);
        drop(progress);
        if wake {
            self.changed.notify_one();
        }
        last
    }

    /// Whether the database may have to grow by more than the reserve.
    pub(crate) fn is_far_behind(&self) -> bool {
        let progress = self.lock();
        let behind = progress.pages.saturating_sub(progress.moved);
        // What a reader holds back is not looked at again with every commit.
        let far = self.pages(reserve::COVERED - STEP_BYTES / 4);
        behind > far && progress.pages >= progress.retry_at
    }

    /// Whether what is left is the writer's to move.
    fn is_last_step(&self, progress: &Progress) -> bool {
        let behind = progress.pages.saturating_sub(progress.moved);
        let small = behind <= self.pages(2 * STEP_BYTES);
        // On a full disk the log has the room of its file and no more.
        let tight = self.tight.load(Ordering::Relaxed);
        let soft = if tight { STEP_BYTES } else { SOFT_BYTES };
        progress.pages >= self.pages(soft) && small || progress.pages >= self.pages(HARD_BYTES)
    }

    /// Moves what can be moved without waiting for readers, unless the other side is at it. An error
    /// is fatal.
    pub(crate) fn pass(&self, connection: &Connection, counters: &Counters) -> Result<(), String> {
        let _passing = match self.passing.try_lock() {
            Ok(passing) => passing,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                self.look_again(STEP_BYTES / 4);
                return Ok(());
            }
        };
        self.move_pages(connection, counters).map(drop)
    }

    /// Does the same after what the other side is at, which may have found less room. True where
    /// nothing is in the log alone any more.
    pub(crate) fn pass_next(
        &self,
        connection: &Connection,
        counters: &Counters,
    ) -> Result<bool, String> {
        let _passing = self.passing.lock().unwrap_or_else(PoisonError::into_inner);
        self.move_pages(connection, counters)
    }

    fn move_pages(&self, connection: &Connection, counters: &Counters) -> Result<bool, String> {
        let starts = self.lock().starts;
        if self.tight.load(Ordering::Relaxed) && !reserve::covers_growth(connection) {
            self.look_again(STEP_BYTES);
            return Ok(false);
        }
        let passed = connection.wal_checkpoint_v2(Some(MAIN_DB), CheckpointMode::PASSIVE);
        add(&counters.checkpoints, 1);
        let mut progress = self.lock();
        match passed {
            // What was seen is not this log any more.
            Ok(_) if progress.starts != starts => {}
            Ok((pages, moved)) => {
                let count = |pages: i32| u64::try_from(pages).unwrap_or(0);
                // Fewer pages than are known of: it was started anew, which the writer will tell.
                let pages = count(pages).max(progress.pages);
                progress.moved = count(moved);
                progress.pass_at = pages + self.pages(STEP_BYTES);
                // Left over is only what a reader still needs: it will be gone a little later.
                progress.retry_at = pages + self.pages(STEP_BYTES / 4);
                return Ok(progress.moved == pages);
            }
            Err(error) if writer::is_full(&error) => {
                drop(progress);
                self.full.store(true, Ordering::Relaxed);
                self.look_again(STEP_BYTES);
            }
            // A backup is at it.
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
                drop(progress);
                self.look_again(STEP_BYTES / 4);
            }
            Err(error) => return Err(format!("cannot checkpoint the log: {error}")),
        }
        Ok(false)
    }

    /// The next pass is made when the log has so many bytes more.
    fn look_again(&self, bytes: u64) {
        let mut progress = self.lock();
        progress.pass_at = progress.pages + self.pages(bytes);
        progress.retry_at = progress.pass_at;
    }

    /// Waits for the thread's next task, given when it last did each.
    fn next_task(&self, marked_at: Instant, passed_at: Instant) -> Task {
        let mut progress = self.lock();
        loop {
            if progress.closed {
                return Task::End;
            }
            if progress.is_due() && !self.is_last_step(&progress) {
                return Task::Pass;
            }
            let mark = (progress.commit != progress.marked).then(|| marked_at + MARK_EVERY);
            let pass = (progress.moved < progress.pages).then(|| passed_at + PASS_EVERY);
            let now = Instant::now();
            if mark.is_some_and(|at| at <= now) {
                return Task::Mark(progress.commit);
            }
            if pass.is_some_and(|at| at <= now) {
                return Task::Pass;
            }
            progress = match mark.into_iter().chain(pass).min() {
                Some(at) => {
                    let waited = self.changed.wait_timeout(progress, at - now);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self
                    .changed
                    .wait(progress)
                    .unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// Ends the thread.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_one();
    }
}

impl Progress {
    fn is_due(&self) -> bool {
        self.pages >= self.pass_at
    }
}

/// What the thread owns.
#[derive(Debug)]
pub(crate) struct Checkpointer {
    pub(crate) shared: Arc<Shared>,
    pub(crate) connection: Connection,
    pub(crate) watermark: watermark::Writer,
}

impl Checkpointer {
    /// Works until the log is closed, then gives itself back for the final checkpoint.
    pub(crate) fn run(mut self) -> Self {
        let shared = self.shared.clone();
        let (mut marked_at, mut passed_at) = (Instant::now(), Instant::now());
        loop {
            match shared.wal.next_task(marked_at, passed_at) {
                Task::End => return self,
                Task::Mark(commit) => {
                    self.mark(commit);
                    marked_at = Instant::now();
                }
                Task::Pass => {
                    if let Err(why) = shared.wal.pass(&self.connection, &shared.counters) {
                        shared.fail(&why);
                        return self;
                    }
                    passed_at = Instant::now();
                }
            }
        }
    }

    /// Names the newest commit.
    fn mark(&mut self, commit: u64) {
        let mark = Watermark {
            commit,
            epoch: self.shared.epoch,
        };
        if let Err(error) = self.watermark.write(mark) {
            // The watermark before still holds, and is only further behind.
            tracing::warn!(%error, "cannot write the watermark");
        }
        self.shared.wal.lock().marked = commit;
    }

    /// Moves everything into the database and names the newest commit. On a full disk the log keeps
    /// its file, in whose room the next open can write.
    pub(crate) fn finish(mut self) {
        let mode = if self.shared.wal.tight.load(Ordering::Relaxed) {
            if let Err(error) = connect::keep_log(&self.connection) {
                tracing::warn!(%error, "the write-ahead log gives up its room");
            }
            CheckpointMode::PASSIVE
        } else {
            CheckpointMode::TRUNCATE
        };
        let emptied = self.connection.wal_checkpoint_v2(Some(MAIN_DB), mode);
        if let Err(error) = emptied {
            // The log stays beside the database and is read at the next open.
            tracing::warn!(%error, "cannot checkpoint at the end");
        }
        let commit = self.shared.wal.commit();
        self.mark(commit);
    }
}
