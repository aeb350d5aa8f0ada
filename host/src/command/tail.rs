//! `millstream tail`: follow a stream.

use std::io::BufReader;

use jiff::Timestamp;
use serde_json::Value;

use super::Session;
use crate::{
    client::{events::Events, route::Route},
    failure::Failure,
    output::{cell, printable},
};

/// What to follow.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  millstream tail clicks
  millstream tail clicks --from TRIM_HORIZON -n 10
  millstream tail clicks --from TRIM_HORIZON --data | grep error
  millstream tail clicks --shard shardId-000000000001 --json")]
pub(crate) struct Args {
    /// The stream.
    stream: String,
    /// LATEST: what comes from now on. TRIM_HORIZON: everything that is kept, then what comes.
    #[arg(long, value_name = "POSITION", default_value = "LATEST", ignore_case = true,
        value_parser = ["LATEST", "TRIM_HORIZON"])]
    from: String,
    /// Only this shard.
    #[arg(long, value_name = "SHARD")]
    shard: Option<String>,
    /// End after so many records.
    #[arg(short = 'n', long, value_name = "N")]
    max_records: Option<u64>,
    /// Print the data alone, one record a line.
    #[arg(long, conflicts_with = "json")]
    data: bool,
}

pub(super) fn run(args: &Args, session: &Session) -> Result<(), Failure> {
    let route = Route::new(&["v1", "streams", &args.stream, "tail"])
        .with("from", args.from.to_uppercase())
        .with_some("shard", args.shard.as_deref())
        .with_some("max_records", args.max_records);
    let body = session.client.stream(&route)?;
    let mut left = args.max_records;
    for event in Events::new(BufReader::new(body)) {
        let event = event.map_err(|error| Failure::Broken {
            url: session.client.url().to_owned(),
            reason: error.to_string(),
        })?;
        if session.output.json {
            session.output.line(&event)?;
        } else {
            let record: Value =
                serde_json::from_str(&event).map_err(|error| Failure::Answer(error.to_string()))?;
            let line = if args.data {
                data(&record)
            } else {
                show(&record)
            };
            session.output.line(&line)?;
        }
        left = left.map(|n| n.saturating_sub(1));
    }
    match left {
        Some(0) => Ok(()),
        _ => Err(Failure::Failed(
            "the host ended the stream, as it does when it stops".to_owned(),
        )),
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
    fn a_record_is_one_line() {
        let record = json!({"shard_id": "shardId-000000000002", "arrival_ms": 1_431_857_103_000_u64,
            "partition_key": "k\n", "text": "a\nb"});
        assert_eq!(show(&record), "2015-05-17T10:05:03.000Z 2 k\\n a\\nb");
        let record =
            json!({"shard_id": "shardId-000000000000", "partition_key": "k", "data": "AA=="});
        assert_eq!(show(&record), "- 0 k base64:AA==");
    }
}
