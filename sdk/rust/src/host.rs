//! What the SDK asks of a host: WebAssembly imports inside one, memory in tests.

use crate::{Disposition, output::Columns};

/// The level of a line in a function's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Every step.
    Trace,
    /// What a developer wants to know.
    Debug,
    /// What an operator wants to know.
    Info,
    /// What may be wrong.
    Warn,
    /// What is wrong.
    Error,
}

/// A write of state; `None` deletes.
pub(crate) type Write = (String, Option<Vec<u8>>);

/// What a host does for a function.
pub(crate) trait Host {
    fn emit(&self, output: Columns) -> Result<(), String>;
    fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Vec<u8>>>, String>;
    fn set_many(&self, entries: Vec<Write>) -> Result<(), String>;
    fn log(&self, level: Level, message: &str);
    fn config(&self, key: &str) -> Option<String>;
}

/// Where a batch comes from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Origin {
    pub(crate) stream: String,
    pub(crate) shard_id: String,
    pub(crate) function_version: u64,
    pub(crate) attempt: u32,
}

/// A record that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failed {
    pub(crate) index: usize,
    pub(crate) disposition: Disposition,
    pub(crate) reason: String,
}

/// What a call of a handler answers.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) outputs: Vec<Columns>,
    pub(crate) failures: Vec<Failed>,
}

impl Answer {
    /// None of the records will ever be processed.
    pub(crate) fn rejected(records: usize, reason: &str) -> Self {
        let failed = |index| Failed {
            index,
            disposition: Disposition::Reject,
            reason: reason.to_owned(),
        };
        Self {
            outputs: Vec::new(),
            failures: (0..records).map(failed).collect(),
        }
    }
}
