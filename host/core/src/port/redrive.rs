//! Sending dead letters back, one step at a time: what is asked for, and what came of it.

use std::sync::Arc;

use thiserror::Error;

use super::{CommitError, InvokeError, ReadError};
use crate::{
    name::{StreamName, TriggerName},
    trigger::redrive::{Cursor, Letter, Selection, marks::MarksError},
};

/// Where letters go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Back into the stream that they were read from, as new records.
    Stream,
    /// Through the trigger's function, with the state of the shard that they were read from.
    Function,
}

/// One step of a redrive. Steps of one trigger run one after another.
#[derive(Debug, Clone)]
pub struct Redrive {
    /// Whose letters.
    pub trigger: TriggerName,
    /// The stream that holds them; none is the trigger's `on_failure_stream`.
    pub letters: Option<StreamName>,
    /// Where they go.
    pub to: Target,
    /// Which of them.
    pub selection: Selection,
    /// Whether those that were sent back before go again.
    pub again: bool,
    /// Whether to look only.
    pub dry_run: bool,
    /// Letters that the function is called with at once; at most the trigger's batch size.
    pub batch_size: Option<u32>,
    /// Where the step before ended.
    pub cursor: Option<Cursor>,
}

/// What a step came to.
#[derive(Debug, Clone)]
pub struct Redriven {
    /// The stream that holds the letters.
    pub letters: StreamName,
    /// Records of it that were looked at.
    pub read: u64,
    /// Letters of this trigger that are asked for and were not sent back before, or go again.
    pub selected: u64,
    /// Of these, the ones that were sent back.
    pub redriven: u64,
    /// Letters that are asked for and were sent back before.
    pub before: u64,
    /// Letters that the function failed again: they stay what they are.
    pub failed: Vec<(Arc<Letter>, Arc<str>)>,
    /// Some of the selected letters, where nothing was done.
    pub shown: Vec<Arc<Letter>>,
    /// Where to go on; none at the end.
    pub cursor: Option<Cursor>,
    /// Why the step ended before its time; its cursor then begins it again.
    pub stopped: Option<RedriveError>,
}

impl Redriven {
    /// Of a stream of letters that nothing was read of.
    #[must_use]
    pub fn nothing_of(letters: StreamName) -> Self {
        Self {
            letters,
            read: 0,
            selected: 0,
            redriven: 0,
            before: 0,
            failed: Vec::new(),
            shown: Vec::new(),
            cursor: None,
            stopped: None,
        }
    }
}

/// Why nothing, or nothing more, was sent back.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RedriveError {
    /// There is no such trigger.
    #[error("trigger `{0}` does not exist")]
    NoTrigger(TriggerName),
    /// It has no stream of letters, and none was named.
    #[error("trigger `{0}` has no on_failure_stream")]
    NoLetters(TriggerName),
    /// A stream is not there.
    #[error("stream `{0}` does not exist")]
    NoStream(StreamName),
    /// Its lanes do not run.
    #[error("trigger `{0}` is paused; its function is called for nobody")]
    Paused(TriggerName),
    /// Its function is called for windows, whose state letters would be no part of.
    #[error(
        "trigger `{0}` has tumbling windows, which letters of earlier ones are no part of; \
         send them to the stream"
    )]
    Windowed(TriggerName),
    /// A lane of it cannot take letters at the moment.
    #[error("{0}")]
    NotNow(String),
    /// The function cannot be called.
    #[error(transparent)]
    Invoke(#[from] InvokeError),
    /// The log could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// What was sent back before is not known.
    #[error(transparent)]
    Marks(#[from] MarksError),
    /// Nothing could be made durable.
    #[error(transparent)]
    Commit(#[from] CommitError),
}
