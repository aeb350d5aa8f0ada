//! A consistent copy of a running log, in a directory of its own.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{
    Connection,
    backup::{Backup, StepResult},
};
use serde::Serialize;

use crate::{connect, error::BackupError, open::DATABASE};

/// Pages that are copied between two looks at the progress.
const STEP_PAGES: i32 = 256;
/// How long to wait when another connection holds a lock that the copy needs.
const BUSY: Duration = Duration::from_millis(10);

/// What was copied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BackupReport {
    /// The directory with the copy, which a log can be opened from.
    pub path: PathBuf,
    /// Bytes of the copy.
    pub bytes: u64,
    /// Everything up to this commit is in it, and perhaps some after it.
    pub commit_number: u64,
}

/// Copies the database in `dir` into the new directory `to`.
///
/// The copy is marked as restored: its first open leaps ahead of the original's epochs, so the two
/// never give one position to different records.
pub(crate) fn backup(
    dir: &Path,
    to: &Path,
    commit_number: u64,
    progress: impl FnMut(u64, u64),
) -> Result<BackupReport, BackupError> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| BackupError::Io { path, source }
    };
    fs::create_dir_all(to).map_err(io(to))?;
    if fs::read_dir(to).map_err(io(to))?.next().is_some() {
        return Err(BackupError::Occupied(to.to_owned()));
    }
    let (partial, whole) = (to.join("millstream.db.partial"), to.join(DATABASE));
    let copied = copy(dir, &partial, progress).and_then(|()| {
        let publish = || -> io::Result<u64> {
            File::open(&partial)?.sync_all()?;
            fs::rename(&partial, &whole)?;
            File::open(to)?.sync_all()?;
            Ok(fs::metadata(&whole)?.len())
        };
        publish().map_err(io(&whole))
    });
    match copied {
        Ok(bytes) => Ok(BackupReport {
            path: to.to_owned(),
            bytes,
            commit_number,
        }),
        Err(error) => {
            // What cannot be removed is not taken for a backup: it has another name.
            let _ = fs::remove_file(&partial);
            Err(error)
        }
    }
}

fn copy(dir: &Path, partial: &Path, mut progress: impl FnMut(u64, u64)) -> Result<(), BackupError> {
    let source = connect::reader(dir)?;
    // The snapshot is held for the whole copy, so that no commit in between starts it over.
    source.execute_batch("BEGIN")?;
    source.query_row("SELECT epoch FROM meta", [], |_| Ok(()))?;
    let mut target = Connection::open(partial)?;
    {
        let backup = Backup::new(&source, &mut target)?;
        loop {
            let step = backup.step(STEP_PAGES)?;
            let at = backup.progress();
            let count = |pages: i32| u64::try_from(pages).unwrap_or(0);
            progress(count(at.pagecount - at.remaining), count(at.pagecount));
            match step {
                StepResult::Done => break,
                StepResult::Busy | StepResult::Locked => std::thread::sleep(BUSY),
                _ => {}
            }
        }
    }
    target.pragma_update(None, "journal_mode", "DELETE")?;
    target.execute("UPDATE meta SET restored = 1", [])?;
    target.close().map_err(|(_, error)| error)?;
    Ok(())
}
