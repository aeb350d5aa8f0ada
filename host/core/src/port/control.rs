//! The control plane, and what can be asked of the triggers that it runs.

use std::{fmt, sync::Arc};

use serde::Serialize;
use thiserror::Error;

use super::{CommitError, Later, ModuleError, ReadError};
use crate::{
    catalog::{Catalog, Change, Refused, Request, Rules},
    name::TriggerName,
    position::Position,
    time::Millis,
};

/// Why a change was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ControlError {
    /// It may not be made.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// It could not be made durable.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The log could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The new module could not be made callable.
    #[error(transparent)]
    Module(#[from] ModuleError),
}

/// The control plane: one change after another, each durable before it is seen.
pub trait Control: Send + Sync + fmt::Debug + 'static {
    /// Everything that exists at the moment. Cheap.
    fn catalog(&self) -> Arc<Catalog>;

    /// What the host allows.
    fn rules(&self) -> Rules;

    /// Everything that exists once the changes that are under way can be seen. For those who found
    /// that what they know is old, such as the shards of a stream.
    fn current(&self) -> Later<'static, Arc<Catalog>>;

    /// Waits until something has changed since `seen` was everything that exists.
    fn changed(&self, seen: Arc<Catalog>) -> Later<'static, Arc<Catalog>>;

    /// Decides `request` by [`Catalog::decide`], commits the change, shows it to all, and tells the
    /// triggers. When it returns, the change is in effect.
    fn apply(&self, request: Request) -> Later<'static, Result<Change, ControlError>>;
}

/// What a trigger's shard is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LaneStatus {
    /// As in Kinesis: `shardId-000000000000`.
    pub shard_id: String,
    /// One of `waiting`, `batching`, `invoking`, `committing`, `backing_off`, `paused`, `stopped`.
    pub state: &'static str,
    /// The next record to process.
    pub position: Position,
    /// Records between that and the shard's tail.
    pub lag_records: u64,
    /// Age of the oldest record that waits, in milliseconds; 0 where none does.
    pub lag_ms: u64,
    /// Failed attempts of the current batch.
    pub attempts: u32,
    /// The last error, where the last attempt failed.
    pub last_error: Option<String>,
    /// The tumbling window that is open.
    pub window: Option<WindowStatus>,
    /// Batches done since the host started.
    pub batches: u64,
    /// Records done since the host started.
    pub records: u64,
    /// Records that the trigger's filters left out since the host started.
    pub filtered: u64,
    /// Records given to streams since the host started.
    pub outputs: u64,
    /// Records given to the dead letters (or, without an on_failure_stream, dropped) since then.
    pub dead_letters: u64,
    /// The parts of the shard that are worked at once; empty where it is undivided. Of a divided shard
    /// the fields above tell of the part that is furthest back, and of all records after that.
    pub parts: Vec<PartStatus>,
}

/// A tumbling window that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct WindowStatus {
    /// When it began.
    pub start_ms: Millis,
    /// When it ends.
    pub end_ms: Millis,
    /// Bytes of its state.
    pub state_bytes: usize,
}

/// What a part of a shard is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartStatus {
    /// As the shard's.
    pub state: &'static str,
    /// The next record that may be its.
    pub position: Position,
    /// Records between that and the shard's tail, also those of other parts.
    pub lag_records: u64,
    /// Age of the oldest of its records that waits, in milliseconds; 0 where none does.
    pub lag_ms: u64,
    /// Failed attempts of the current batch.
    pub attempts: u32,
    /// The last error, where the last attempt failed.
    pub last_error: Option<String>,
}

/// What can be asked of the running triggers.
pub trait Triggers: Send + Sync + fmt::Debug + 'static {
    /// The lanes of a trigger, by shard; empty where it does not exist.
    fn status(&self, trigger: &TriggerName) -> Vec<LaneStatus>;
}
