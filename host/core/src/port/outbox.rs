//! What carries failure records to AWS's services, once a lane's commit has handed them over.

use std::fmt;

use bytes::Bytes;
use serde::Serialize;

/// What became of a trigger's failure records since the host started.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct OutboxStatus {
    /// Records that failure records told of which were delivered.
    pub delivered_records: u64,
    /// Records whose failure records were given up.
    pub failed_records: u64,
    /// Attempts that failed and were or will be repeated.
    pub failed_attempts: u64,
    /// Failure records that wait.
    pub waiting: u64,
    /// The last error, where nothing was delivered since.
    pub last_error: Option<String>,
}

/// The outboxes of all triggers; see [`crate::trigger::outbox`].
pub trait Outbox: Send + Sync + fmt::Debug + 'static {
    /// Entries are in the log under these keys, or may be where a commit's outcome is unknown.
    fn filled(&self, keys: Vec<Bytes>);

    /// What became of a trigger's entries; nothing where it had none since the host started.
    fn status(&self, trigger: u64) -> Option<OutboxStatus>;
}
