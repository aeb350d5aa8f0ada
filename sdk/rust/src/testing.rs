//! Runs handlers in `cargo test`, without a host.
//!
//! [`run`] is enough for most tests; a [`Host`] has settings and keeps state from batch to batch.
//!
//! ```
//! use millstream_sdk::{Context, Error, Record, handler, testing::Host};
//!
//! #[handler]
//! fn greet(record: Record<'_>, cx: &mut Context) -> Result<(), Error> {
//!     let greeting = cx.config_or("greeting", "hello");
//!     cx.emit("out", record.key(), format!("{greeting}, {}", record.text()?))
//! }
//!
//! # fn main() {
//! let mut host = Host::new().config("greeting", "salve");
//! assert_eq!(host.run(greet, [("k", "ann")]).texts("out"), ["salve, ann"]);
//! # }
//! ```

mod memory;
mod outcome;

use std::collections::BTreeMap;

use self::memory::Memory;
pub use self::outcome::{Failure, Outcome};
use crate::{Batch, Context, Handler, handler::call, host::Origin, output::Outputs};

/// Runs a handler once over `(key, data)` records, on a host of its own.
pub fn run<M, K: AsRef<str>, D: AsRef<[u8]>>(
    handler: impl Handler<M>,
    records: impl IntoIterator<Item = (K, D)>,
) -> Outcome {
    Host::new().run(handler, records)
}

/// A host in memory for one shard. It keeps the function's state from batch to batch.
#[derive(Debug)]
pub struct Host {
    config: BTreeMap<String, String>,
    state: BTreeMap<String, Vec<u8>>,
    origin: Origin,
    next: u64,
}

impl Default for Host {
    fn default() -> Self {
        Self::new()
    }
}

impl Host {
    /// A host without settings and with an empty state; records come from the stream `test`.
    #[must_use]
    pub fn new() -> Self {
        Self {
            config: BTreeMap::new(),
            state: BTreeMap::new(),
            origin: Origin {
                stream: "test".to_owned(),
                shard_id: "shardId-000000000000".to_owned(),
                function_version: 1,
                attempt: 1,
            },
            next: 0,
        }
    }

    /// Gives the function a setting.
    #[must_use]
    pub fn config(mut self, key: &str, value: &str) -> Self {
        self.config.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Names the stream that records come from.
    #[must_use]
    pub fn stream(mut self, stream: &str) -> Self {
        stream.clone_into(&mut self.origin.stream);
        self
    }

    /// Names the shard that records come from.
    #[must_use]
    pub fn shard_id(mut self, shard_id: &str) -> Self {
        shard_id.clone_into(&mut self.origin.shard_id);
        self
    }

    /// Says which try of a batch the next runs are.
    #[must_use]
    pub fn attempt(mut self, attempt: u32) -> Self {
        self.origin.attempt = attempt;
        self
    }

    /// Calls a handler with `(key, data)` records and keeps its state as a real host would.
    pub fn run<M, K: AsRef<str>, D: AsRef<[u8]>>(
        &mut self,
        handler: impl Handler<M>,
        records: impl IntoIterator<Item = (K, D)>,
    ) -> Outcome {
        let batch = self.batch(records);
        let memory = Memory::new(self.config.clone(), self.state.clone());
        let mut cx = Context::new(Box::new(memory.clone()), self.origin.clone());
        let answer = call(&handler, batch, &mut cx);
        let done = memory.take();
        let mut outcome = Outcome {
            logs: done.logs,
            state_calls: done.state_calls,
            ..Outcome::default()
        };
        match answer {
            Ok(answer) => {
                for columns in done.emitted.iter().chain(&answer.outputs) {
                    outcome.append(columns);
                }
                outcome.failures = answer.failures.into_iter().map(Failure::from).collect();
                self.state = done.state;
            }
            Err(error) => outcome.error = Some(error),
        }
        outcome.state.clone_from(&self.state);
        outcome
    }

    fn batch<K: AsRef<str>, D: AsRef<[u8]>>(
        &mut self,
        records: impl IntoIterator<Item = (K, D)>,
    ) -> Batch {
        let mut columns = Outputs::default();
        for (key, data) in records {
            columns.push("", key.as_ref(), data.as_ref());
        }
        let columns = columns.take().next().unwrap_or_default();
        let first = self.next;
        self.next += columns.key_ends.len() as u64;
        let sequence_numbers: Vec<u64> = (first..self.next).collect();
        Batch {
            // Any moments do, as long as they are the same in each run.
            arrival_ms: sequence_numbers.clone(),
            sequence_numbers,
            key_ends: columns.key_ends,
            keys: columns.keys,
            data_ends: columns.data_ends,
            data: columns.data,
        }
    }
}
