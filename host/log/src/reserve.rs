//! A file that takes up room, so that there is some left for deleting when the disk is full.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// Enough for the log of a few steps of retention and for a checkpoint of them.
pub(crate) const BYTES: usize = 4 << 20;
/// How often making it anew is tried.
const PAUSE: Duration = Duration::from_millis(250);

/// The reserve of a data directory.
#[derive(Debug)]
pub(crate) struct Reserve {
    path: PathBuf,
    /// When it was given up, or when making it anew was last tried.
    missing_since: Option<Instant>,
}

impl Reserve {
    /// Makes the file where it is missing; a full disk is no error.
    pub(crate) fn new(dir: &Path) -> Self {
        let mut reserve = Self {
            path: dir.join("reserve"),
            missing_since: None,
        };
        let whole = fs::metadata(&reserve.path).is_ok_and(|file| file.len() == BYTES as u64);
        if !whole && reserve.make(0).is_err() {
            reserve.release();
        }
        reserve
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

    /// Whether the disk counts as full. Tries to make the reserve anew, not too often; there must be
    /// as much room again, unless the database itself is `roomy`.
    pub(crate) fn is_missing(&mut self, roomy: impl FnOnce() -> bool) -> bool {
        let Some(since) = self.missing_since else {
            return false;
        };
        if since.elapsed() < PAUSE {
            return true;
        }
        let spare = if roomy() { 0 } else { BYTES };
        match self.make(spare) {
            Ok(()) => self.missing_since = None,
            Err(_) => drop(self.release()),
        }
        self.missing_since.is_some()
    }

    fn make(&self, spare: usize) -> io::Result<()> {
        let mut file = File::create(&self.path)?;
        // Zeros that are written, since a hole takes no room.
        file.write_all(&vec![0; BYTES + spare])?;
        file.set_len(BYTES as u64)?;
        file.sync_data()
    }
}
