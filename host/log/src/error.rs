//! What can go wrong outside of reads and commits, whose errors are core's.

use std::{io, path::PathBuf};

use thiserror::Error;

/// Why a log could not be opened. Nothing was changed.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error("the data directory {} is in use by another process", dir.display())]
    Locked {
        /// The data directory.
        dir: PathBuf,
    },
    /// A newer program wrote it.
    #[error(
        "the data in {} has format {found}, written by a newer version; this one reads up to {known}",
        dir.display()
    )]
    Newer {
        /// The data directory.
        dir: PathBuf,
        /// The format of the data.
        found: i64,
        /// The newest format that this program knows.
        known: i64,
    },
    /// It is a database, but none of ours.
    #[error("{} is not a Millstream database", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// Commits that were durable are no longer there.
    #[error(
        "the database in {} ends at commit {found}, but commit {watermark} was durable: its \
         write-ahead log (millstream.db-wal) was truncated, removed or damaged; put the missing \
         file back or restore a backup, or start once with --accept-loss to go on without what \
         is missing", dir.display()
    )]
    Lost {
        /// The data directory.
        dir: PathBuf,
        /// The newest commit in the database.
        found: u64,
        /// The newest commit that is known to have been durable.
        watermark: u64,
    },
    /// What is stored contradicts itself.
    #[error("the database in {} is damaged: {what}", dir.display())]
    Damaged {
        /// The data directory.
        dir: PathBuf,
        /// What does not hold.
        what: String,
    },
    /// The linked SQLite is too old.
    #[error("SQLite {0} is too old: versions before 3.51.3 can damage a database")]
    Sqlite(&'static str),
    /// 2^20 opens, or a clock past the year 2140.
    #[error("epoch {0} is beyond what a position can hold")]
    EpochsExhausted(u64),
    /// A file could not be read or written.
    #[error("cannot access {}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// SQLite failed.
    #[error("cannot open the database: {0}")]
    Database(#[from] rusqlite::Error),
}

/// Why a backup was not made. What was written of it is removed.
#[derive(Debug, Error)]
pub enum BackupError {
    /// There is something at the destination already.
    #[error("{} exists and is not an empty directory", .0.display())]
    Occupied(PathBuf),
    /// A file could not be read or written.
    #[error("cannot access {}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// SQLite failed.
    #[error("cannot copy the database: {0}")]
    Database(#[from] rusqlite::Error),
}

/// Why a check could not be made; damage that a check finds is in its report.
#[derive(Debug, Error)]
pub enum CheckError {
    /// There is no database.
    #[error("there is no database at {}", .0.display())]
    Missing(PathBuf),
    /// A newer program wrote it, or another one.
    #[error("the database has format {found}; this version reads up to {known}")]
    Format {
        /// The format of the data.
        found: i64,
        /// The newest format that this program knows.
        known: i64,
    },
    /// SQLite failed.
    #[error("cannot read the database: {0}")]
    Database(#[from] rusqlite::Error),
}
