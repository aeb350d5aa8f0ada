//! Room that is kept for the time when the disk is full: a file for the database to grow into, and the
//! write-ahead log's own file for what is written then.
//!
//! Invariant: room that is needed for deleting is never given back to a full disk. Whoever else takes
//! it would keep it, also over a kill and a restart.

use std::{
    fs::{self, File},
    io::{self, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use rusqlite::Connection;

/// Enough for a checkpoint of what is not in the database at most times: twice the bytes at which one
/// begins. As much is enough for the log of many steps of retention.
pub(crate) const BYTES: usize = 8 << 20;
/// What must be free besides for the disk not to count as full any more.
const LEAST: usize = 2 << 20;
/// What a checkpoint must leave of it.
const SPARE: usize = 256 << 10;
/// What a checkpoint may need that is to succeed on a full disk.
pub(crate) const COVERED: u64 = (BYTES - SPARE) as u64;
/// A disk with so much room left is not full before checkpoints have caught up.
const AMPLE: u64 = 256 << 20;
/// How often making it anew is tried, and how long what did not fit is not tried again.
const PAUSE: Duration = Duration::from_millis(250);
/// It is given up in such steps, so that little is anybody's at a time: a kill in between leaves the
/// rest here.
const STEP: u64 = 1 << 20;
/// The log's file is made longer in such pieces.
const PIECE: usize = 64 << 10;

/// Makes the log's file [`BYTES`] long, or as long as there is room: a log that starts anew writes over
/// its file, for which a full disk has room. The writer's alone, between two transactions.
///
/// SQLite takes zeros behind its frames for the end of the log.
pub(crate) fn hold(connection: &Connection) {
    let Some(database) = connection.path() else {
        return;
    };
    // Not synced: a sync would take up errors of what SQLite wrote, which are for SQLite to see.
    let held = File::options()
        .write(true)
        .open(format!("{database}-wal"))
        .and_then(|mut file| {
            let mut length = file.seek(SeekFrom::End(0))?;
            while length < BYTES as u64 {
                length += file.write(&[0; PIECE])? as u64;
            }
            Ok(())
        });
    if let Err(error) = held {
        tracing::debug!(%error, "the write-ahead log has less room of its own than it might need");
    }
}

/// Whether a checkpoint makes the database grow by no more than the reserve. One that could not be
/// finished would only use up the room in which records can be deleted.
pub(crate) fn covers_growth(connection: &Connection) -> bool {
    growth(connection).is_some_and(|growth| growth <= COVERED)
}

/// Whether a checkpoint can wait: the reserve covers it, or the disk has much more room than that.
pub(crate) fn can_grow_later(connection: &Connection) -> bool {
    let Some(growth) = growth(connection) else {
        return false;
    };
    let free = || {
        let disk = rustix::fs::statvfs(connection.path()?).ok()?;
        Some(disk.f_bavail.saturating_mul(disk.f_frsize))
    };
    growth <= COVERED || free().is_some_and(|free| free >= growth + AMPLE)
}

/// By how much a checkpoint makes the database's file longer.
fn growth(connection: &Connection) -> Option<u64> {
    let number = |pragma| {
        let number = connection.pragma_query_value(None, pragma, |row| row.get::<_, u32>(0));
        number.ok().map(u64::from)
    };
    let bytes = number("page_count")? * number("page_size")?;
    let file = connection.path().map(fs::metadata)?;
    Some(bytes.saturating_sub(file.map_or(0, |file| file.len())))
}

/// The reserve of a data directory.
#[derive(Debug)]
pub(crate) struct Reserve {
    path: PathBuf,
    missing: Option<Missing>,
}

/// Since when something was last tried.
#[derive(Debug, Clone, Copy)]
struct Missing {
    /// To write what did not fit.
    refused: Instant,
    /// To make the reserve anew.
    tried: Instant,
}

impl Reserve {
    /// Takes it for there, as it is: opening a log needs whatever room there is.
    pub(crate) fn assume(dir: &Path) -> Self {
        Self {
            path: dir.join("reserve"),
            missing: None,
        }
    }

    /// Makes the file where it is missing and was not given up; a full disk is no error.
    pub(crate) fn ensure(&mut self) {
        let whole = fs::metadata(&self.path).is_ok_and(|file| file.len() == BYTES as u64);
        if !whole && self.missing.is_none() && self.make(0).is_err() {
            while self.shrink() {}
        }
    }

    /// Gives some of the room up, for what did not fit. False where there is none left.
    pub(crate) fn shrink(&mut self) -> bool {
        let now = Instant::now();
        let tried = self.missing.map_or(now, |missing| missing.tried);
        self.missing = Some(Missing {
            refused: now,
            tried,
        });
        let rest = File::options()
            .write(true)
            .open(&self.path)
            .and_then(|file| {
                let rest = file.metadata()?.len().saturating_sub(STEP);
                file.set_len(rest)?;
                Ok(rest)
            });
        match rest {
            Ok(rest) if rest > 0 => true,
            // It may be gone already.
            _ => fs::remove_file(&self.path).is_ok(),
        }
    }

    /// Whether it was given up and not made again.
    pub(crate) fn is_released(&self) -> bool {
        self.missing.is_some()
    }

    /// Whether something did not fit a moment ago.
    pub(crate) fn is_pausing(&self) -> bool {
        self.missing
            .is_some_and(|missing| missing.refused.elapsed() < PAUSE)
    }

    /// Makes it anew where it was given up, if it is time to and there is room to spare. True where
    /// that was tried in vain.
    pub(crate) fn remake(&mut self) -> bool {
        let Some(missing) = &mut self.missing else {
            return false;
        };
        if missing.tried.elapsed() < PAUSE {
            return false;
        }
        missing.tried = Instant::now();
        let made = self.make(LEAST).is_ok();
        if made {
            self.missing = None;
        } else {
            // Nothing is left behind.
            let _ = fs::remove_file(&self.path);
        }
        !made
    }

    fn make(&self, spare: usize) -> io::Result<()> {
        let mut file = File::create(&self.path)?;
        // Zeros that are written, since a hole takes no room.
        file.write_all(&vec![0; BYTES + spare])?;
        file.set_len(BYTES as u64)?;
        file.sync_data()
    }
}
