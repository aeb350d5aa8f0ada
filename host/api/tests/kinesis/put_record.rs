//! PutRecord.

use millstream_core::{port::CommitError, position::Position, sequence::SequenceNumber};
use serde_json::{Value, json};

use super::client::{base64, call, call_raw, put};
use crate::model::{Model, set_clock};

fn record() -> Value {
    json!({"StreamName": "s", "PartitionKey": "k", "Data": base64("data")})
}

fn with(member: &str, value: impl Into<Value>) -> Value {
    let mut body = record();
    body[member] = value.into();
    body
}

#[tokio::test]
async fn a_record_is_kept_and_named() {
    let model = Model::with_stream("s", 1).await;
    let put = call(&model, "PutRecord", record()).await.ok();
    let members: Vec<_> = put.as_object().unwrap().keys().collect();
    assert_eq!(members, ["SequenceNumber", "ShardId"]);
    assert_eq!(put["ShardId"], "shardId-000000000000");
    assert_eq!(put["SequenceNumber"].as_str().unwrap().len(), 56);
    assert_eq!(model.records("s"), [[("k".to_owned(), b"data".to_vec())]]);
}

#[tokio::test]
async fn numbers_rise_along_a_shard_also_over_a_restart() {
    let model = Model::with_stream("s", 1).await;
    let mut numbers = vec![put(&model, "s", "k", "a").await];
    numbers.push(put(&model, "s", "k", "b").await);
    model.reopen();
    set_clock(1_000);
    numbers.push(put(&model, "s", "k", "c").await);
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
}

#[tokio::test]
async fn keys_and_data_may_be_anything_that_is_allowed() {
    let model = Model::with_stream("s", 1).await;
    let keys = [
        "k".to_owned(),
        "\u{20ac}".repeat(256),
        "\"\\/\u{1}\u{0}".to_owned(),
    ];
    let data: [&[u8]; 3] = [b"", b"\0\xff\xfe", &[0x5a; 1000]];
    for (key, data) in keys.iter().zip(data) {
        let body = json!({"StreamName": "s", "PartitionKey": key, "Data": base64(data)});
        call(&model, "PutRecord", body).await.ok();
    }
    let expected: Vec<_> = keys.into_iter().zip(data.map(<[u8]>::to_vec)).collect();
    assert_eq!(model.records("s"), [expected]);
}

#[tokio::test]
async fn escapes_in_json_do_not_matter() {
    let model = Model::with_stream("s", 1).await;
    let body = r#"{"StreamName":"\u0073","PartitionKey":"\u006b","Data":"\/\/\/\/"}"#;
    call_raw(&model, "PutRecord", body).await.ok();
    assert_eq!(model.records("s"), [[("k".to_owned(), vec![0xff; 3])]]);
}

#[tokio::test]
async fn a_record_has_a_mebibyte_with_its_key() {
    let model = Model::with_stream("s", 1).await;
    let limit = 1 << 20;
    let just = base64(vec![0; limit - 1]);
    call(&model, "PutRecord", with("Data", just)).await.ok();
    let reply = call(&model, "PutRecord", with("Data", base64(vec![0; limit]))).await;
    reply.is(
        "ValidationException",
        "1 validation error detected: Value at 'data' failed to satisfy constraint: \
         Member must have length less than or equal to 1048576",
    );
    let huge = call(
        &model,
        "PutRecord",
        with("Data", base64(vec![0; 10 * limit + 1])),
    )
    .await;
    huge.is(
        "ValidationException",
        "1 validation error detected: Value 'java.nio.HeapByteBuffer[pos=0 lim=10485761 cap=10485761]' \
         at 'data' failed to satisfy constraint: Member must have length less than or equal to 10485760",
    );
    assert_eq!(model.commits(), 2);
}

#[tokio::test]
async fn an_explicit_hash_key_chooses_the_shard() {
    let model = Model::with_stream("s", 2).await;
    for (key, shard) in [
        ("0", "shardId-000000000000"),
        (
            "340282366920938463463374607431768211455",
            "shardId-000000000001",
        ),
    ] {
        let put = call(&model, "PutRecord", with("ExplicitHashKey", key))
            .await
            .ok();
        assert_eq!(put["ShardId"], shard);
    }
    let beyond = "340282366920938463463374607431768211456";
    call(&model, "PutRecord", with("ExplicitHashKey", beyond))
        .await
        .is(
            "InvalidArgumentException",
            "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. \
         Specified value was 340282366920938463463374607431768211456",
        );
    call(&model, "PutRecord", with("ExplicitHashKey", "+1")).await.is(
        "ValidationException",
        "1 validation error detected: Value '+1' at 'explicitHashKey' failed to satisfy constraint: \
         Member must satisfy regular expression pattern: 0|([1-9]\\d{0,38})",
    );
}

#[tokio::test]
async fn a_number_to_order_after_must_have_been_given_out() {
    let model = Model::with_stream("s", 1).await;
    let first = put(&model, "s", "k", "a").await;
    let ordered = with("SequenceNumberForOrdering", first.as_str());
    call(&model, "PutRecord", ordered).await.ok();
    set_clock(5_000);
    let future = put(&model, "s", "k", "b").await;
    set_clock(0);
    let parsed = SequenceNumber::parse(&first).unwrap();
    let position = Position::new(1, 9);
    let beyond = SequenceNumber { position, ..parsed }.to_string();
    let foreign = SequenceNumber { shard: 1, ..parsed }.to_string();
    for bad in ["1", &future, &beyond, &foreign] {
        let reply = call(&model, "PutRecord", with("SequenceNumberForOrdering", bad)).await;
        let message = format!(
            "ExclusiveMinimumSequenceNumber {bad} used in PutRecord on stream s \
             under account 123456789012 is invalid."
        );
        reply.is("InvalidArgumentException", &message);
    }
}

#[tokio::test]
async fn members_are_refused_as_amazon_refuses_them() {
    let model = Model::with_stream("s", 1).await;
    call(&model, "PutRecord", json!({})).await.is(
        "ValidationException",
        "2 validation errors detected: \
         Value null at 'partitionKey' failed to satisfy constraint: Member must not be null; \
         Value null at 'data' failed to satisfy constraint: Member must not be null",
    );
    call(&model, "PutRecord", with("PartitionKey", ""))
        .await
        .is(
            "ValidationException",
            "1 validation error detected: Value '' at 'partitionKey' failed to satisfy constraint: \
         Member must have length greater than or equal to 1",
        );
    let long = "\u{e9}".repeat(257);
    let (name, message) = call(&model, "PutRecord", with("PartitionKey", long))
        .await
        .refused();
    assert_eq!(name, "ValidationException");
    assert!(
        message.ends_with("Member must have length less than or equal to 256"),
        "{message}"
    );
    call(&model, "PutRecord", with("Data", "abc")).await.is(
        "SerializationException",
        "'abc' can not be converted to a Blob: \
         Base64 encoded length is expected a multiple of 4 bytes but found: 3",
    );
    call(&model, "PutRecord", with("StreamName", "nope"))
        .await
        .is(
            "ResourceNotFoundException",
            "Stream nope under account 123456789012 not found.",
        );
    assert_eq!(model.commits(), 1, "the stream's alone");
}

#[tokio::test]
async fn a_dry_run_writes_nothing() {
    let model = Model::with_stream("s", 1).await;
    call(&model, "PutRecord", with("DryRun", true)).await.is(
        "DryRunOperationException",
        "The request would have succeeded, but the DryRun parameter was specified.",
    );
    assert_eq!(model.records("s"), [[]]);
    call(&model, "PutRecord", with("DryRun", false)).await.ok();
}

#[tokio::test]
async fn a_put_that_is_not_durable_is_no_success() {
    let model = Model::with_stream("s", 1).await;
    for (error, status, name) in [
        (CommitError::Full, 503, "ServiceUnavailable"),
        (CommitError::Busy, 503, "ServiceUnavailable"),
        (
            CommitError::Unavailable("closed".into()),
            503,
            "ServiceUnavailable",
        ),
        (
            CommitError::Ambiguous("power".into()),
            500,
            "InternalFailure",
        ),
    ] {
        let message = error.to_string();
        model.fail_commits(error);
        let reply = call(&model, "PutRecord", record()).await;
        assert_eq!(reply.status.as_u16(), status);
        reply.is(name, &message);
    }
}

#[tokio::test]
async fn a_stream_that_spreads_its_records_wants_no_keys() {
    let model = Model::with_stream("s", 1).await;
    let (data, data_again) = (base64("data"), base64("again"));
    let keyless = json!({"StreamName": "s", "Data": data});
    let refusal = call(&model, "PutRecord", keyless.clone()).await.refused();
    assert_eq!(refusal.0, "ValidationException");
    assert!(refusal.1.contains("'partitionKey'"), "{}", refusal.1);
    let several = json!({"StreamName": "s", "Records": [
        {"Data": data}, {"Data": data_again, "PartitionKey": "k"}, {"Data": data, "Extra": 1},
    ]});
    let refusal = call(&model, "PutRecords", several.clone()).await.refused();
    assert!(
        refusal.1.starts_with("2 validation errors"),
        "{}",
        refusal.1
    );

    let arn = "arn:aws:kinesis:us-east-1:123456789012:stream/s";
    let on_demand = json!({"StreamMode": "ON_DEMAND"});
    let mode = json!({"StreamARN": arn, "StreamModeDetails": on_demand});
    call(&model, "UpdateStreamMode", mode).await.ok();
    let auto = json!({"StreamARN": arn, "RecordDistributionStrategy": "AUTO"});
    let action = "UpdateStreamRecordDistributionStrategy";
    call(&model, action, auto).await.ok();
    call(&model, "PutRecord", keyless).await.ok();
    call(&model, "PutRecords", several).await.ok();
    for (member, bad) in [("PartitionKey", ""), ("SequenceNumberForOrdering", "01")] {
        let reply = call(&model, "PutRecord", with(member, bad)).await;
        assert_eq!(reply.refused().0, "ValidationException", "{member}");
    }
    let at = json!({"StreamName": "s", "ShardId": "0", "ShardIteratorType": "TRIM_HORIZON"});
    let at = call(&model, "GetShardIterator", at).await.ok();
    let page = json!({"ShardIterator": at["ShardIterator"]});
    let page = call(&model, "GetRecords", page).await.ok();
    let records = page["Records"].as_array().unwrap().iter();
    let keys: Vec<_> = records.map(|record| record.get("PartitionKey")).collect();
    let k = json!("k");
    assert_eq!(keys, [None, None, Some(&k), None]);
}

#[tokio::test]
async fn names_that_another_name_makes_superfluous_are_checked_too() {
    let model = Model::with_stream("s", 1).await;
    let body = json!({"StreamName": "s"});
    let shown = call(&model, "DescribeStreamSummary", body).await.ok();
    let good = shown["StreamDescriptionSummary"]["StreamId"].as_str();
    let good = with("StreamId", good.unwrap());
    call(&model, "PutRecord", good).await.ok();
    let other = with("StreamId", "abcdefghij0123456789-abc");
    call(&model, "PutRecord", other).await.is(
        "InvalidArgumentException",
        "StreamId abcdefghij0123456789-abc is not that of the stream s.",
    );
    let bare = "arn::123456789012:stream/s";
    let long = format!("arn:aws{}:kinesis::123456789012:stream/s", "-".repeat(2048));
    let bads = [
        ("StreamId", "a b"),
        ("StreamId", ""),
        ("StreamARN", bare),
        ("StreamARN", &long),
    ];
    for (member, bad) in bads {
        let (name, message) = call(&model, "PutRecord", with(member, bad)).await.refused();
        assert_eq!(name, "ValidationException", "{bad}");
        assert!(message.contains("failed to satisfy"), "{message}");
        let records = json!([{"PartitionKey": "k", "Data": ""}]);
        let several = json!({"StreamName": "s", "Records": records, member: bad});
        let (name, _) = call(&model, "PutRecords", several).await.refused();
        assert_eq!(name, "ValidationException", "{bad}");
    }
}
