//! Turns lines of an access log into events.
//!
//! Reads one line of Apache's or nginx's combined format a record and emits one JSON object a line,
//! with the client as partition key, so that all of a client's events meet in one shard, in order.
//! What is no such line goes to a stream of its own, with the reason.
//!
//! | setting | default | what it is |
//! |---|---|---|
//! | `events` | `events` | where events go |
//! | `unparsable` | `unparsable` | where other lines go: `{"reason", "line"}` under the record's key |

pub mod event;
pub mod line;
pub mod section;

use millstream_sdk::{Batch, Context, Error, Record, handler};
use serde::Serialize;

use crate::{event::Event, line::Line};

/// The longest client name that is also a partition key as it is.
const KEY_BYTES: usize = 256;

/// See the crate's documentation.
#[handler]
pub fn handle(batch: Batch, cx: &mut Context) -> Result<(), Error> {
    let events = cx.config_or("events", "events");
    let unparsable = cx.config_or("unparsable", "unparsable");
    let mut buffer = Vec::new();
    for record in batch.records() {
        // Servers escape what is no text; whoever does not shall not lose the line for it.
        let text = String::from_utf8_lossy(record.data());
        match Line::parse(text.trim_end_matches(['\r', '\n'])) {
            Ok(line) => {
                buffer.clear();
                serde_json::to_writer(&mut buffer, &Event::of(&line))?;
                cx.emit(&events, key(&line, record), &buffer)?;
            }
            Err(fault) => {
                let refused = Refused {
                    reason: fault.to_string(),
                    line: &text,
                };
                cx.emit_json(&unparsable, record.key(), &refused)?;
            }
        }
    }
    Ok(())
}

fn key<'a>(line: &Line<'a>, record: Record<'a>) -> &'a str {
    match line.client.len() {
        1..=KEY_BYTES => line.client,
        _ => record.key(),
    }
}

/// A line that is none of the format.
#[derive(Debug, Serialize)]
struct Refused<'a> {
    reason: String,
    line: &'a str,
}
