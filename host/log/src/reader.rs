//! Threads that read from the database, each with a connection of its own; never in the writer's way.

use std::{
    fmt,
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError, mpsc},
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

type Task = Box<dyn FnOnce(&Connection) + Send>;

/// The threads.
pub(crate) struct Readers {
    tasks: Mutex<Option<mpsc::Sender<Task>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl fmt::Debug for Readers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Readers")
    }
}

impl Readers {
    pub(crate) fn start(connections: Vec<Connection>) -> std::io::Result<Self> {
        let (sender, receiver) = mpsc::channel::<Task>();
        let receiver = Arc::new(Mutex::new(receiver));
        let start = |connection| {
            let receiver = receiver.clone();
            let name = "log-reader".to_owned();
            thread::Builder::new()
                .name(name)
                .spawn(move || work(&connection, &receiver))
        };
        let threads = connections
            .into_iter()
            .map(start)
            .collect::<Result<_, _>>()?;
        Ok(Self {
            tasks: Mutex::new(Some(sender)),
            threads: Mutex::new(threads),
        })
    }

    /// Runs `read` on one of the threads.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, ReadError> + Send + 'static,
    ) -> Later<'static, Result<T, ReadError>> {
        let (reply, answer) = oneshot::channel();
        let task = Box::new(move |connection: &Connection| drop(reply.send(read(connection))));
        if let Some(tasks) = &*self.tasks.lock().unwrap_or_else(PoisonError::into_inner) {
            // Where no thread is left, the reply is dropped and the answer says so.
            let _ = tasks.send(task);
        }
        Box::pin(async move {
            let closed = || ReadError::Unavailable("the log is closed".to_owned());
            answer.await.unwrap_or_else(|_| Err(closed()))
        })
    }

    /// Finishes what was asked and ends the threads.
    pub(crate) fn close(&self) {
        self.tasks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        for thread in self
            .threads
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .drain(..)
        {
            let _ = thread.join();
        }
    }
}

fn work(connection: &Connection, tasks: &Mutex<mpsc::Receiver<Task>>) {
    loop {
        let task = tasks.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(task) = task else {
            return;
        };
        if catch_unwind(AssertUnwindSafe(|| task(connection))).is_err() {
            tracing::error!("a read panicked");
        }
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
