//! The boundary of a component: the host's imports as a [`Host`], and a handler as the export.
//!
//! What is public here is for the expansion of `#[handler]` alone.

pub use wit_bindgen;

pub use crate::bindings::{
    Guest, export,
    millstream::function::types::{Batch, Response},
    *,
};
use crate::{
    Context, Disposition, Handler, Level,
    bindings::millstream::function::{runtime, types},
    handler,
    host::{Answer, Failed, Host, Origin, Write},
    output::Columns,
};

/// Calls a handler for the host.
pub fn call<M>(function: &impl Handler<M>, batch: Batch) -> Result<Response, String> {
    let origin = Origin {
        stream: batch.stream,
        shard_id: batch.shard_id,
        function_version: batch.function_version,
        attempt: batch.attempt,
    };
    let records = crate::Batch {
        sequence_numbers: batch.sequence_numbers,
        arrival_ms: batch.arrival_ms,
        key_ends: batch.key_ends,
        keys: batch.keys,
        data_ends: batch.data_ends,
        data: batch.data,
    };
    let mut cx = Context::new(Box::new(Imports), origin);
    handler::call(function, records, &mut cx).map(Response::from)
}

struct Imports;

impl Host for Imports {
    fn emit(&self, output: Columns) -> Result<(), String> {
        runtime::emit(&output.into())
    }

    fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Vec<u8>>>, String> {
        runtime::get_many(keys)
    }

    fn set_many(&self, entries: Vec<Write>) -> Result<(), String> {
        runtime::set_many(&entries)
    }

    fn log(&self, level: Level, message: &str) {
        runtime::log(level as u8, message);
    }

    fn config(&self, key: &str) -> Option<String> {
        runtime::config(key)
    }
}

impl From<Columns> for types::Output {
    fn from(columns: Columns) -> Self {
        let Columns {
            stream,
            key_ends,
            keys,
            data_ends,
            data,
        } = columns;
        Self {
            stream,
            key_ends,
            keys,
            data_ends,
            data,
        }
    }
}

impl From<Answer> for Response {
    fn from(answer: Answer) -> Self {
        let Answer { outputs, failures } = answer;
        Self {
            outputs: outputs.into_iter().map(Into::into).collect(),
            failures: failures.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<Failed> for types::Failure {
    fn from(failed: Failed) -> Self {
        Self {
            index: u32::try_from(failed.index).expect("a batch holds at most 10,000 records"),
            disposition: match failed.disposition {
                Disposition::Retry => types::Disposition::Retry,
                Disposition::Reject => types::Disposition::Reject,
            },
            reason: failed.reason,
        }
    }
}
