//! Events as AWS documents them, and what handlers make of them.

use serde_json::{Value, json};

use super::{KinesisEvent, KinesisEventResponse, call};

fn event(data: &[&str]) -> String {
    let record = |(i, data): (usize, &&str)| {
        json!({
            "kinesis": {
                "kinesisSchemaVersion": "1.0", "partitionKey": format!("k{i}"),
                "sequenceNumber": format!("4959{i}"),
                "data": base64_simd::STANDARD.encode_to_string(data.as_bytes()),
                "approximateArrivalTimestamp": 1_545_084_650.987,
            },
            "eventSource": "aws:kinesis", "eventVersion": "1.0",
            "eventID": format!("shardId-000000000006:4959{i}"),
            "eventName": "aws:kinesis:record",
            "invokeIdentityArn": "arn:aws:iam::123456789012:role/lambda-role",
            "awsRegion": "us-east-2",
            "eventSourceARN": "arn:aws:kinesis:us-east-2:123456789012:stream/lambda-stream",
        })
    };
    let records: Vec<Value> = data.iter().enumerate().map(record).collect();
    json!({ "Records": records }).to_string()
}

#[test]
fn every_field_of_an_event_is_read_and_written_again() {
    let text = event(&["one", ""]);
    let event: KinesisEvent = serde_json::from_str(&text).unwrap();
    let record = &event.records[0];
    assert_eq!(&record.kinesis.data[..], b"one");
    assert_eq!(
        record.kinesis.approximate_arrival_timestamp.as_millis(),
        1_545_084_650_987
    );
    assert_eq!(
        record.event_id.as_deref(),
        Some("shardId-000000000006:49590")
    );
    let expected: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_value(&event).unwrap(), expected);
}

#[test]
fn handling_ends_at_the_first_record_that_fails() {
    let mut seen = Vec::new();
    let handler = |event: KinesisEvent| -> Result<KinesisEventResponse, String> {
        Ok(event.each(|record| {
            seen.push(record.kinesis.partition_key.clone());
            let _: u32 = std::str::from_utf8(&record.kinesis.data)?.parse()?;
            Ok(())
        }))
    };
    let answer = call(handler, event(&["1", "two", "3"]).as_bytes()).unwrap();
    assert_eq!(
        answer,
        br#"{"batchItemFailures":[{"itemIdentifier":"49591"}]}"#
    );
    assert_eq!(seen, ["k0", "k1"]);
}

#[test]
fn without_a_failure_none_is_reported() {
    let handler = |event: KinesisEvent| Ok::<_, String>(event.each(|_| Ok(())));
    let answer = call(handler, event(&["1"]).as_bytes()).unwrap();
    assert_eq!(answer, br#"{"batchItemFailures":[]}"#);
}

#[test]
fn any_json_can_be_the_event_and_the_answer() {
    let echo = |event: Value| Ok::<_, String>(event["a"].clone());
    assert_eq!(call(echo, b"{\"a\":[1]}").unwrap(), b"[1]");
    let nothing = |_: Value| Ok::<(), String>(());
    assert_eq!(call(nothing, b"{}").unwrap(), b"null");
}

#[test]
fn an_error_of_the_handler_is_the_error() {
    let fails = |_: Value| Err::<(), _>("no table");
    assert_eq!(call(fails, b"{}").unwrap_err(), "no table");
    let unexpected = call(|_: KinesisEvent| Ok::<(), String>(()), b"{\"Records\":3}").unwrap_err();
    assert!(unexpected.starts_with("unexpected event: "), "{unexpected}");
}
