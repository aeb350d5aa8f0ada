//! What core asks of the world: a log, a runtime, and someone who carries out control-plane changes.
//!
//! A second storage engine is one more crate beside `host/log`, so nothing of SQLite shows here:
//! a commit is a blind write, submitted in order, and errors say what is known of its outcome.

use std::{collections::BTreeMap, fmt, future::Future, pin::Pin, sync::Arc};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    batch::{Columns, Output},
    block::{Block, Slice},
    catalog::{Catalog, Change, Refused, Request},
    name::{FunctionName, StreamName, TriggerName},
    position::{Position, ShardNumber},
    time::Millis,
};

/// What an asynchronous port gives.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A value that is true of the disk: only the log's writer makes one, after `fdatasync` returned.
///
/// Invariant: [`Durable::after_sync`] is called by `host/log` alone (clippy.toml bans it elsewhere).
/// A success answer to a producer is made from this value and from nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Durable<T>(T);

impl<T> Durable<T> {
    /// For the log's writer, and for model logs in tests.
    pub fn after_sync(value: T) -> Self {
        Self(value)
    }

    /// The value.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> std::ops::Deref for Durable<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

/// Records to append to one shard.
#[derive(Debug, Clone)]
pub struct Append {
    /// The shard.
    pub shard: ShardNumber,
    /// The records.
    pub block: Block,
}

/// Where an [`Append`] came to stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Position of its first record; the others follow without a gap.
    pub first: Position,
    /// The arrival time that all its records share. Never falls along a shard.
    pub arrival: Millis,
}

/// A key to write, or to delete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Put {
    /// See [`crate::catalog::key`] for the key families.
    pub key: Bytes,
    /// The new value; none deletes.
    pub value: Option<Bytes>,
}

/// Everything that becomes durable together, or not at all.
#[derive(Debug, Clone, Default)]
pub struct Commit {
    /// Records, in order.
    pub appends: Vec<Append>,
    /// Keys; the last put of a key wins.
    pub puts: Vec<Put>,
    /// Shards that end with this commit; their records are removed in the background.
    pub drops: Vec<ShardNumber>,
}

/// Why a commit did not succeed, and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CommitError {
    /// Nothing was written: the disk is full. Reads go on; try again when there is room.
    #[error("no space left in the data directory")]
    Full,
    /// Nothing was written: too much waits already. Try again.
    #[error("the log's queue is full")]
    Busy,
    /// Nothing was written: the commit can never fit.
    #[error("the commit has {operations} operations and {bytes} bytes, more than is taken at once")]
    TooLarge {
        /// Appends and puts.
        operations: usize,
        /// Their bytes.
        bytes: usize,
    },
    /// Nothing was written: the shard was dropped.
    #[error("shard {0:?} is gone")]
    Gone(ShardNumber),
    /// It may or may not have happened; read before trying again.
    #[error("the commit's outcome is unknown: {0}")]
    Ambiguous(String),
    /// Nothing was written: the log is closed or failed.
    #[error("the log is unavailable: {0}")]
    Unavailable(String),
}

impl CommitError {
    /// Whether the same commit may succeed later and has certainly not happened.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        matches!(self, Self::Full | Self::Busy)
    }
}

/// Why nothing could be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReadError {
    /// Stored bytes are not what was written. They are not served.
    #[error("shard {shard:?} is damaged at {position:?}: {what}")]
    Corrupt {
        /// The shard.
        shard: ShardNumber,
        /// The block's first position.
        position: Position,
        /// What does not hold.
        what: String,
    },
    /// The log is closed or the disk fails.
    #[error("the log is unavailable: {0}")]
    Unavailable(String),
}

/// How much one read gives at most. The first record is given whatever its size.
#[derive(Debug, Clone, Copy)]
pub struct ReadLimits {
    /// Records.
    pub records: usize,
    /// Bytes of key and data.
    pub bytes: usize,
}

/// Records of a shard, in order, without a gap.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// The records; empty at the tail.
    pub slices: Vec<Slice>,
}

impl Page {
    /// The position after the page's last record; `from` where the page is empty.
    #[must_use]
    pub fn next(&self, from: Position) -> Position {
        self.slices.last().map_or(from, Slice::next)
    }

    /// How many records.
    #[must_use]
    pub fn count(&self) -> usize {
        self.slices.iter().map(Slice::count).sum()
    }
}

/// What a shard holds at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Position of the oldest record that is kept (= `next` where there is none).
    pub first: Position,
    /// The position that the next record will get at least.
    pub next: Position,
    /// When the newest record arrived; 0 where there never was one.
    pub last_arrival: Millis,
}

/// The shard log.
pub trait Log: Send + Sync + fmt::Debug + 'static {
    /// Writes everything in `commit` atomically and durably; answers in the order of its appends.
    /// Commits take effect in the order in which this function was called (not polled).
    fn commit(&self, commit: Commit)
    -> Later<'static, Result<Durable<Vec<Appended>>, CommitError>>;

    /// Records of `shard` from the first one at or after `from`. Never waits for new ones.
    fn read(
        &self,
        shard: ShardNumber,
        from: Position,
        limits: ReadLimits,
    ) -> Later<'static, Result<Page, ReadError>>;

    /// The position of the first record that arrived at or after `at`; the tail where none did.
    fn locate(&self, shard: ShardNumber, at: Millis)
    -> Later<'static, Result<Position, ReadError>>;

    /// What the shard holds. From memory, without waiting.
    fn span(&self, shard: ShardNumber) -> Span;

    /// Waits until the shard's `next` is beyond `beyond`, and gives it. At once where it is already.
    fn grown(&self, shard: ShardNumber, beyond: Position) -> Later<'static, Position>;

    /// The values of `keys`, in their order.
    fn get_many(&self, keys: Vec<Bytes>) -> Later<'static, Result<Vec<Option<Bytes>>, ReadError>>;

    /// Keys that begin with `prefix`, ascending, with their values.
    fn scan(&self, prefix: Bytes) -> Later<'static, Result<Vec<(Bytes, Bytes)>, ReadError>>;

    /// Removes some whole blocks whose records all arrived before `before`; gives how many records
    /// went. Small steps: call again while it is not 0.
    fn trim(&self, shard: ShardNumber, before: Millis) -> Later<'static, Result<u64, CommitError>>;
}

/// What one invocation may use. Every one is reported by its field's name when it is hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Linear memory, in bytes.
    pub memory_bytes: u64,
    /// Wall-clock time, in milliseconds, host calls included.
    pub time_ms: u64,
    /// Elements of all tables.
    pub table_elements: u64,
    /// Records that it gives to streams.
    pub output_records: u64,
    /// Bytes of keys and data that it gives to streams.
    pub output_bytes: u64,
    /// Keys that it writes to its state.
    pub state_entries: u64,
    /// Bytes of keys and values that it writes to its state.
    pub state_bytes: u64,
    /// Bytes of log lines that are kept; more are cut and counted, never an error.
    pub log_bytes: u64,
    /// Bytes that one host call may carry.
    pub call_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 128 << 20,
            time_ms: 3_000,
            table_elements: 100_000,
            output_records: 100_000,
            output_bytes: 8 << 20,
            state_entries: 800,
            state_bytes: 2 << 20,
            log_bytes: 64 << 10,
            call_bytes: 16 << 20,
        }
    }
}

/// Reads a function's state, as of its last commit.
pub trait State: Send + Sync + fmt::Debug {
    /// The values of `keys`, in their order.
    fn get_many(&self, keys: Vec<String>) -> Later<'static, Result<Vec<Option<Bytes>>, ReadError>>;
}

/// One invocation of a function with a batch.
#[derive(Debug, Clone)]
pub struct Call {
    /// The function.
    pub function: FunctionName,
    /// Which of its uploads.
    pub version: u64,
    /// The stream that the records come from.
    pub stream: StreamName,
    /// As in Kinesis: `shardId-000000000000`.
    pub shard_id: String,
    /// 1 for the first try of a batch.
    pub attempt: u32,
    /// The records.
    pub batch: Arc<Columns>,
    /// What the function remembers.
    pub state: Arc<dyn State>,
    /// What the guest may use.
    pub limits: Limits,
    /// What the guest may ask for by `config`.
    pub config: Arc<BTreeMap<String, String>>,
}

/// A line that a guest logged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogLine {
    /// 0 trace, 1 debug, 2 info, 3 warn, 4 error.
    pub level: u8,
    /// The text.
    pub message: String,
}

/// What an invocation took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// Wall-clock time, in microseconds.
    pub time_us: u64,
    /// Peak linear memory, in bytes.
    pub memory_bytes: u64,
}

/// What a function says of a record that it could not process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// Try again from this record on. Everything before it is done; outputs and state writes of the
    /// response cover exactly the records before it.
    Retry,
    /// Never try again: this record goes to the dead letters, the others are not affected.
    Reject,
}

/// A record that a function could not process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordFailure {
    /// Which record of the batch.
    pub index: u32,
    /// What to do with it.
    pub disposition: Disposition,
    /// Why, for people; at most [`crate::limit::ERROR_BYTES`].
    pub reason: String,
}

/// What a function answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Records for streams, in order.
    pub outputs: Vec<Output>,
    /// State to write: the last write of each key.
    pub writes: BTreeMap<String, Option<Bytes>>,
    /// Records that failed, in rising order of index, at most one a record.
    pub failures: Vec<RecordFailure>,
}

/// Why a call failed as a whole. Counts as an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum GuestError {
    /// The function itself returned an error.
    #[error("the function failed: {message}")]
    Returned {
        /// What it said.
        message: String,
    },
    /// It trapped, panicked or exited.
    #[error("the function trapped: {message}")]
    Trapped {
        /// What happened, with the innermost frames.
        message: String,
    },
    /// It hit a limit.
    #[error("the function hit its limit `{limit}`: {message}")]
    Limit {
        /// The name of the field of [`Limits`].
        limit: &'static str,
        /// What it asked for and what is allowed.
        message: String,
    },
    /// What it answered is not valid.
    #[error("the function's answer is invalid: {message}")]
    Invalid {
        /// What does not hold.
        message: String,
    },
}

/// Why a function could not be called. Does not count as an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvokeError {
    /// The version is unknown, still being compiled, or failed to.
    #[error("function `{0}` is not ready: {1}")]
    NotReady(FunctionName, String),
    /// The host has no room at the moment.
    #[error("the host is at its limit of concurrent invocations")]
    Throttled,
    /// The host failed, not the guest.
    #[error("the host failed: {0}")]
    Host(String),
}

/// One invocation's end.
#[derive(Debug, Clone)]
pub struct Invoked {
    /// What came of it.
    pub result: Result<Verdict, GuestError>,
    /// What the guest logged, whether or not it failed.
    pub logs: Vec<LogLine>,
    /// Log lines that were cut.
    pub logs_dropped: u64,
    /// What it took.
    pub usage: Usage,
}

/// Runs functions.
pub trait Invoke: Send + Sync + fmt::Debug + 'static {
    /// Runs one batch. Effects stay in the answer until they are committed.
    fn call(&self, call: Call) -> Later<'static, Result<Invoked, InvokeError>>;
}

/// What a module turned out to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModuleInfo {
    /// SHA-256 of the uploaded bytes, in hexadecimal.
    pub hash: String,
    /// Bytes uploaded.
    pub size: u64,
    /// The world of `wit/` that it fits: `handler` or `record-handler`.
    pub world: String,
    /// What it imports, as `package:name/interface@version`.
    pub imports: Vec<String>,
}

/// Why a module was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ModuleError {
    /// Not something that can become a component.
    #[error("not a usable module: {message}")]
    NotAModule {
        /// What it is, and what was expected.
        message: String,
    },
    /// A component, but for no world of ours.
    #[error("the component fits no world: {message}")]
    NoWorld {
        /// What is missing.
        message: String,
    },
    /// Compiling it took more than is allowed.
    #[error("compiling hit the limit `{limit}`: {message}")]
    Limit {
        /// Which limit.
        limit: String,
        /// By how much.
        message: String,
    },
    /// The host could not compile it, for reasons of its own.
    #[error("the host could not compile: {message}")]
    Host {
        /// What happened.
        message: String,
    },
}

/// Turns uploaded bytes into something that can be called.
pub trait Modules: Send + Sync + fmt::Debug + 'static {
    /// Checks, compiles (outside this process, under limits) and smoke-tests a module. May take long.
    fn compile(&self, wasm: Bytes) -> Later<'static, Result<ModuleInfo, ModuleError>>;

    /// Makes `hash`, compiled before, callable as `function`@`version`. Cheap.
    fn bind(
        &self,
        function: FunctionName,
        version: u64,
        hash: String,
    ) -> Later<'static, Result<(), ModuleError>>;

    /// Forgets all versions of `function` but `keep`.
    fn unbind(&self, function: &FunctionName, keep: Option<u64>);
}

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
    /// Batches done since the host started.
    pub batches: u64,
    /// Records done since the host started.
    pub records: u64,
    /// Records given to streams since the host started.
    pub outputs: u64,
    /// Records given to the dead letters (or, without an on_failure_stream, dropped) since then.
    pub dead_letters: u64,
}

/// What can be asked of the running triggers.
pub trait Triggers: Send + Sync + fmt::Debug + 'static {
    /// The lanes of a trigger, by shard; empty where it does not exist.
    fn status(&self, trigger: &TriggerName) -> Vec<LaneStatus>;
}
