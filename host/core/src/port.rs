//! What core asks of the world: a log, a runtime, and someone who carries out control-plane changes.
//!
//! A second storage engine is one more crate beside `host/log`, so nothing of SQLite shows here:
//! a commit is a blind write, submitted in order, and errors say what is known of its outcome.

mod channels;
mod control;
mod invoke;
mod journals;
mod log;
mod modules;
mod outbox;
mod queues;

use std::{future::Future, pin::Pin};

pub use self::{
    channels::Channels,
    control::{Control, ControlError, LaneStatus, PartStatus, Triggers, WindowStatus},
    invoke::{
        Call, Disposition, EventCall, EventInvoked, GuestError, Invoke, InvokeError, Invoked,
        Limits, LogLine, RecordFailure, State, Usage, Verdict,
    },
    journals::Journals,
    log::{
        Append, Appended, Commit, CommitError, Durable, Log, Page, Put, ReadError, ReadLimits,
        Span, Volume,
    },
    modules::{COMMAND_WORLD, ModuleError, ModuleInfo, Modules},
    outbox::{Outbox, OutboxStatus},
    queues::{Handed, QueueError, Queues, Receive, Wish},
};

/// What an asynchronous port gives.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
