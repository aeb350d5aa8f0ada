//! A Millstream function for tests: a program that takes Lambda's event JSON.
//!
//! It reports each record whose data begins with `poison`. Where the first record's data begins with
//! one of these words, it does something else:
//!
//! | data | what happens |
//! |---|---|
//! | `event` | the event is the answer, as it came |
//! | `answer TEXT` | the text is written to standard output, and the program exits with 0 |
//! | `error TEXT` | the handler fails with the text |
//! | `say` | two lines on standard error |
//! | `look` | what can be seen of the machine is the answer |
//! | others | see [`attack`] |

mod attack;

use std::{env, fs, net::TcpStream, process, time::SystemTime};

use millstream_sdk::event::{self, KinesisEvent, KinesisEventResponse};
use serde_json::{
    json,
    value::{RawValue, to_raw_value},
};

fn main() {
    event::run(handle);
}

/// Takes the event as the text that it is, so that it can be answered to the byte.
fn handle(raw: Box<RawValue>) -> Result<Box<RawValue>, String> {
    // What is no Kinesis event has no records.
    let event: KinesisEvent = serde_json::from_str(raw.get()).unwrap_or_default();
    let first = event
        .records
        .first()
        .map(|record| record.kinesis.data.to_vec());
    let first = String::from_utf8(first.unwrap_or_default()).unwrap_or_default();
    let (verb, argument) = first.split_once(' ').unwrap_or((&first, ""));
    match verb {
        "event" => return Ok(raw),
        "answer" => {
            print!("{argument}");
            process::exit(0);
        }
        "error" => return Err(argument.to_owned()),
        "say" => eprintln!("one\ntwo"),
        "look" => return told(&look()),
        _ => attack::run(verb, argument),
    }
    told(&report(&event))
}

fn told(answer: &impl serde::Serialize) -> Result<Box<RawValue>, String> {
    to_raw_value(answer).map_err(|error| error.to_string())
}

/// All poisons, the last one first.
fn report(event: &KinesisEvent) -> KinesisEventResponse {
    let mut response = KinesisEventResponse::default();
    for record in event.records.iter().rev() {
        if record.kinesis.data.starts_with(b"poison") {
            response.add_failure(record);
        }
    }
    response
}

/// What of the host's machine can be seen from here.
fn look() -> serde_json::Value {
    let variables: Vec<_> = env::vars()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    json!({
        "variables": variables,
        "arguments": env::args().collect::<Vec<_>>(),
        "file": fs::read("/etc/passwd").is_ok(),
        "directory": fs::read_dir("/").is_ok() || fs::read_dir(".").is_ok(),
        "network": TcpStream::connect("127.0.0.1:1").map_err(|error| error.kind()).is_ok(),
        "clock": SystemTime::now() > SystemTime::UNIX_EPOCH,
    })
}
