//! Threads that read from the database, each with a connection of its own; never in the writer's way.

use std::{
    collections::VecDeque,
    fmt,
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
};

use millstream_core::{
    port::{Later, Page, ReadError, ReadLimits},
    position::{Position, ShardNumber},
    time::Millis,
};
use rusqlite::{Connection, OptionalExtension as _};
use tokio::sync::oneshot;

use crate::{
    recent::Recent,
    row::{self, COLUMNS_IF_SMALL, Large, Stored, corrupt},
    tail::Filler,
};

/// Reads of one kind that wait at most; more are refused.
const WAITING: usize = 10_000;

/// What a read is of. Keys are small and wanted at once: they do not wait behind records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Keys,
    Records,
}

trait Task: Send {
    /// Nobody waits for the answer any more.
    fn is_abandoned(&self) -> bool;
    fn run(self: Box<Self>, connection: &Connection);
}

struct Asked<T, F> {
    read: F,
    reply: oneshot::Sender<Result<T, ReadError>>,
}

impl<T, F> Task for Asked<T, F>
where
    T: Send,
    F: FnOnce(&Connection) -> Result<T, ReadError> + Send,
{
    fn is_abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    fn run(self: Box<Self>, connection: &Connection) {
        let Self { read, reply } = *self;
        drop(reply.send(read(connection)));
    }
}

#[derive(Default)]
struct Waiting {
    keys: VecDeque<Box<dyn Task>>,
    records: VecDeque<Box<dyn Task>>,
    /// Threads that read records at the moment, of so many.
    reading: usize,
    threads: usize,
    closed: bool,
}

impl Waiting {
    /// The next that somebody waits for. One thread of several is left for keys alone.
    fn next(&mut self) -> Option<(Kind, Box<dyn Task>)> {
        if let Some(task) = wanted(&mut self.keys) {
            return Some((Kind::Keys, task));
        }
        if self.reading > 0 && self.reading + 1 >= self.threads && !self.closed {
            return None;
        }
        let task = wanted(&mut self.records)?;
        self.reading += 1;
        Some((Kind::Records, task))
    }
}

fn wanted(tasks: &mut VecDeque<Box<dyn Task>>) -> Option<Box<dyn Task>> {
    while let Some(task) = tasks.pop_front() {
        if !task.is_abandoned() {
            return Some(task);
        }
    }
    None
}

/// What waits for the threads.
#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    ready: Condvar,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// False where as many wait as may.
    fn push(&self, kind: Kind, task: Box<dyn Task>) -> bool {
        let mut waiting = self.lock();
        if waiting.closed {
            // The answer says so, since its sender is dropped.
            return true;
        }
        let tasks = match kind {
            Kind::Keys => &mut waiting.keys,
            Kind::Records => &mut waiting.records,
        };
        if tasks.len() >= WAITING {
            tasks.retain(|task| !task.is_abandoned());
        }
        if tasks.len() >= WAITING {
            return false;
        }
        tasks.push_back(task);
        drop(waiting);
        self.ready.notify_all();
        true
    }

    /// Waits for the next; nothing when the queue is closed and empty.
    fn take(&self) -> Option<(Kind, Box<dyn Task>)> {
        let mut waiting = self.lock();
        loop {
            if let Some(task) = waiting.next() {
                return Some(task);
            }
            if waiting.closed {
                return None;
            }
            let woken = self.ready.wait(waiting);
            waiting = woken.unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn done(&self, kind: Kind) {
        if kind == Kind::Records {
            self.lock().reading -= 1;
            self.ready.notify_all();
        }
    }

    fn close(&self) {
        self.lock().closed = true;
        self.ready.notify_all();
    }
}

/// The threads.
pub(crate) struct Readers {
    queue: Arc<Queue>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl fmt::Debug for Readers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Readers")
    }
}

impl Readers {
    pub(crate) fn start(connections: Vec<Connection>) -> std::io::Result<Self> {
        let queue = Arc::new(Queue::default());
        queue.lock().threads = connections.len();
        let start = |connection| {
            let queue = queue.clone();
            let name = "log-reader".to_owned();
            thread::Builder::new()
                .name(name)
                .spawn(move || work(&connection, &queue))
        };
        let threads = connections.into_iter().map(start).collect::<Result<_, _>>();
        let threads = threads.inspect_err(|_| queue.close())?;
        Ok(Self {
            queue,
            threads: Mutex::new(threads),
        })
    }

    /// Runs `read` on one of the threads, unless the answer is dropped before its turn.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        kind: Kind,
        read: impl FnOnce(&Connection) -> Result<T, ReadError> + Send + 'static,
    ) -> Later<'static, Result<T, ReadError>> {
        let (reply, answer) = oneshot::channel();
        let why = if self.queue.push(kind, Box::new(Asked { read, reply })) {
            "the log is closed"
        } else {
            "too many reads are waiting"
        };
        Box::pin(async move {
            let refused = |_| Err(ReadError::Unavailable(why.to_owned()));
            answer.await.unwrap_or_else(refused)
        })
    }

    /// Finishes what was asked and ends the threads.
    pub(crate) fn close(&self) {
        self.queue.close();
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        for thread in threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.queue.close();
    }
}

fn work(connection: &Connection, queue: &Queue) {
    while let Some((kind, task)) = queue.take() {
        if catch_unwind(AssertUnwindSafe(|| task.run(connection))).is_err() {
            tracing::error!("a read panicked");
        }
        queue.done(kind);
    }
}

pub(crate) fn unavailable(error: rusqlite::Error) -> ReadError {
    ReadError::Unavailable(error.to_string())
}

/// What a reader asks for: records of `shard` with ordinals in `ordinals`, from the first on.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) shard: ShardNumber,
    pub(crate) ordinals: Range<u64>,
    pub(crate) limits: ReadLimits,
}

/// The records that are wanted, as many as fit; from `recent` as far as that goes.
///
/// What was trimmed in between is skipped; any other gap is damage. Damage ends a page; it is an
/// error where the page would be empty.
pub(crate) fn read(
    connection: &Connection,
    recent: &Recent,
    wanted: Wanted,
) -> Result<Page, ReadError> {
    let Wanted {
        shard,
        mut ordinals,
        limits,
    } = wanted;
    let (mut filler, mut expected) = (Filler::new(limits), None);
    while let Some(placed) = recent.get(shard, ordinals.start) {
        let room = filler.add(&placed, ordinals.start);
        ordinals.start = placed.end();
        expected = Some(ordinals.start);
        if !room || ordinals.is_empty() {
            return Ok(filler.finish());
        }
    }
    let mut large = Large::new(connection, recent);
    let mut rows = Rows {
        shard,
        ordinals,
        expected,
    };
    let filled = rows.fill(connection, &mut large, &mut filler);
    let page = filler.finish();
    match filled {
        Err(error) if page.slices.is_empty() => Err(error),
        _ => Ok(page),
    }
}

/// The blocks that are to be found in the database.
struct Rows {
    shard: ShardNumber,
    ordinals: Range<u64>,
    /// Where the next block has to begin; unknown before the first.
    expected: Option<u64>,
}

impl Rows {
    fn fill(
        &mut self,
        connection: &Connection,
        large: &mut Large<'_>,
        filler: &mut Filler,
    ) -> Result<(), ReadError> {
        let sql = format!(
            "SELECT {COLUMNS_IF_SMALL} FROM block WHERE id >= coalesce((SELECT id FROM block \
             WHERE id BETWEEN ?1 AND ?2 ORDER BY id DESC LIMIT 1), ?2) AND id < ?3 ORDER BY id"
        );
        let Range { start, end } = self.ordinals;
        let damaged = |error: rusqlite::Error| damage(&error, row::id(self.shard, start));
        let mut statement = connection.prepare_cached(&sql).map_err(unavailable)?;
        let ids = (
            row::ids(self.shard).0,
            row::id(self.shard, start),
            row::id(self.shard, end),
        );
        let mut rows = statement.query(ids).map_err(damaged)?;
        while let Some(row) = rows.next().map_err(damaged)? {
            let Stored { id, placed, .. } = Stored::read_with(row, large).map_err(damaged)??;
            let end = placed.end();
            if self
                .expected
                .replace(end)
                .is_some_and(|expected| expected != row::ordinal(id))
            {
                return Err(corrupt(id, "the block before it is missing"));
            }
            if end > start && !filler.add(&placed, start) {
                break;
            }
        }
        Ok(())
    }
}

/// SQLite's own finding of damage, where it is one.
fn damage(error: &rusqlite::Error, id: i64) -> ReadError {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    match error.sqlite_error_code() {
        Some(DatabaseCorrupt | NotADatabase) => corrupt(id, &error.to_string()),
        _ => ReadError::Unavailable(error.to_string()),
    }
}

/// The position of the first record at or after `at`, of those from `first` to before `next`.
pub(crate) fn locate(
    connection: &Connection,
    shard: ShardNumber,
    at: Millis,
    (first, next): (u64, u64),
) -> Result<Option<Position>, ReadError> {
    let mut statement = connection
        .prepare_cached(
            "SELECT id, epoch, count, arrival_ms FROM block \
             WHERE id BETWEEN ?1 AND ?2 ORDER BY id DESC LIMIT 1",
        )
        .map_err(unavailable)?;
    let low = row::id(shard, first);
    let (mut left, mut right, mut found) = (first, next, None);
    while left < right {
        let middle = left + (right - left) / 2;
        let seen = statement
            .query_row((low, row::id(shard, middle)), |row| {
                let word = |i: usize| row.get::<_, i64>(i).map(i64::cast_unsigned);
                Ok((
                    row::ordinal(row.get(0)?),
                    word(1)?,
                    word(2)?,
                    Millis(word(3)?),
                ))
            })
            .optional()
            .map_err(|error| damage(&error, row::id(shard, middle)))?;
        match seen {
            Some((base, epoch, _, arrival)) if arrival >= at => {
                found = Some(Position::new(epoch, base));
                right = base;
            }
            Some((base, _, count, _)) => left = (base + count).max(middle + 1),
            // Trimmed in between.
            None => left = middle + 1,
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn keys_do_not_wait_for_records_and_nobody_reads_for_the_dead() {
        let connection = || Connection::open_in_memory().unwrap();
        let readers = Readers::start(vec![connection(), connection()]).unwrap();
        let (go, gate) = std::sync::mpsc::channel::<()>();
        let (started, begun) = oneshot::channel();
        let slow = readers.run(Kind::Records, move |_| {
            started.send(()).unwrap();
            Ok(gate.recv().is_ok())
        });
        begun.await.unwrap();
        let dead = readers.run(Kind::Records, |_| -> Result<(), _> { panic!("was read") });
        drop(dead);
        let behind: Vec<_> = (0..WAITING)
            .map(|i| readers.run(Kind::Records, move |_| Ok(i)))
            .collect();
        let keys = readers.run(Kind::Keys, |_| Ok("keys")).await;
        assert_eq!(keys, Ok("keys"), "though every other thread may be busy");
        let more = readers.run(Kind::Records, |_| Ok(())).await;
        assert!(matches!(more, Err(ReadError::Unavailable(why)) if why.contains("waiting")));
        go.send(()).unwrap();
        assert_eq!(slow.await, Ok(true));
        for (i, answer) in behind.into_iter().enumerate() {
            assert_eq!(answer.await, Ok(i));
        }
        readers.close();
    }
}
