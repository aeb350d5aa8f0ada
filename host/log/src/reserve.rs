//! A file that takes up room, so that there is some left for deleting when the disk is full.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use rusqlite::Connection;

/// Enough for the log of a few steps of retention, and for a checkpoint of what is not in the database
/// at most times: twice the bytes at which one begins.
pub(crate) const BYTES: usize = 8 << 20;
/// What will do as long as the database has as much room in itself.
pub(crate) const LEAST: usize = 2 << 20;
/// What a checkpoint must leave of it.
const SPARE: usize = 256 << 10;
/// How often making it anew is tried.
const PAUSE: Duration = Duration::from_millis(250);

/// Whether a checkpoint makes the database grow by no more than the reserve. One that could not be
/// finished would only use up the room in which records can be deleted.
pub(crate) fn covers_growth(connection: &Connection) -> bool {
    let number = |pragma| {
        connection.pragma_query_value(None, pragma, |row| row.get::<_, u32>(0).map(u64::from))
    };
    let (Ok(pages), Ok(page_bytes)) = (number("page_count"), number("page_size")) else {
        return false;
    };
    let file = connection.path().map(fs::metadata);
    let length = file.and_then(Result::ok).map_or(0, |file| file.len());
    (pages * page_bytes).saturating_sub(length) <= (BYTES - SPARE) as u64
}

/// The reserve of a data directory.
#[derive(Debug)]
pub(crate) struct Reserve {
    path: PathBuf,
    /// When it was given up, or when making it anew was last tried.
    missing_since: Option<Instant>,
}

impl Reserve {
    /// Takes it for there, as it is: opening a log needs whatever room there is.
    pub(crate) fn assume(dir: &Path) -> Self {
        Self {
            path: dir.join("reserve"),
            missing_since: None,
        }
    }

    /// Makes the file where it is missing and was not given up; a full disk is no error.
    pub(crate) fn ensure(&mut self) {
        let whole = fs::metadata(&self.path).is_ok_and(|file| file.len() == BYTES as u64);
        if !whole && self.missing_since.is_none() && self.make(BYTES, 0).is_err() {
            self.release();
        }
    }

    /// Gives the room up: from now on only what frees room is to be written. True where there was
    /// room to give up.
    pub(crate) fn release(&mut self) -> bool {
        let held = self.missing_since.is_none();
        // It may be gone already.
        let _ = fs::remove_file(&self.path);
        self.missing_since = Some(Instant::now());
        held
    }

    /// Whether it was given up and not made again.
    pub(crate) fn is_released(&self) -> bool {
        self.missing_since.is_some()
    }

    /// Whether the disk counts as full. Tries to make the reserve anew, not too often; there must be
    /// as much room again, unless the database itself is `roomy`. Then the disk may stay full:
    /// `shorten` frees what it can, and [`LEAST`] will do.
    pub(crate) fn is_missing(
        &mut self,
        roomy: impl FnOnce() -> bool,
        shorten: impl FnOnce(),
    ) -> bool {
        let Some(since) = self.missing_since else {
            return false;
        };
        if since.elapsed() < PAUSE {
            return true;
        }
        let made = if roomy() {
            self.try_make(BYTES, 0) || {
                shorten();
                self.try_make(BYTES, 0) || self.try_make(LEAST, 0)
            }
        } else {
            self.try_make(BYTES, BYTES)
        };
        if made {
            self.missing_since = None;
        }
        !made
    }

    /// Leaves nothing behind where it fails.
    fn try_make(&mut self, bytes: usize, spare: usize) -> bool {
        let made = self.make(bytes, spare).is_ok();
        if !made {
            self.release();
        }
        made
    }

    fn make(&self, bytes: usize, spare: usize) -> io::Result<()> {
        let mut file = File::create(&self.path)?;
        // Zeros that are written, since a hole takes no room.
        file.write_all(&vec![0; bytes + spare])?;
        file.set_len(bytes as u64)?;
        file.sync_data()
    }
}
