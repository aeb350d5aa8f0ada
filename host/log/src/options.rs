//! How a log is opened. Knows the system's clock, which nothing else here does.

use std::{
    fmt,
    io::Write as _,
    path::PathBuf,
    process,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use millstream_core::time::Millis;

/// Bytes of recent blocks that are kept in memory for live readers.
const TAIL_BYTES: usize = 64 << 20;
/// Bytes of commits that may wait for the writer.
const QUEUE_BYTES: usize = 64 << 20;
/// Bytes of a page of a new database; FORMAT.md has the measurement.
const PAGE_BYTES: u32 = 16 << 10;
/// Threads that read from the database.
const READERS: usize = 2;
/// `EX_IOERR` of sysexits.h.
const EXIT_CODE: i32 = 74;

/// What a commit's answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// On the disk: `fsync` returned.
    Full,
    /// In the page cache: lost with the power. For comparison only.
    Off,
}

/// What is done when it is no longer known what is durable. Gets one line that says why.
#[derive(Clone)]
pub struct Fatal(Arc<dyn Fn(&str) + Send + Sync>);

impl Fatal {
    /// Calls `action`, which need not return.
    pub fn new(action: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(action))
    }

    pub(crate) fn strike(&self, why: &str) {
        (self.0)(why);
    }
}

impl Default for Fatal {
    /// Says why on stderr and ends the process with code 74, without cleaning up.
    fn default() -> Self {
        Self::new(|why| {
            // Nothing can be done about a closed stderr.
            let _ = writeln!(std::io::stderr(), "millstream: fatal: {why}");
            process::exit(EXIT_CODE);
        })
    }
}

impl fmt::Debug for Fatal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fatal")
    }
}

/// How a log is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// The data directory; it is made where it does not exist.
    pub dir: PathBuf,
    /// Bytes of recent blocks that are kept in memory for live readers.
    pub tail_bytes: usize,
    /// Bytes of commits that may wait; more are refused with `Busy`.
    pub queue_bytes: usize,
    /// Bytes of a page, a power of two from 512 to 65536. Only a new database takes it.
    pub page_bytes: u32,
    /// What a commit's answer means.
    pub durability: Durability,
    /// Opens a database that has lost durable commits, and goes on without them.
    pub accept_loss: bool,
    /// Threads that read records from the database; one more reads keys.
    pub readers: usize,
    /// Tells the time at which records arrive.
    pub clock: fn() -> Millis,
    /// What happens when a sync fails.
    pub fatal: Fatal,
    /// The size at which the database counts as full, in pages. For tests.
    pub max_pages: Option<u32>,
}

impl Options {
    /// The defaults, for the data directory `dir`.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            tail_bytes: TAIL_BYTES,
            queue_bytes: QUEUE_BYTES,
            page_bytes: PAGE_BYTES,
            durability: Durability::Full,
            accept_loss: false,
            readers: READERS,
            clock: system_clock,
            fatal: Fatal::default(),
            max_pages: None,
        }
    }
}

fn system_clock() -> Millis {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    Millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
