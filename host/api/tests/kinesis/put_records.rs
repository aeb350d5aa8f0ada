//! PutRecords.

use millstream_core::{hash_key::HashKey, port::CommitError};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::client::{Reply, base64, call, call_raw};
use crate::model::Model;

async fn put(model: &Model, records: Value) -> Reply {
    call(
        model,
        "PutRecords",
        json!({"StreamName": "s", "Records": records}),
    )
    .await
}

fn record(key: &str, data: impl AsRef<[u8]>) -> Value {
    json!({"PartitionKey": key, "Data": base64(data)})
}

#[tokio::test]
async fn records_are_answered_in_their_order_and_kept_by_shard() {
    let model = Model::with_stream("s", 4).await;
    let keys: Vec<_> = (0..500).map(|i| format!("key-{i}")).collect();
    let records: Value = keys.iter().map(|key| record(key, key)).collect();
    let answer = put(&model, records).await.ok();
    assert_eq!(answer["FailedRecordCount"], 0);
    let results = answer["Records"].as_array().unwrap();
    assert_eq!(results.len(), 500);
    let stored = model.records("s");
    let mut next = [0; 4];
    let mut last = [const { String::new() }; 4];
    for (key, result) in keys.iter().zip(results) {
        let hash = HashKey::of(key.as_bytes()).0;
        let shard = (hash >> 126) as usize;
        assert_eq!(result["ShardId"], format!("shardId-{shard:012}"));
        assert_eq!(result.as_object().unwrap().len(), 2);
        assert_eq!(
            stored[shard][next[shard]],
            (key.clone(), key.clone().into_bytes())
        );
        next[shard] += 1;
        let number = result["SequenceNumber"].as_str().unwrap();
        assert!(number > last[shard].as_str(), "{number}");
        last[shard] = number.to_owned();
    }
    assert!(next.iter().all(|&n| n > 80), "{next:?}");
    assert_eq!(model.commits(), 2, "the stream and all records at once");
}

#[tokio::test]
async fn up_to_500_records_are_taken_at_once() {
    let model = Model::with_stream("s", 1).await;
    let records = |n: usize| vec![record("k", ""); n].into();
    put(&model, records(1)).await.ok();
    put(&model, records(500)).await.ok();
    put(&model, records(501)).await.is(
        "ValidationException",
        "1 validation error detected: Value at 'records' failed to satisfy constraint: \
         Member must have length less than or equal to 500",
    );
    put(&model, records(0)).await.is(
        "ValidationException",
        "1 validation error detected: Value '[]' at 'records' failed to satisfy constraint: \
         Member must have length greater than or equal to 1",
    );
    assert_eq!(model.records("s")[0].len(), 501);
}

#[tokio::test]
async fn ten_mebibytes_are_taken_at_once_keys_included() {
    let model = Model::with_stream("s", 1).await;
    let mut records: Vec<_> = (0..10)
        .map(|_| record("k", vec![7; (1 << 20) - 1]))
        .collect();
    put(&model, records.clone().into()).await.ok();
    records.push(record("k", ""));
    let reply = put(&model, records.into()).await;
    reply.is(
        "InvalidArgumentException",
        "Records size exceeds 10 MB limit",
    );
    assert_eq!(model.records("s")[0].len(), 10);
}

#[tokio::test]
async fn one_bad_record_refuses_all_by_its_number() {
    let model = Model::with_stream("s", 4).await;
    let refused = |bad: Value| {
        let model = model.clone();
        async move { put(&model, json!([record("a", "a"), bad, record("c", "c")])).await }
    };
    refused(record("", "")).await.is(
        "ValidationException",
        "1 validation error detected: Value '' at 'records.2.member.partitionKey' failed to satisfy \
         constraint: Member must have length greater than or equal to 1",
    );
    refused(json!({"PartitionKey": "k"})).await.is(
        "ValidationException",
        "1 validation error detected: Value null at 'records.2.member.data' failed to satisfy \
         constraint: Member must not be null",
    );
    refused(json!(null)).await.is(
        "ValidationException",
        "1 validation error detected: Value null at 'records.2.member' failed to satisfy \
         constraint: Member must not be null",
    );
    refused(record("k", vec![0; 1 << 20])).await.is(
        "ValidationException",
        "1 validation error detected: Value at 'records.2.member.data' failed to satisfy constraint: \
         Member must have length less than or equal to 1048576",
    );
    refused(json!({"PartitionKey": "k", "Data": "a\u{e9}bc"}))
        .await
        .is(
            "SerializationException",
            "'a\u{e9}bc' can not be converted to a Blob: \
         Base64 encoded length is expected a multiple of 4 bytes but found: 5",
        );
    refused(json!({"PartitionKey": "k", "Data": "", "ExplicitHashKey": "9".repeat(39)}))
        .await
        .is(
            "InvalidArgumentException",
            "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. \
         Specified value was 999999999999999999999999999999999999999",
        );
    refused(json!(1))
        .await
        .is("SerializationException", "Expected null");
    assert_eq!(model.commits(), 1, "the stream's alone");
}

#[tokio::test]
async fn types_are_refused_before_constraints() {
    let model = Model::with_stream("s", 1).await;
    let body = json!({"StreamName": "", "Records": [{"PartitionKey": 1, "Data": ""}]});
    call(&model, "PutRecords", body).await.is(
        "SerializationException",
        "class com.amazon.coral.value.json.numbers.TruncatingBigNumber can not be converted to an String",
    );
    call(&model, "PutRecords", json!({"Records": {}})).await.is(
        "SerializationException",
        "Start of structure or map found where not expected.",
    );
    call(&model, "PutRecords", json!({})).await.is(
        "ValidationException",
        "1 validation error detected: Value null at 'records' failed to satisfy constraint: \
         Member must not be null",
    );
}

#[tokio::test]
async fn what_the_fast_way_does_not_understand_is_understood_all_the_same() {
    let model = Model::with_stream("s", 1).await;
    let arn = "arn:aws:kinesis:us-east-1:123456789012:stream/s";
    let bodies = [
        // Escapes where the fast way wants none.
        r#"{"StreamName":"s","Records":[{"PartitionKey":"\u006b","Data":"\/\/8="}]}"#.to_owned(),
        // A member twice; the last one counts.
        r#"{"StreamName":"x","StreamName":"s","Records":[{"PartitionKey":"k","Data":"//8="}]}"#
            .into(),
        // Nulls where nothing is needed, members that nobody knows.
        format!(
            r#"{{"StreamARN":"{arn}","StreamName":null,"DryRun":null,"New":[{{}}],"Records":[
               {{"PartitionKey":"k","Data":"//8=","ExplicitHashKey":null,"New":"a"}}]}}"#
        ),
    ];
    for body in &bodies {
        call_raw(&model, "PutRecords", body.clone()).await.ok();
    }
    let expected = ("k".to_owned(), vec![0xff, 0xff]);
    assert_eq!(model.records("s"), [vec![expected; bodies.len()]]);
}

#[tokio::test]
async fn name_and_arn_together_are_what_the_producer_library_sends() {
    let model = Model::with_stream("s", 1).await;
    let arn = "arn:aws:kinesis:us-east-1:123456789012:stream/s";
    let body = json!({"StreamName": "s", "StreamARN": arn, "Records": [record("k", "d")]});
    call(&model, "PutRecords", body).await.ok();
}

#[tokio::test]
async fn a_dry_run_writes_nothing() {
    let model = Model::with_stream("s", 1).await;
    let body = json!({"StreamName": "s", "DryRun": true, "Records": [record("k", "d")]});
    let reply = call(&model, "PutRecords", body).await;
    assert_eq!(reply.refused().0, "DryRunOperationException");
    assert_eq!(model.records("s"), [[]]);
}

#[tokio::test]
async fn nothing_is_answered_that_is_not_durable() {
    let model = Model::with_stream("s", 4).await;
    model.fail_commits(CommitError::Busy);
    let reply = put(&model, json!([record("a", "a"), record("b", "b")])).await;
    assert_eq!(reply.status.as_u16(), 503);
    reply.is("ServiceUnavailable", "the log's queue is full");
}

#[tokio::test]
async fn puts_are_counted() {
    let model = Model::with_stream("s", 1).await;
    let app = model.app();
    let router = millstream_api::server::router(app.clone());
    let body = json!({"StreamName": "s", "Records": [record("ab", "cde"), record("f", "")]});
    let request = super::client::request("PutRecords", body.to_string());
    tower::ServiceExt::oneshot(router, request).await.unwrap();
    assert_eq!((app.metrics.records_in(), app.metrics.bytes_in()), (2, 6));
}

proptest! {
    #[test]
    fn any_records_are_kept_as_they_are(
        records in prop::collection::vec((".{1,20}", prop::collection::vec(any::<u8>(), 0..50)), 1..20),
        shards in 1u32..6,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let stored = runtime.block_on(async {
            let model = Model::with_stream("s", shards).await;
            let body = records.iter().map(|(key, data)| record(key, data)).collect();
            put(&model, body).await.ok();
            model.records("s")
        });
        let mut stored: Vec<_> = stored.into_iter().flatten().collect();
        let mut expected = records;
        stored.sort();
        expected.sort();
        prop_assert_eq!(stored, expected);
    }
}
