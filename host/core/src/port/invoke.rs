//! Calling functions: what one invocation is given, what it may use, and what came of it.
//!
//! Knows nothing of WebAssembly.

use std::{collections::BTreeMap, fmt, sync::Arc};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Later, ReadError};
use crate::{
    batch::{Columns, Output},
    event::{Origin, Window},
    journal::RequestId,
    name::{FunctionName, StreamName},
};

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
    /// Bytes of keys and data that it gives to streams, or of what a command answers.
    pub output_bytes: u64,
    /// Keys that it writes to its state.
    pub state_entries: u64,
    /// Bytes of keys and values that it writes to its state.
    pub state_bytes: u64,
    /// Bytes of log lines that are kept; more are cut and counted, never an error.
    pub log_bytes: u64,
    /// Bytes that one host call may carry.
    pub call_bytes: u64,
    /// Random bytes that one host call may give.
    pub random_bytes: u64,
    /// Resources of the host, such as timers and streams, that it holds at a time.
    pub handles: u64,
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
            random_bytes: 1 << 20,
            handles: 256,
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
    /// Its id.
    pub request: RequestId,
    /// The function.
    pub function: FunctionName,
    /// Which of its uploads.
    pub version: u64,
    /// The published version that this is; none is the function as it is.
    pub number: Option<u64>,
    /// The stream that the records come from.
    pub stream: StreamName,
    /// As in Kinesis: `shardId-000000000000`.
    pub shard_id: String,
    /// 1 for the first try of a batch.
    pub attempt: u32,
    /// The records.
    pub batch: Arc<Columns>,
    /// Where they come from, for functions that take events.
    pub origin: Arc<Origin>,
    /// Whether the answer to an event says which records failed; else it says nothing.
    pub reports: bool,
    /// The window that the records are of, where the trigger has windows.
    pub window: Option<Window>,
    /// What the function remembers.
    pub state: Arc<dyn State>,
    /// What the guest may use.
    pub limits: Limits,
    /// What the guest may ask for by `config`; the environment of a command.
    pub config: Arc<BTreeMap<String, String>>,
}

/// One invocation of a function that takes events, with any event.
#[derive(Debug, Clone)]
pub struct EventCall {
    /// Its id.
    pub request: RequestId,
    /// The function.
    pub function: FunctionName,
    /// Which of its uploads.
    pub version: u64,
    /// The published version that this is; none is the function as it is.
    pub number: Option<u64>,
    /// What it reads.
    pub event: Bytes,
    /// What the guest may use.
    pub limits: Limits,
    /// Its environment.
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
    /// What it made of the window so far, as JSON, where it was called with one.
    pub window_state: Option<Arc<str>>,
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
    /// It exited, with a status that is no success.
    #[error("the function ended: {message}")]
    Exited {
        /// What it exited with.
        status: i32,
        /// The same in words, with the last line that it logged.
        message: String,
    },
    /// It trapped or panicked.
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
    /// The function takes no events.
    #[error("function `{0}` takes batches of the world `{1}`, not events")]
    NoEvents(FunctionName, &'static str),
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
    /// What a function that takes events answered, as it wrote it.
    pub answer: Option<Bytes>,
    /// What the guest logged, whether or not it failed.
    pub logs: Vec<LogLine>,
    /// Log lines that were cut.
    pub logs_dropped: u64,
    /// What it took.
    pub usage: Usage,
}

/// The end of an invocation with an event.
#[derive(Debug, Clone)]
pub struct EventInvoked {
    /// What the function answered, which may be anything, or why it failed; [`crate::event::Fault`]
    /// has Lambda's words for that.
    pub result: Result<Bytes, GuestError>,
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

    /// The same for somebody who tries the function out: does not wait behind batches.
    fn dry_run(&self, call: Call) -> Later<'static, Result<Invoked, InvokeError>> {
        self.call(call)
    }

    /// Hands an event to a function that takes events. Waits for an instance as a batch does.
    fn event(&self, call: EventCall) -> Later<'static, Result<EventInvoked, InvokeError>> {
        let EventCall { function, .. } = call;
        Box::pin(std::future::ready(Err(InvokeError::NoEvents(
            function, "handler",
        ))))
    }
}
