//! CreateStream, DeleteStream, DescribeStream, DescribeStreamSummary, ListStreams.

use millstream_core::{
    catalog::{StartingPosition, TriggerSettings},
    port::CommitError,
};
use serde_json::{Value, json};

use super::client::{call, put};
use crate::model::{Model, set_clock};

const ARN: &str = "arn:aws:kinesis:us-east-1:123456789012:stream/s";

#[tokio::test]
async fn a_stream_is_active_as_soon_as_it_is_created() {
    let model = Model::new();
    let created = call(
        &model,
        "CreateStream",
        json!({"StreamName": "s", "ShardCount": 2}),
    )
    .await;
    assert_eq!(created.ok(), Value::Null);
    assert_eq!(
        created.headers["content-type"],
        "application/x-amz-json-1.1"
    );
    let described = call(&model, "DescribeStream", json!({"StreamName": "s"}))
        .await
        .ok();
    let half = "170141183460469231731687303715884105728";
    let start = |nibble: &str| nibble.to_owned();
    let shards = described["StreamDescription"]["Shards"].clone();
    assert_eq!(shards[0]["HashKeyRange"]["StartingHashKey"], "0");
    assert_eq!(shards[1]["HashKeyRange"]["StartingHashKey"], start(half));
    assert_eq!(
        shards[1]["SequenceNumberRange"]["StartingSequenceNumber"]
            .as_str()
            .unwrap()
            .len(),
        56
    );
    assert!(
        shards[1]["SequenceNumberRange"]
            .get("EndingSequenceNumber")
            .is_none()
    );
    let mut rest = described;
    rest["StreamDescription"]
        .as_object_mut()
        .unwrap()
        .remove("Shards");
    assert_eq!(
        rest,
        json!({"StreamDescription": {
            "StreamName": "s",
            "StreamARN": ARN,
            "StreamStatus": "ACTIVE",
            "StreamModeDetails": {"StreamMode": "PROVISIONED"},
            "RetentionPeriodHours": 24,
            "StreamCreationTimestamp": 1_700_000_000.0,
            "EnhancedMonitoring": [{"ShardLevelMetrics": []}],
            "EncryptionType": "NONE",
            "HasMoreShards": false,
        }})
    );
}

#[tokio::test]
async fn a_stream_has_four_shards_unless_told_otherwise() {
    let model = Model::new();
    let body = json!({"StreamName": "s", "StreamModeDetails": {"StreamMode": "ON_DEMAND"}});
    call(&model, "CreateStream", body).await.ok();
    let summary = call(&model, "DescribeStreamSummary", json!({"StreamARN": ARN}))
        .await
        .ok();
    assert_eq!(
        summary,
        json!({"StreamDescriptionSummary": {
            "StreamName": "s",
            "StreamARN": ARN,
            "StreamStatus": "ACTIVE",
            "StreamModeDetails": {"StreamMode": "ON_DEMAND"},
            "RecordDistributionStrategy": "USER_PARTITION_KEY",
            "StreamId": summary["StreamDescriptionSummary"]["StreamId"],
            "RetentionPeriodHours": 24,
            "StreamCreationTimestamp": 1_700_000_000.0,
            "EnhancedMonitoring": [{"ShardLevelMetrics": []}],
            "EncryptionType": "NONE",
            "OpenShardCount": 4,
            "ConsumerCount": 0,
            "QueueCount": 0,
            "ChannelCount": 0,
            "MaxRecordSizeInKiB": 1024,
        }})
    );
}

#[tokio::test]
async fn a_stream_that_is_there_is_not_created_again() {
    let model = Model::with_stream("s", 1).await;
    let reply = call(
        &model,
        "CreateStream",
        json!({"StreamName": "s", "ShardCount": 1}),
    )
    .await;
    reply.is(
        "ResourceInUseException",
        "Stream s under account 123456789012 already exists.",
    );
}

#[tokio::test]
async fn shard_counts_are_bounded() {
    let model = Model::new();
    let create = |shards: i64| {
        let model = model.clone();
        async move {
            call(
                &model,
                "CreateStream",
                json!({"StreamName": "s", "ShardCount": shards}),
            )
            .await
        }
    };
    create(0).await.is(
        "ValidationException",
        "1 validation error detected: Value '0' at 'shardCount' failed to satisfy constraint: \
         Member must have value greater than or equal to 1",
    );
    create(501).await.is(
        "LimitExceededException",
        "A stream can have up to 500 open shards here; 501 were asked for.",
    );
    create(i64::MAX).await.refused();
    create(500).await.ok();
}

#[tokio::test]
async fn a_stream_is_created_with_its_settings() {
    let model = Model::new();
    let create = |extra: Value| {
        let mut body = json!({"StreamName": "s", "ShardCount": 1});
        body.as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        let model = model.clone();
        async move { call(&model, "CreateStream", body).await }
    };
    let (name, _) = create(json!({"Tags": {"a!": "b"}})).await.refused();
    assert_eq!(name, "InvalidArgumentException");
    create(json!({"Tags": {"a": "b"}, "MaxRecordSizeInKiB": 2048}))
        .await
        .ok();
    let summary = call(&model, "DescribeStreamSummary", json!({"StreamName": "s"}))
        .await
        .ok();
    let summary = &summary["StreamDescriptionSummary"];
    assert_eq!(summary["MaxRecordSizeInKiB"], 2048);
    let large = "a".repeat(2_097_151);
    put(&model, "s", "k", &large).await;
}

#[tokio::test]
async fn a_deleted_stream_is_gone_with_its_records() {
    let model = Model::with_stream("s", 1).await;
    put(&model, "s", "k", "old").await;
    let body = json!({"StreamARN": ARN, "EnforceConsumerDeletion": true});
    assert_eq!(call(&model, "DeleteStream", body).await.ok(), Value::Null);
    let gone = call(&model, "DescribeStream", json!({"StreamName": "s"})).await;
    gone.is(
        "ResourceNotFoundException",
        "Stream s under account 123456789012 not found.",
    );
    model.create_stream("s", 1).await;
    assert_eq!(model.records("s"), [[]]);
}

#[tokio::test]
async fn a_stream_that_a_trigger_needs_is_not_deleted() {
    let model = Model::with_stream("s", 1).await;
    model.edit_trigger(
        "t",
        TriggerSettings {
            stream: "s".try_into().unwrap(),
            function: "f".try_into().unwrap(),
            qualifier: None,
            starting_position: StartingPosition::Latest,
            starting_position_timestamp: None,
            batch_size: 1,
            maximum_batching_window_in_seconds: 0,
            parallelization_factor: 1,
            tumbling_window_in_seconds: 0,
            maximum_retry_attempts: -1,
            bisect_batch_on_function_error: false,
            maximum_record_age_in_seconds: -1,
            filter_criteria: Default::default(),
            on_failure_stream: None,
            on_failure_destination: None,
            consumer: None,
            unpack_aggregated_records: false,
            function_response_types: Vec::new(),
            enabled: true,
        },
    );
    let reply = call(&model, "DeleteStream", json!({"StreamName": "s"})).await;
    reply.is(
        "ResourceInUseException",
        "Stream s under account 123456789012 is used by trigger t; delete the trigger first.",
    );
}

#[tokio::test]
async fn a_change_that_is_not_durable_did_not_happen() {
    let model = Model::new();
    model.fail_commits(CommitError::Full);
    let reply = call(&model, "CreateStream", json!({"StreamName": "s"})).await;
    assert_eq!(reply.status.as_u16(), 503);
    reply.is("ServiceUnavailable", "no space left in the data directory");
    model.fail_commits(None);
    call(&model, "DescribeStream", json!({"StreamName": "s"}))
        .await
        .refused();
}

#[tokio::test]
async fn streams_are_found_by_name_and_by_arn() {
    let model = Model::with_stream("s", 1).await;
    let describe = |body: Value| {
        let model = model.clone();
        async move { call(&model, "DescribeStreamSummary", body).await }
    };
    let elsewhere = ARN.replace("us-east-1", "eu-central-1");
    for good in [
        json!({"StreamName": "s"}),
        json!({"StreamARN": ARN}),
        json!({"StreamName": "s", "StreamARN": ARN}),
        json!({"StreamName": "s", "StreamARN": null}),
    ] {
        describe(good).await.ok();
    }
    let described = describe(json!({"StreamName": "s"})).await.ok();
    let id = &described["StreamDescriptionSummary"]["StreamId"];
    for good in [
        json!({"StreamId": id}),
        json!({"StreamId": id, "StreamName": "s", "StreamARN": ARN}),
    ] {
        describe(good).await.ok();
    }
    model.create_stream("u", 1).await;
    for other in [
        json!({"StreamId": id, "StreamName": "u"}),
        json!({"StreamId": id, "StreamARN": ARN.replace("stream/s", "stream/u")}),
    ] {
        let message = format!(
            "StreamId {} is not that of the stream u.",
            id.as_str().unwrap()
        );
        describe(other)
            .await
            .is("InvalidArgumentException", &message);
    }
    for bad in [
        json!({"StreamARN": elsewhere}),
        json!({"StreamId": "abcdefghijklmnopqrst-uvw"}),
    ] {
        let (name, _) = describe(bad).await.refused();
        assert_eq!(name, "ResourceNotFoundException");
    }
    describe(json!({})).await.is(
        "InvalidArgumentException",
        "Either StreamName or StreamARN should be provided.",
    );
    describe(json!({"StreamName": "t", "StreamARN": ARN}))
        .await
        .is(
            "InvalidArgumentException",
            &format!("StreamName t and StreamARN {ARN} are not of the same stream."),
        );
    describe(json!({"StreamARN": ARN.replace("/s", "/t")}))
        .await
        .is(
            "ResourceNotFoundException",
            "Stream t under account 123456789012 not found.",
        );
    describe(json!({"StreamARN": ARN.replace("123456789012", "111111111111")}))
        .await
        .is(
            "ResourceNotFoundException",
            "Stream s under account 111111111111 not found.",
        );
    let (name, message) = describe(json!({"StreamARN": "s"})).await.refused();
    assert_eq!(name, "ValidationException");
    assert!(
        message.contains("Member must satisfy regular expression pattern: arn:aws"),
        "{message}"
    );
}

#[tokio::test]
async fn shards_are_described_in_pages() {
    let model = Model::with_stream("s", 101).await;
    let page = |body: Value| {
        let model = model.clone();
        async move {
            let described = call(&model, "DescribeStream", body).await.ok();
            let shards = described["StreamDescription"]["Shards"].as_array().unwrap();
            let ids: Vec<_> = shards
                .iter()
                .map(|s| s["ShardId"].as_str().unwrap().to_owned())
                .collect();
            (
                ids,
                described["StreamDescription"]["HasMoreShards"]
                    .as_bool()
                    .unwrap(),
            )
        }
    };
    let (ids, more) = page(json!({"StreamName": "s"})).await;
    assert_eq!((ids.len(), more), (100, true));
    let (rest, more) = page(json!({"StreamName": "s", "ExclusiveStartShardId": ids[99]})).await;
    assert_eq!(
        (rest, more),
        (vec!["shardId-000000000100".to_owned()], false)
    );
    let (two, more) =
        page(json!({"StreamName": "s", "Limit": 2, "ExclusiveStartShardId": "0"})).await;
    assert_eq!((&two[..], more), (&ids[1..3], true));
    let (none, more) =
        page(json!({"StreamName": "s", "ExclusiveStartShardId": "shardId-100"})).await;
    assert_eq!((none.len(), more), (0, false));
    let (most, _) = page(json!({"StreamName": "s", "Limit": 10_000})).await;
    assert_eq!(most.len(), 100);
    let bad = json!({"StreamName": "s", "ExclusiveStartShardId": "shardId-x"});
    call(&model, "DescribeStream", bad).await.is(
        "ResourceNotFoundException",
        "Could not find shard shardId-x in stream s under account 123456789012.",
    );
}

#[tokio::test]
async fn streams_are_listed_in_pages_by_name_and_by_token() {
    let model = Model::new();
    for name in ["b", "a", "c"] {
        model.create_stream(name, 1).await;
    }
    let list = |body: Value| {
        let model = model.clone();
        async move { call(&model, "ListStreams", body).await.ok() }
    };
    let all = list(json!({})).await;
    assert_eq!(all["StreamNames"], json!(["a", "b", "c"]));
    assert_eq!(all["HasMoreStreams"], false);
    assert!(all.get("NextToken").is_none());
    assert_eq!(
        all["StreamSummaries"][0],
        json!({
            "StreamName": "a",
            "StreamARN": "arn:aws:kinesis:us-east-1:123456789012:stream/a",
            "StreamStatus": "ACTIVE",
            "StreamModeDetails": {"StreamMode": "PROVISIONED"},
            "StreamCreationTimestamp": 1_700_000_000.0,
        })
    );
    let first = list(json!({"Limit": 2})).await;
    assert_eq!(
        (&first["StreamNames"], &first["HasMoreStreams"]),
        (&json!(["a", "b"]), &json!(true))
    );
    let second = list(json!({"Limit": 2, "NextToken": first["NextToken"]})).await;
    assert_eq!(
        (&second["StreamNames"], &second["HasMoreStreams"]),
        (&json!(["c"]), &json!(false))
    );
    let named = list(json!({"ExclusiveStartStreamName": "aa"})).await;
    assert_eq!(named["StreamNames"], json!(["b", "c"]));

    let forged = call(&model, "ListStreams", json!({"NextToken": "AAAA"})).await;
    forged.is(
        "InvalidArgumentException",
        "The specified NextToken is not valid.",
    );
    set_clock(300_001);
    let late = call(
        &model,
        "ListStreams",
        json!({"NextToken": first["NextToken"]}),
    )
    .await;
    late.is(
        "ExpiredNextTokenException",
        "The specified NextToken has expired.",
    );
}

#[tokio::test]
async fn a_hundred_streams_are_a_page() {
    let model = Model::new();
    for i in 0..101 {
        model.create_stream(&format!("s{i:03}"), 1).await;
    }
    let listed = call(&model, "ListStreams", json!({"Limit": 10_000}))
        .await
        .ok();
    assert_eq!(listed["StreamNames"].as_array().unwrap().len(), 100);
    assert_eq!(listed["HasMoreStreams"], true);
}
