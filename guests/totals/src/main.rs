//! A Millstream function: how many records came in each window, and the sum of the numbers in them.
//!
//! A program that takes Lambda's event JSON, for a trigger with `tumbling_window_in_seconds`. A record
//! is `{"n": 5}` or `{"count": 5}`; one that is neither counts as 0. The last call of a window gives its totals to the stream
//! that `STREAM` of its environment names, under the shard's id.

use std::env;

use millstream_sdk::event::{
    self, KinesisTimeWindowEvent, KinesisTimeWindowEventResponse, WithPuts,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// What is handed from call to call.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Totals {
    records: u64,
    sum: u64,
}

#[derive(Deserialize)]
struct Reading {
    #[serde(alias = "count")]
    n: u64,
}

type Event = KinesisTimeWindowEvent<Totals>;
type Answer = WithPuts<KinesisTimeWindowEventResponse<Totals>>;

fn main() {
    let stream = env::var("STREAM").unwrap_or_else(|_| "totals".to_owned());
    event::run(|event| handle(event, &stream));
}

fn handle(event: Event, stream: &str) -> Result<Answer, String> {
    let mut totals = event.state;
    for record in &event.records {
        let reading = serde_json::from_slice(&record.kinesis.data);
        totals.records += 1;
        totals.sum += reading.map_or(0, |Reading { n }| n);
    }
    let mut answer = WithPuts::of(KinesisTimeWindowEventResponse::of(totals.clone()));
    if event.is_final_invoke_for_window {
        let shard = event.shard_id.ok_or("the event names no shard")?;
        let told = json!({
            "shard": shard, "start": event.window.start, "end": event.window.end,
            "records": totals.records, "sum": totals.sum,
        });
        answer.put(stream, &shard, told.to_string().into_bytes());
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn call(state: Value, is_final: bool) -> Value {
        let record = |data: &str| {
            json!({"kinesis": {"partitionKey": "k", "sequenceNumber": "1", "data": data,
                "approximateArrivalTimestamp": 1.5}})
        };
        let event = json!({
            // {"n":5} and {"count":7}, and what is no reading.
            "Records": [record("eyJuIjo1fQ=="), record("eyJjb3VudCI6N30="), record("AA==")],
            "window": {"start": "1970-01-01T00:00:00Z", "end": "1970-01-01T00:01:00Z"},
            "state": state, "shardId": "shardId-000000000003", "eventSourceARN": "arn",
            "isFinalInvokeForWindow": is_final, "isWindowTerminatedEarly": false,
        });
        let answer = event::call(|event| handle(event, "out"), event.to_string().as_bytes());
        serde_json::from_slice(&answer.unwrap()).unwrap()
    }

    #[test]
    fn totals_go_on_and_are_told_at_the_end() {
        let first = call(json!({}), false);
        assert_eq!(first["state"], json!({"records": 3, "sum": 12}));
        assert_eq!(first.get("putRecords"), None);
        let last = call(first["state"].clone(), true);
        assert_eq!(last["state"], json!({"records": 6, "sum": 24}));
        let put = &last["putRecords"][0];
        assert_eq!(put["StreamName"], "out");
        assert_eq!(put["Records"][0]["PartitionKey"], "shardId-000000000003");
    }
}
