//! The log as core sees it: the port's calls, sent to the writer, the tail or the readers.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Instant,
};

use bytes::Bytes;
use millstream_core::{
    limit,
    port::{
        Appended, Commit, CommitError, Durable, Later, Log, Page, ReadError, ReadLimits, Span,
        Volume,
    },
    position::{Position, ShardNumber},
    time::Millis,
};
use tokio::sync::oneshot;

use crate::{
    backup::{self, BackupReport},
    checkpoint::{Checkpointer, Wal},
    connect,
    error::{BackupError, OpenError},
    key_value,
    lock::Lock,
    open::{self, DATABASE, Opened},
    options::Options,
    queue::{self, Job, Queue},
    reader::{self, Kind, Readers, Wanted},
    recent::Recent,
    room::Room,
    shard::Shards,
    stats::{Counters, Stats},
    tail::{self, Budget},
    writer::{Shared, Writer},
};

/// Bytes of one commit: several of the largest uploads and requests.
const COMMIT_BYTES: usize = 64 << 20;

/// A shard log in a data directory that no other process uses.
#[derive(Debug)]
pub struct SqliteLog {
    dir: PathBuf,
    shared: Arc<Shared>,
    readers: Readers,
    recent: Arc<Recent>,
    running: Mutex<Option<Running>>,
}

/// What ends with the log.
#[derive(Debug)]
struct Running {
    writer: JoinHandle<()>,
    checkpointer: JoinHandle<Checkpointer>,
    lock: Lock,
}

impl SqliteLog {
    /// Opens the data directory, or makes it. Blocks; needs no runtime.
    ///
    /// # Errors
    /// When the directory is in use, or what is in it is foreign, newer, damaged or not whole.
    pub fn open(options: Options) -> Result<Self, OpenError> {
        let Opened {
            lock,
            mut connection,
            watermark,
            reserve,
            shards,
            removals,
            epoch,
            owes_epoch,
            commit,
            page_bytes,
        } = open::open(&options)?;
        let io = |source| OpenError::Io {
            path: options.dir.clone(),
            source,
        };
        let shared = Arc::new(Shared {
            queue: Queue::new(options.queue_bytes),
            shards,
            wal: Wal::new(page_bytes, commit),
            counters: Counters::default(),
            fatal: options.fatal.clone(),
            epoch,
        });
        let checkpoints = connect::checkpointer(&options)?;
        let connections = (0..=options.readers.max(1)).map(|_| connect::reader(&options.dir));
        let readers = Readers::start(connections.collect::<Result<_, _>>()?).map_err(io)?;
        let wal_pages = Arc::new(AtomicU64::new(0));
        let hook_pages = wal_pages.clone();
        connection.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages: i32| {
            hook_pages.store(u64::try_from(pages).unwrap_or(0), Ordering::Relaxed);
            Ok(())
        }))?;
        let writer = Writer {
            shared: shared.clone(),
            connection,
            room: Room::new(reserve),
            owes_epoch,
            budget: Budget::new(options.tail_bytes),
            clock: options.clock,
            commit,
            removals,
            stuck: false,
            wal_pages,
        };
        let checkpointer = Checkpointer {
            shared: shared.clone(),
            connection: checkpoints,
            watermark,
        };
        let spawn = |name: &str| thread::Builder::new().name(name.to_owned());
        let running = Running {
            checkpointer: spawn("log-checkpoint")
                .spawn(|| checkpointer.run())
                .map_err(io)?,
            writer: spawn("log-writer").spawn(|| writer.run()).map_err(io)?,
            lock,
        };
        let running = Mutex::new(Some(running));
        Ok(Self {
            dir: options.dir,
            shared,
            readers,
            recent: Arc::default(),
            running,
        })
    }

    /// The data directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What it has done since it was opened, and what it holds.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let Shared {
            queue,
            wal,
            counters,
            epoch,
            ..
        } = &*self.shared;
        Stats {
            commit_number: wal.commit(),
            epoch: *epoch,
            wal_bytes: wal.bytes(),
            database_bytes: fs::metadata(self.dir.join(DATABASE)).map_or(0, |file| file.len()),
            queue_bytes: queue.bytes() as u64,
            ..counters.stats()
        }
    }

    /// Copies everything that is durable into the new directory `to`, from which a log can be opened.
    /// Writing goes on meanwhile. Blocks. `progress` gets pages done and pages in all.
    ///
    /// # Errors
    /// When `to` is not free, or the copy could not be made.
    pub fn backup(
        &self,
        to: &Path,
        progress: impl FnMut(u64, u64),
    ) -> Result<BackupReport, BackupError> {
        backup::backup(&self.dir, to, self.shared.wal.commit(), progress)
    }

    /// Finishes what was committed before, moves everything into the database, and frees the
    /// directory. Blocks; what is asked afterwards is refused.
    pub fn close(&self) {
        let Some(running) = self
            .running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
        else {
            return;
        };
        let Running {
            writer,
            checkpointer,
            lock,
        } = running;
        self.shared.queue.close("the log is closed");
        // A panic there was told to the one who waits, and to the process.
        let _ = writer.join();
        self.readers.close();
        self.shared.wal.close();
        if let Ok(checkpointer) = checkpointer.join() {
            checkpointer.finish();
        }
        drop(lock);
    }

    fn shards(&self) -> &Shards {
        &self.shared.shards
    }
}

impl Drop for SqliteLog {
    fn drop(&mut self) {
        self.close();
    }
}

/// Waits for the writer's answer; without one, nobody knows.
async fn answer<T>(answer: oneshot::Receiver<Result<T, CommitError>>) -> Result<T, CommitError> {
    let lost = |_| CommitError::Ambiguous("the log ended before it answered".to_owned());
    answer.await.map_err(lost)?
}

impl Log for SqliteLog {
    fn commit(
        &self,
        commit: Commit,
    ) -> Later<'static, Result<Durable<Vec<Appended>>, CommitError>> {
        // Drops do not count: a stream may have more shards than a commit may have operations.
        let operations = commit.appends.len() + commit.puts.len();
        let bytes = queue::weight(&commit);
        if operations > limit::COMMIT_OPERATIONS || bytes > COMMIT_BYTES {
            return Box::pin(async move { Err(CommitError::TooLarge { operations, bytes }) });
        }
        let (reply, answered) = oneshot::channel();
        let since = Instant::now();
        self.shared.queue.push(
            Job::Commit {
                commit,
                since,
                reply,
            },
            bytes,
        );
        Box::pin(answer(answered))
    }

    fn read(
        &self,
        shard: ShardNumber,
        from: Position,
        limits: ReadLimits,
    ) -> Later<'static, Result<Page, ReadError>> {
        let Some(shard) = self.shards().get(shard) else {
            return Box::pin(async { Ok(Page::default()) });
        };
        let (ordinal, next) = {
            let state = shard.state();
            let ordinal = state.seek(from);
            if let Some(page) = tail::read(&state, ordinal, limits) {
                return Box::pin(async { Ok(page) });
            }
            (ordinal, state.next)
        };
        let recent = self.recent.clone();
        let wanted = Wanted {
            shard: shard.number,
            ordinals: ordinal..next,
            limits,
        };
        self.readers.run(Kind::Records, move |connection| {
            reader::read(connection, &recent, wanted)
        })
    }

    fn locate(
        &self,
        shard: ShardNumber,
        at: Millis,
    ) -> Later<'static, Result<Position, ReadError>> {
        let Some(shard) = self.shards().get(shard) else {
            return Box::pin(async { Ok(Position::START) });
        };
        let (range, tail) = {
            let state = shard.state();
            let tail = state.span().next;
            if let Some(found) = tail::locate(&state, at) {
                return Box::pin(async move { Ok(found) });
            }
            ((state.first, state.next), tail)
        };
        self.readers.run(Kind::Records, move |connection| {
            let found = reader::locate(connection, shard.number, at, range)?;
            Ok(found.unwrap_or(tail))
        })
    }

    fn span(&self, shard: ShardNumber) -> Span {
        let span = self.shards().get(shard).map(|shard| shard.state().span());
        span.unwrap_or(Span {
            first: Position::START,
            next: Position::START,
            last_arrival: Millis(0),
        })
    }

    fn volume(&self, shard: ShardNumber) -> Volume {
        let shard = self.shards().get(shard);
        shard.map(|shard| shard.state().volume).unwrap_or_default()
    }

    fn grown(&self, shard: ShardNumber, beyond: Position) -> Later<'static, Position> {
        let shard = self.shards().get_or_new(shard);
        Box::pin(async move { shard.grown(beyond).await })
    }

    fn get_many(&self, keys: Vec<Bytes>) -> Later<'static, Result<Vec<Option<Bytes>>, ReadError>> {
        self.readers.run(Kind::Keys, move |connection| {
            key_value::get_many(connection, &keys)
        })
    }

    fn scan(&self, prefix: Bytes) -> Later<'static, Result<Vec<(Bytes, Bytes)>, ReadError>> {
        self.readers.run(Kind::Keys, move |connection| {
            key_value::scan(connection, &prefix)
        })
    }

    fn keys(
        &self,
        prefix: Bytes,
        after: Option<Bytes>,
        limit: usize,
    ) -> Later<'static, Result<Vec<Bytes>, ReadError>> {
        self.readers.run(Kind::Keys, move |connection| {
            key_value::keys(connection, &prefix, after.as_deref(), limit)
        })
    }

    fn trim(&self, shard: ShardNumber, before: Millis) -> Later<'static, Result<u64, CommitError>> {
        let (reply, answered) = oneshot::channel();
        self.shared.queue.push(
            Job::Trim {
                shard,
                before,
                reply,
            },
            0,
        );
        Box::pin(answer(answered))
    }
}
