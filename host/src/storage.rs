//! Which log a host writes to, and what may be asked of it beside reading and writing.

use std::{path::PathBuf, sync::Arc};

use millstream_api::app;
use millstream_core::port::{Later, Log};
use millstream_log::{
    BackupError, BackupReport, Durability, NullLog, OpenError, Options, SqliteLog, Stats,
};
use serde_json::{Map, Value};

use crate::settings::{Fsync, Settings};

/// An open log. Clones share it.
#[derive(Debug, Clone)]
pub(crate) enum Storage {
    Sqlite(Arc<SqliteLog>),
    /// For measurements: what everything else costs.
    Null(Arc<NullLog>),
}

impl Storage {
    /// Opens the log that `settings` name. Blocks while it recovers.
    pub(crate) fn open(settings: &Settings) -> Result<Self, OpenError> {
        let mut options = Options::new(&settings.data);
        options.accept_loss = settings.accept_loss;
        options.tail_bytes = settings.log.tail_bytes.unwrap_or(options.tail_bytes);
        options.queue_bytes = settings.log.queue_bytes.unwrap_or(options.queue_bytes);
        options.durability = match settings.log.fsync {
            Fsync::Full => Durability::Full,
            Fsync::Off => Durability::Off,
            Fsync::Null => return Ok(Self::Null(Arc::new(NullLog::new()))),
        };
        Ok(Self::Sqlite(Arc::new(SqliteLog::open(options)?)))
    }

    /// The log as everybody else sees it.
    pub(crate) fn log(&self) -> Arc<dyn Log> {
        match self {
            Self::Sqlite(log) => log.clone(),
            Self::Null(log) => log.clone(),
        }
    }

    /// What the log counts; nothing where it stores nothing.
    pub(crate) fn stats(&self) -> Option<Stats> {
        match self {
            Self::Sqlite(log) => Some(log.stats()),
            Self::Null(_) => None,
        }
    }

    /// Makes what is on the disk whole and frees the directory.
    pub(crate) async fn close(self) {
        if let Self::Sqlite(log) = self {
            let closed = tokio::task::spawn_blocking(move || log.close()).await;
            if let Err(error) = closed {
                tracing::error!(%error, "the log was not closed; the next start recovers it");
            }
        }
    }
}

impl app::Host for Storage {
    fn backup(&self, to: PathBuf) -> Later<'static, Result<Map<String, Value>, app::BackupError>> {
        let storage = self.clone();
        Box::pin(async move {
            let Self::Sqlite(log) = storage else {
                let what = "this host stores nothing".to_owned();
                return Err(app::BackupError::Failed(what));
            };
            let copy = move || log.backup(&to, |_, _| {});
            match tokio::task::spawn_blocking(copy).await {
                Ok(Ok(report)) => Ok(fields(&report)),
                Ok(Err(error)) => Err(refusal(error)),
                Err(error) => Err(app::BackupError::Failed(error.to_string())),
            }
        })
    }

    fn figures(&self) -> Map<String, Value> {
        let Some(stats) = self.stats() else {
            return Map::new();
        };
        let figures = [
            ("commits", stats.commits),
            ("records_stored", stats.records),
            ("wal_bytes", stats.wal_bytes),
            ("database_bytes", stats.database_bytes),
            ("tail_bytes", stats.tail_bytes),
            ("queue_bytes", stats.queue_bytes),
            ("commit_p50_us", stats.commit_latency.quantile_us(0.5)),
            ("commit_p99_us", stats.commit_latency.quantile_us(0.99)),
        ];
        let figures = figures.map(|(name, value)| (name.to_owned(), value.into()));
        figures.into_iter().collect()
    }
}

/// A report as the host answers it.
pub(crate) fn fields(report: &BackupReport) -> Map<String, Value> {
    match serde_json::to_value(report) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

fn refusal(error: BackupError) -> app::BackupError {
    use std::io::ErrorKind::{
        AlreadyExists, InvalidFilename, NotADirectory, NotFound, PermissionDenied, QuotaExceeded,
        ReadOnlyFilesystem, StorageFull,
    };
    match error {
        BackupError::Occupied(path) => app::BackupError::Exists(path),
        BackupError::Io { path, source }
            if matches!(source.kind(), StorageFull | QuotaExceeded) =>
        {
            app::BackupError::Full(path)
        }
        BackupError::Io { path, source } if source.kind() == AlreadyExists => {
            app::BackupError::Exists(path)
        }
        // What whoever asks can change: another path.
        BackupError::Io { path, source }
            if matches!(
                source.kind(),
                InvalidFilename | NotADirectory | NotFound | PermissionDenied | ReadOnlyFilesystem
            ) =>
        {
            app::BackupError::Unusable(path, source.to_string())
        }
        other => app::BackupError::Failed(other.to_string()),
    }
}
