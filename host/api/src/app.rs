//! What every handler may use.

use std::{fmt, path::PathBuf, sync::Arc};

pub use millstream_core::event::Identity;
use millstream_core::{
    port::{Channels, Control, Invoke, Journals, Later, Log, Modules, Outbox, Queues, Triggers},
    time::Millis,
};
use serde_json::{Map, Value};
use thiserror::Error;

use crate::auth::Access;

/// The ports and settings behind all routes. Clones share everything.
#[derive(Debug, Clone)]
pub struct App {
    /// The shard log.
    pub log: Arc<dyn Log>,
    /// The control plane.
    pub control: Arc<dyn Control>,
    /// The compiler.
    pub modules: Arc<dyn Modules>,
    /// The runtime, for dry runs.
    pub invoke: Arc<dyn Invoke>,
    /// What functions logged.
    pub journals: Arc<dyn Journals>,
    /// The running triggers.
    pub triggers: Arc<dyn Triggers>,
    /// The running channels.
    pub channels: Arc<dyn Channels>,
    /// The failure records that are on their way.
    pub outbox: Arc<dyn Outbox>,
    /// The queues at work.
    pub queues: Arc<dyn Queues>,
    /// What this crate counts, and where others add their lines to `/metrics`.
    pub metrics: Arc<crate::native::metrics::Metrics>,
    /// Uploads under way or failed.
    pub uploads: Arc<crate::native::functions::Uploads>,
    /// The host's life: readiness and draining.
    pub life: Arc<crate::native::health::Life>,
    /// What depends on which log was opened.
    pub host: Arc<dyn Host>,
    /// When the process started.
    pub started: Millis,
    /// Who and where this host says it is.
    pub identity: Arc<Identity>,
    /// Whose requests are answered.
    pub access: Access,
    /// What shards take and give in a second, where that is limited.
    pub quotas: Option<Arc<crate::quota::Quotas>>,
    /// The clock.
    pub now: fn() -> Millis,
}

/// What only the binary can answer, since it alone knows which log it opened.
pub trait Host: Send + Sync + fmt::Debug + 'static {
    /// Writes a consistent copy of the log to `to`, which must not exist; gives what to tell of it.
    fn backup(&self, to: PathBuf) -> Later<'static, Result<Map<String, Value>, BackupError>>;

    /// Further fields for `/v1/status`, such as `wal_bytes`. Cheap.
    fn figures(&self) -> Map<String, Value>;
}

/// Why there is no copy.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BackupError {
    /// Something is at that path already; it was left alone.
    #[error("{} already exists", .0.display())]
    Exists(PathBuf),
    /// There can be no directory at that path; nothing was made.
    #[error("no backup can be made at {}: {}", .0.display(), .1)]
    Unusable(PathBuf, String),
    /// The disk has no room for it.
    #[error("no space left for {}", .0.display())]
    Full(PathBuf),
    /// Anything else.
    #[error("the backup failed: {0}")]
    Failed(String),
}
