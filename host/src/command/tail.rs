//! `millstream tail`: follow a stream.

mod place;

use std::io::BufReader;

use jiff::Timestamp;
use serde_json::Value;

use self::place::Place;
use super::Session;
use crate::{
    client::{
        events::{Event, Events},
        route::Route,
    },
    failure::Failure,
    output::{cell, printable},
};

/// What to follow.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
When the stream of records breaks off, stderr says which record of each shard was the last;
--from with its sequence number goes on after it.

Examples:
  millstream tail clicks
  millstream tail clicks --from TRIM_HORIZON -n 10
  millstream tail clicks --from TRIM_HORIZON --data | grep error
  millstream tail clicks --shard shardId-000000000001 --json
  millstream tail clicks --shard shardId-000000000001 --from NUMBER")]
pub(crate) struct Args {
    /// The stream.
    stream: String,
    /// LATEST: what comes from now on. TRIM_HORIZON: everything that is kept, then what comes.
    /// A sequence number of --shard: what comes after that record.
    #[arg(long, value_name = "POSITION", default_value = "LATEST", value_parser = position)]
    from: String,
    /// Only this shard, and what it is split or merged into.
    #[arg(long, value_name = "SHARD")]
    shard: Option<String>,
    /// End after so many records.
    #[arg(short = 'n', long, value_name = "N")]
    max_records: Option<u64>,
    /// Print the data alone, one record a line.
    #[arg(long, conflicts_with = "json")]
    data: bool,
}

fn position(text: &str) -> Result<String, String> {
    let upper = text.to_ascii_uppercase();
    let number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if number || ["LATEST", "TRIM_HORIZON"].contains(&upper.as_str()) {
        return Ok(upper);
    }
    Err("expected is LATEST, TRIM_HORIZON or a sequence number".to_owned())
}

pub(super) fn run(args: &Args, session: &Session) -> Result<(), Failure> {
    if args.shard.is_none() && args.from.starts_with(|c: char| c.is_ascii_digit()) {
        let what = "--from with a sequence number needs --shard, the shard that it is of";
        return Err(Failure::Usage(what.to_owned()));
    }
    let route = Route::new(&["v1", "streams", &args.stream, "tail"])
        .with("from", &args.from)
        .with_some("shard", args.shard.as_deref())
        .with_some("max_records", args.max_records);
    let body = session.client.stream(&route)?;
    let mut left = args.max_records;
    let mut place = Place::default();
    for event in Events::new(BufReader::new(body)) {
        let event = event.map_err(|error| Failure::Cut {
            url: session.client.url().to_owned(),
            reason: error.to_string(),
            place: place.to_string(),
        })?;
        let data = match event {
            Event::Data(data) => data,
            Event::Named(name, data) => return Err(told(&name, &data, &place)),
        };
        let record: Value = understood(&data)?;
        if session.output.json {
            session.output.line(&data)?;
        } else {
            let line = if args.data {
                self::data(&record)
            } else {
                show(&record)
            };
            session.output.line(&line)?;
        }
        place.passed(&record);
        left = left.map(|n| n.saturating_sub(1));
    }
    match left {
        Some(0) => Ok(()),
        _ => Err(Failure::Failed(format!(
            "the host ended the stream, as it does when it stops; {place}"
        ))),
    }
}

fn understood(json: &str) -> Result<Value, Failure> {
    serde_json::from_str(json).map_err(|error| Failure::Answer(error.to_string()))
}

/// What the host says in the middle of its answer, where no status can tell it any more.
fn told(name: &str, data: &str, place: &Place) -> Failure {
    let error = match understood(data) {
        Ok(value) if name == "error" => value["error"].clone(),
        Ok(_) => return Failure::Answer(format!("an event `{}`", printable(name))),
        Err(failure) => return failure,
    };
    let message = error["message"].as_str().unwrap_or("the host cannot go on");
    Failure::Refused {
        status: 200,
        code: error["code"].as_str().unwrap_or("internal").to_owned(),
        message: format!("{}; {place}", printable(message)),
        retry_after: None,
    }
}

fn data(record: &Value) -> String {
    let text = record["text"].as_str().or(record["data"].as_str());
    text.unwrap_or_default().to_owned()
}

fn show(record: &Value) -> String {
    let arrival = record["arrival_ms"].as_i64();
    let arrival = arrival.and_then(|ms| Timestamp::from_millisecond(ms).ok());
    let arrival = arrival.map_or_else(|| "-".to_owned(), |at| format!("{at:.3}"));
    let shard = cell(&record["shard_id"]);
    let shard = shard.trim_start_matches("shardId-").trim_start_matches('0');
    let shard = if shard.is_empty() { "0" } else { shard };
    let key = printable(record["partition_key"].as_str().unwrap_or_default());
    let data = printable(&data(record));
    let kind = if record["data"].is_string() {
        "base64:"
    } else {
        ""
    };
    format!("{arrival} {shard} {key} {kind}{data}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_error_in_the_stream_is_no_record() {
        let data = r#"{"error": {"code": "no_such_stream", "message": "it is gone"}}"#;
        let failure = told("error", data, &Place::default());
        assert_eq!(failure.to_json()["error"]["code"], "no_such_stream");
        assert_eq!(failure.to_string(), "it is gone; no record had come");
        assert_eq!(failure.exit_code(), 1);
        let strange = told("news", "{}", &Place::default());
        assert_eq!(strange.to_json()["error"]["code"], "bad_answer");
    }

    #[test]
    fn a_tail_begins_at_a_name_or_a_number() {
        assert_eq!(position("latest").unwrap(), "LATEST");
        assert_eq!(position("0049").unwrap(), "0049");
        for bad in ["", "-1", "AT_TIMESTAMP", "4x"] {
            assert!(position(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_record_is_one_line() {
        let record = json!({"shard_id": "shardId-000000000002", "arrival_ms": 1_431_857_103_000_u64,
            "partition_key": "k\n", "text": "a\nb"});
        assert_eq!(show(&record), "2015-05-17T10:05:03.000Z 2 k\\n a\\nb");
        let record =
            json!({"shard_id": "shardId-000000000000", "partition_key": "k", "data": "AA=="});
        assert_eq!(show(&record), "- 0 k base64:AA==");
    }
}
