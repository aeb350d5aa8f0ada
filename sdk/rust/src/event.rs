//! Functions of Lambda's event JSON: a program with a `main`, built for `wasm32-wasip2` as it is.
//!
//! A Lambda handler in Rust ports by changing its `main`:
//!
//! ```no_run
//! use millstream_sdk::event::{self, KinesisEvent, KinesisEventResponse};
//!
//! fn main() {
//!     event::run(|event: KinesisEvent| -> Result<KinesisEventResponse, String> {
//!         Ok(event.each(|record| {
//!             let text = std::str::from_utf8(&record.kinesis.data)?;
//!             let amount: u64 = text.trim().parse()?;
//!             eprintln!("{}: {amount}", record.kinesis.partition_key);
//!             Ok(())
//!         }))
//!     });
//! }
//! ```
//!
//! What the handler gives is the function's answer, as JSON; an error is a failure of the whole
//! batch. A trigger looks into the answer where it has `ReportBatchItemFailures` among its
//! `function_response_types`.
//!
//! Any type that serde reads can be the event: `serde_json::Value` for whoever wants all of it, a
//! struct of one's own, or a type of the crate `aws_lambda_events`.
//!
//! Standard output is the answer, so log with `eprintln!`. Settings of the upload
//! (`?config.KEY=VALUE`) are the program's environment.
//! [`WithPuts`] gives records to streams. With `tumbling_window_in_seconds` a trigger hands a state from
//! call to call of a window, see [`KinesisTimeWindowEvent`]; `#[handler]` is for functions that keep a
//! state for good.

mod kinesis;
mod put;
mod window;

use std::{
    fmt::Display,
    io::{self, Read, Write},
    process,
};

use serde::{Serialize, de::DeserializeOwned};

pub use self::kinesis::{
    Base64Data, KinesisBatchItemFailure, KinesisEvent, KinesisEventRecord, KinesisEventResponse,
    KinesisRecord, SecondTimestamp,
};
pub use self::{
    put::{PutRecords, PutRecordsEntry, WithPuts},
    window::{KinesisTimeWindowEvent, KinesisTimeWindowEventResponse, Window},
};

/// The whole of a `main`: reads the event, calls the handler, answers. An error is told on standard
/// error and exits with status 1.
pub fn run<I, O, E>(handler: impl FnOnce(I) -> Result<O, E>)
where
    I: DeserializeOwned,
    O: Serialize,
    E: Display,
{
    if let Err(error) = answer(handler) {
        eprintln!("{error}");
        process::exit(1);
    }
}

fn answer<I, O, E>(handler: impl FnOnce(I) -> Result<O, E>) -> Result<(), String>
where
    I: DeserializeOwned,
    O: Serialize,
    E: Display,
{
    let mut event = Vec::new();
    let read = io::stdin().lock().read_to_end(&mut event);
    read.map_err(|error| format!("the event cannot be read: {error}"))?;
    let answer = call(handler, &event)?;
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(&answer).and_then(|()| stdout.flush());
    written.map_err(|error| format!("the answer cannot be written: {error}"))
}

/// What [`run`] does with an event as JSON, for tests.
///
/// ```
/// use millstream_sdk::event::{self, KinesisEvent};
///
/// let event = r#"{"Records":[{"kinesis":{"partitionKey":"k","sequenceNumber":"7","data":"aGk=",
///     "approximateArrivalTimestamp":1545084650.987}}]}"#;
/// let count = |event: KinesisEvent| Ok::<_, String>(event.records.len());
/// assert_eq!(event::call(count, event.as_bytes()).unwrap(), b"1");
/// ```
///
/// # Errors
/// When the event is not what the handler takes, or the handler fails.
pub fn call<I, O, E>(
    handler: impl FnOnce(I) -> Result<O, E>,
    event: &[u8],
) -> Result<Vec<u8>, String>
where
    I: DeserializeOwned,
    O: Serialize,
    E: Display,
{
    let event =
        serde_json::from_slice(event).map_err(|error| format!("unexpected event: {error}"))?;
    let answer = handler(event).map_err(|error| error.to_string())?;
    serde_json::to_vec(&answer).map_err(|error| format!("the answer is no JSON: {error}"))
}

#[cfg(test)]
mod tests;
