//! Failure records, byte by byte, and which records share one.

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::{
    block::{BlockBuilder, Slice},
    catalog::{Stream, Trigger},
    event::{Identity, Origin},
    port::{Limits, ModuleInfo},
    position::{Position, ShardNumber},
    trigger::{
        Share,
        batch::{Batch, Room},
        discard::Reason,
    },
};

const QUEUE: &str = "arn:aws:sqs:us-east-1:123456789012:q";
const BUCKET: &str = "arn:aws:s3:::bucket";
/// 2022-07-13T13:48:00.123Z
const ARRIVAL: u64 = 1_657_720_080_123;

fn stream() -> Stream {
    Stream::new("s".try_into().unwrap(), 1, ShardNumber(3), Millis(5_000))
}

fn lane(destination: &str, qualifier: Option<&str>) -> Lane {
    let trigger: Trigger = serde_json::from_value(json!({
        "name": "0191d5a0-0000-7000-8000-000000000001", "id": 1, "created": 0, "updated": 0,
        "starts": {},
        "settings": {"stream": "s", "function": "f", "starting_position": "LATEST",
            "qualifier": qualifier, "on_failure_destination": destination},
    }))
    .unwrap();
    let stream = stream();
    let (function, shard) = (&trigger.settings.function, &stream.shards[0]);
    let origin = Origin::new(&Identity::default(), &stream.name, function, shard);
    Lane {
        origin: Arc::new(origin),
        trigger: Arc::new(trigger),
        function_version: Some(9),
        shifted: None,
        shard: stream.shards[0].clone(),
        share: Share::WHOLE,
    }
}

/// Of a batch of so many records, which arrived a tenth of a second after one another.
fn discards(records: usize, discarded: &[usize]) -> Discards {
    let mut batch = Batch::default();
    let room = Room {
        records: 10_000,
        bytes: 1 << 20,
        end: None,
        windows: None,
    };
    let slice = |i: usize| {
        let mut builder = BlockBuilder::default();
        builder.push("k", format!("{{\"n\":{i}}}").as_bytes());
        Slice {
            block: builder.finish().unwrap(),
            range: 0..1,
            base: Position(70 + i as u64),
            arrival: Millis(ARRIVAL + 100 * i as u64),
        }
    };
    batch.take((0..records).map(slice).collect(), &room);
    Discards {
        batch: Arc::new(batch),
        records: discarded.iter().map(|&i| (i, "no".into())).collect(),
        reason: Reason::RetryAttemptsExhausted,
        attempts: 3,
        reported: false,
        failed: Millis(ARRIVAL + 1_000),
    }
}

fn entries(discards: &Discards, lane: &Lane) -> Vec<Entry> {
    let stream = stream();
    let puts = puts(discards, lane, None, Some(&stream));
    let entry = |put: &Put| Entry::decode(put.value.as_ref().unwrap()).unwrap();
    puts.iter().map(entry).collect()
}

fn only(discards: &Discards, lane: &Lane) -> Entry {
    let mut entries = entries(discards, lane);
    assert_eq!(entries.len(), 1);
    entries.remove(0)
}

fn body(entry: &Entry) -> Value {
    serde_json::from_str(entry.body.get()).unwrap()
}

#[test]
fn a_failure_record_has_awss_shape() {
    let lane = lane(QUEUE, None);
    let entry = only(&discards(3, &[0, 1, 2]), &lane);
    let number = |i: u64| {
        let (position, arrival) = (Position(70 + i), Millis(ARRIVAL + 100 * i));
        lane.origin.number(position, arrival).to_string()
    };
    let (first, last) = (number(0), number(2));
    let value = body(&entry);
    let id = value["requestContext"]["requestId"].as_str().unwrap();
    assert_eq!(id.len(), 36);
    // Byte by byte, so that the order of the names is AWS's too.
    let expected = format!(
        "{{\"requestContext\":{{\"requestId\":\"{id}\",\
         \"functionArn\":\"arn:aws:lambda:us-east-1:123456789012:function:f\",\
         \"condition\":\"RetryAttemptsExhausted\",\"approximateInvokeCount\":3}},\
         \"responseContext\":{{\"statusCode\":200,\"executedVersion\":\"$LATEST\",\
         \"functionError\":\"Unhandled\"}},\
         \"version\":\"1.0\",\"timestamp\":\"2022-07-13T13:48:01.123Z\",\
         \"KinesisBatchInfo\":{{\"shardId\":\"shardId-000000000000\",\
         \"startSequenceNumber\":\"{first}\",\"endSequenceNumber\":\"{last}\",\
         \"approximateArrivalOfFirstRecord\":\"2022-07-13T13:48:00.123Z\",\
         \"approximateArrivalOfLastRecord\":\"2022-07-13T13:48:00.323Z\",\"batchSize\":3,\
         \"streamArn\":\"arn:aws:kinesis:us-east-1:123456789012:stream/s\"}}}}"
    );
    assert_eq!(entry.body.get(), expected);
    assert_eq!((entry.first, entry.last, entry.records), (first, last, 3));
    assert_eq!(entry.expires.since(entry.failed), 24 * 3_600_000);
}

#[test]
fn a_batch_that_the_function_reported_has_no_function_error() {
    let mut discards = discards(1, &[0]);
    discards.reported = true;
    let value = body(&only(&discards, &lane(QUEUE, None)));
    let context = json!({"statusCode": 200, "executedVersion": "$LATEST", "functionError": null});
    assert_eq!(value["responseContext"], context);
}

#[test]
fn records_that_are_too_old_have_no_response_and_count_a_call() {
    let mut discards = discards(1, &[0]);
    (discards.reason, discards.attempts) = (Reason::RecordAgeExceeded, 0);
    let value = body(&only(&discards, &lane(QUEUE, None)));
    assert_eq!(value.get("responseContext"), None);
    let request = &value["requestContext"];
    assert_eq!(request["condition"], "RecordAgeExceeded");
    assert_eq!(request["approximateInvokeCount"], 1);
}

#[test]
fn the_function_is_named_as_the_trigger_names_it() {
    let named = |qualifier| {
        let value = body(&only(&discards(1, &[0]), &lane(QUEUE, Some(qualifier))));
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let arn = text(&value["requestContext"]["functionArn"]);
        let version = text(&value["responseContext"]["executedVersion"]);
        (arn.rsplit_once(":function:").unwrap().1.to_owned(), version)
    };
    assert_eq!(named("$LATEST"), ("f:$LATEST".into(), "$LATEST".into()));
    assert_eq!(named("4"), ("f:4".into(), "4".into()));
}

#[test]
fn an_alias_shows_the_version_that_was_called() {
    let module = ModuleInfo {
        hash: String::new(),
        size: 0,
        world: "handler".into(),
        imports: Vec::new(),
    };
    let function = |version| {
        let name = "f".try_into().unwrap();
        Function::new(name, version, module.clone(), Limits::default(), Millis(0))
    };
    let mut newest = function(12);
    newest.published = [(1, Arc::new(function(5))), (2, Arc::new(function(9)))].into();
    let lane = lane(QUEUE, Some("live"));
    let puts = puts(&discards(1, &[0]), &lane, Some(&newest), None);
    let entry = Entry::decode(puts[0].value.as_ref().unwrap()).unwrap();
    assert_eq!(body(&entry)["responseContext"]["executedVersion"], "2");
}

#[test]
fn neighbours_share_a_record_and_others_do_not() {
    let entries = entries(&discards(6, &[0, 2, 3, 5]), &lane(QUEUE, None));
    let sizes: Vec<u64> = entries.iter().map(|entry| entry.records).collect();
    assert_eq!(sizes, [1, 2, 1]);
    let info = &body(&entries[1])["KinesisBatchInfo"];
    assert_eq!(info["batchSize"], 2);
    assert_ne!(info["startSequenceNumber"], info["endSequenceNumber"]);
    assert!(self::entries(&discards(6, &[]), &lane(QUEUE, None)).is_empty());
}

#[test]
fn more_runs_than_a_commit_takes_are_joined() {
    let every_other: Vec<usize> = (0..2 * AT_ONCE + 2).step_by(2).collect();
    let entries = entries(&discards(2_000, &every_other), &lane(QUEUE, None));
    assert!(entries.len() <= AT_ONCE, "{}", entries.len());
    let records: u64 = entries.iter().map(|entry| entry.records).sum();
    assert_eq!(records, every_other.len() as u64);
}

#[test]
fn an_object_holds_the_event_as_text() {
    let entry = only(&discards(3, &[1, 2]), &lane(BUCKET, None));
    let value = body(&entry);
    let event: Value = serde_json::from_str(value["payload"].as_str().unwrap()).unwrap();
    let records = event["Records"].as_array().unwrap();
    assert_eq!(records.len(), 2);
    assert_eq!(records[0]["kinesis"]["data"], "eyJuIjoxfQ==");
    let first = &records[0]["kinesis"]["sequenceNumber"];
    assert_eq!(*first, value["KinesisBatchInfo"]["startSequenceNumber"]);
    let message: Value = serde_json::from_str(&entry.message(Service::Sqs)).unwrap();
    assert_eq!(message.get("payload"), None);
    assert_eq!(message["KinesisBatchInfo"], value["KinesisBatchInfo"]);
    assert_eq!(entry.message(Service::S3), entry.body.get());
}

#[test]
fn an_object_is_called_as_aws_calls_it() {
    let entry = only(&discards(1, &[0]), &lane(BUCKET, None));
    let key = entry.object_key();
    let (before, id) = key.split_at(key.len() - 36);
    assert_eq!(
        before,
        "aws/lambda/0191d5a0-0000-7000-8000-000000000001/shardId-000000000000/\
         2022/07/13/2022-07-13T13.48.01-"
    );
    assert_eq!(id, entry.idempotency_id());
}

#[test]
fn a_message_that_is_sent_again_is_known_by_its_key() {
    let lane = lane(QUEUE, None);
    let [one, same, other] =
        [&[0][..], &[0], &[0, 1]].map(|records| only(&discards(2, records), &lane));
    assert_eq!(one.idempotency_key(), same.idempotency_key());
    assert_ne!(one.idempotency_key(), other.idempotency_key());
    assert_ne!(one.idempotency_id(), other.idempotency_id());
    assert!(one.idempotency_key().len() <= 256 && one.group().len() <= 128);
}

#[test]
fn what_is_stored_is_read_and_names_its_size() {
    let lane = lane(QUEUE, None);
    let stream = stream();
    let puts = puts(&discards(2, &[1]), &lane, None, Some(&stream));
    let value = puts[0].value.clone().unwrap();
    assert_eq!(key::outbox_entry(&puts[0].key), Some((1, value.len())));
    let again = Entry::decode(&value).unwrap().encode();
    assert_eq!(again, value);
    assert!(Entry::decode(b"{}").is_err());
}
