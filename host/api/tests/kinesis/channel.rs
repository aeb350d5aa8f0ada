//! The five actions of channels. What they deliver is tested where it is delivered.

use std::sync::Arc;

use millstream_api::app::App;
use millstream_core::port::Channels;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::client::{Reply, call, put, request};
use crate::model::{Model, set_clock};

const ROLE: &str = "arn:aws:iam::123456789012:role/delivery";
const CLICKS: &str = "arn:aws:kinesis:us-east-1:123456789012:stream/clicks";

/// With the on-demand stream `clicks`.
async fn model() -> Model {
    let model = Model::new();
    let body = json!({"StreamName": "clicks", "StreamModeDetails": {"StreamMode": "ON_DEMAND"}});
    call(&model, "CreateStream", body).await.ok();
    model
}

fn storage() -> Value {
    json!({
        "BucketARN": "arn:aws:s3:::records",
        "ExpectedBucketOwner": "123456789012",
        "CompressionType": "GZIP",
    })
}

fn wanted(name: &str) -> Value {
    json!({
        "ChannelName": name,
        "ServiceExecutionRoleARN": ROLE,
        "StreamConfigurationList": [
            {"StreamARN": CLICKS, "RecordConfiguration": {"RecordFormatType": "JSON"}},
        ],
        "S3DestinationConfiguration": {"StorageConfiguration": storage()},
    })
}

async fn create(model: &Model, name: &str) -> Value {
    let made = call(model, "CreateChannel", wanted(name)).await.ok();
    made["ChannelDescription"].clone()
}

#[tokio::test]
async fn a_channel_is_shown_as_it_was_made() {
    let model = model().await;
    let made = create(&model, "archive").await;
    let id = made["ChannelId"].as_str().unwrap();
    let arn = format!("arn:aws:kinesis:us-east-1:123456789012:channel/{id}");
    let expected = json!({
        "ChannelName": "archive",
        "ChannelARN": arn,
        "ChannelId": id,
        "ChannelStatus": "ACTIVE",
        "ChannelCreationTimestamp": 1_700_000_000.0,
        "ServiceExecutionRoleARN": ROLE,
        "StreamConfigurationList": [{
            "StreamARN": CLICKS,
            "StreamCreationTimestamp": 1_700_000_000.0,
            "RecordConfiguration": {"RecordFormatType": "JSON"},
        }],
        "S3DestinationConfiguration": {
            "DataFreshnessInSeconds": 300,
            "DeadLetterQueueS3Configuration": {
                "BucketARN": "arn:aws:s3:::records",
                "ExpectedBucketOwner": "123456789012",
                "ErrorOutputPrefix": format!("kinesis-channel/errors/archive/{id}/"),
            },
            "StorageConfiguration": {
                "BucketARN": "arn:aws:s3:::records",
                "ExpectedBucketOwner": "123456789012",
                "OutputKeyTemplate": concat!(
                    "kinesis-channel/!{channel-name}/!{channel-id}/!{yyyy}/!{MM}/!{dd}/!{HH}/",
                    "!{channel-name}-!{channel-id}-!{yyyy}-!{MM}-!{dd}-!{HH}-!{mm}!{extension}",
                ),
                "StorageClass": "STANDARD",
                "CompressionType": "GZIP",
            },
        },
        "LoggingConfiguration": {"CloudWatchLogs": {
            "Enabled": false,
            "LogGroupName": format!("/aws/kinesis/archive/{id}"),
            "LogStreamName": "DestinationDelivery",
        }},
    });
    assert_eq!(made, expected);
    let shown = call(&model, "DescribeChannel", json!({"ChannelARN": arn})).await;
    assert_eq!(shown.ok()["ChannelDescription"], expected);
    let summary = json!({"StreamName": "clicks"});
    let summary = call(&model, "DescribeStreamSummary", summary).await.ok();
    assert_eq!(summary["StreamDescriptionSummary"]["ChannelCount"], 1);
}

#[tokio::test]
async fn everything_that_can_be_said_is_kept() {
    let model = model().await;
    let mut wanted = wanted("archive");
    wanted["EncryptionConfiguration"] = json!({"EncryptionType": "KMS", "KeyId": "alias/mine"});
    wanted["Tags"] = json!({"team": "a"});
    wanted["LoggingConfiguration"] = json!({"CloudWatchLogs": {"Enabled": true}});
    wanted["S3DestinationConfiguration"] = json!({
        "DataFreshnessInSeconds": 600,
        "DeadLetterQueueS3Configuration": {
            "BucketARN": "arn:aws:s3:::errors",
            "ExpectedBucketOwner": "210987654321",
            "ErrorOutputPrefix": "bad/",
        },
        "StorageConfiguration": {
            "BucketARN": "arn:aws:s3:::records",
            "ExpectedBucketOwner": "123456789012",
            "OutputKeyTemplate": "!{stream-name}/!{yy}!{extension:.jsonl}",
            "StorageClass": "GLACIER_IR",
            "CompressionType": "NONE",
        },
    });
    let made = call(&model, "CreateChannel", wanted.clone()).await.ok();
    let made = &made["ChannelDescription"];
    for member in ["EncryptionConfiguration", "S3DestinationConfiguration"] {
        assert_eq!(made[member], wanted[member]);
    }
    let logs = &made["LoggingConfiguration"]["CloudWatchLogs"];
    assert_eq!(logs["Enabled"], true);
    let catalog = millstream_core::port::Control::catalog(&model);
    assert_eq!(catalog.channel("archive").unwrap().tags["team"], "a");
}

#[tokio::test]
async fn a_channel_begins_after_what_was_put_before() {
    let model = model().await;
    put(&model, "clicks", "k", "1").await;
    create(&model, "archive").await;
    let catalog = millstream_core::port::Control::catalog(&model);
    let channel = catalog.channel("archive").unwrap();
    let stream = catalog.stream("clicks").unwrap();
    let log: &dyn millstream_core::port::Log = &model;
    for shard in &stream.shards {
        assert_eq!(channel.starts[&shard.number], log.span(shard.number).next);
    }
}

/// A member of a wish, another value for it, and the refusal that follows.
type Case = (&'static str, Value, &'static str, &'static str);

async fn refuse(model: &Model, cases: impl IntoIterator<Item = Case>) {
    for (path, value, name, message) in cases {
        let mut body = wanted("other");
        let (parent, member) = path.rsplit_once('/').unwrap();
        body.pointer_mut(parent).unwrap()[member] = value;
        call(model, "CreateChannel", body).await.is(name, message);
    }
}

const ARGUMENT: &str = "InvalidArgumentException";

#[tokio::test]
async fn a_source_that_cannot_be_is_refused() {
    let model = model().await;
    create(&model, "archive").await;
    let source = wanted("other")["StreamConfigurationList"][0].clone();
    refuse(
        &model,
        [
            (
                "/StreamConfigurationList/0/RecordConfiguration/RecordFormatType",
                json!("GSR_JSON"),
                ARGUMENT,
                "RecordFormatType GSR_JSON is supported for streaming table destinations only.",
            ),
            (
                "/StreamConfigurationList/0/StreamARN",
                json!("arn:aws:kinesis:us-east-1:123456789012:stream/none"),
                "ResourceNotFoundException",
                "Stream none under account 123456789012 not found.",
            ),
            (
                "/StreamConfigurationList",
                json!([source, source]),
                ARGUMENT,
                "StreamConfigurationList must contain exactly one stream.",
            ),
            (
                "/ChannelName",
                json!("archive"),
                "ResourceInUseException",
                "Channel archive under account 123456789012 already exists.",
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_destination_that_cannot_be_is_refused() {
    const ONE: &str = "Exactly one of S3DestinationConfiguration and \
         S3TablesDestinationConfiguration must be specified.";
    let model = model().await;
    refuse(
        &model,
        [
            (
                "/S3DestinationConfiguration/DataFreshnessInSeconds",
                json!(60),
                ARGUMENT,
                "DataFreshnessInSeconds is 60; allowed are 300 to 900.",
            ),
            (
                "/S3DestinationConfiguration/StorageConfiguration/OutputKeyTemplate",
                json!("records/all"),
                ARGUMENT,
                "OutputKeyTemplate is not valid: it must contain at least one variable.",
            ),
            ("/S3TablesDestinationConfiguration", tables(), ARGUMENT, ONE),
            ("/S3DestinationConfiguration", Value::Null, ARGUMENT, ONE),
            (
                "/S3DestinationConfiguration/StorageConfiguration/BucketARN",
                json!("records"),
                "ValidationException",
                "1 validation error detected: Value 'records' at \
             's3DestinationConfiguration.storageConfiguration.bucketARN' failed to satisfy \
             constraint: Member must satisfy regular expression pattern: \
             arn:aws[-a-z0-9]*:s3:::[a-z0-9._-]{3,63}",
            ),
        ],
    )
    .await;
}

fn tables() -> Value {
    json!({
        "DeadLetterQueueS3Configuration": {
            "BucketARN": "arn:aws:s3:::errors",
            "ExpectedBucketOwner": "123456789012",
        },
        "S3TablesConfigurationList": [{
            "TableBucketARN": "arn:aws:s3tables:us-east-1:123456789012:bucket/tables",
            "Namespace": "a",
            "TableName": "b",
            "CompressionType": "ZSTD",
        }],
    })
}

#[tokio::test]
async fn streaming_tables_and_provisioned_streams_are_told_apart() {
    let model = model().await;
    let mut body = wanted("tables");
    body["S3TablesDestinationConfiguration"] = tables();
    body.as_object_mut()
        .unwrap()
        .remove("S3DestinationConfiguration");
    let (name, message) = call(&model, "CreateChannel", body).await.refused();
    assert_eq!(name, "InvalidArgumentException");
    assert!(message.contains("not supported by this host"), "{message}");
    model.create_stream("orders", 1).await;
    let mut body = wanted("orders");
    let arn = CLICKS.replace("clicks", "orders");
    body["StreamConfigurationList"][0]["StreamARN"] = arn.into();
    call(&model, "CreateChannel", body).await.is(
        "InvalidArgumentException",
        "Stream orders under account 123456789012 is not in the on-demand capacity mode, \
         which channels need.",
    );
}

#[tokio::test]
async fn freshness_and_logging_can_be_changed() {
    let model = model().await;
    let arn = create(&model, "archive").await["ChannelARN"].clone();
    let body = json!({
        "ChannelARN": arn,
        "S3DestinationConfiguration": {"DataFreshnessInSeconds": 900},
        "LoggingConfiguration": {"CloudWatchLogs": {"Enabled": true, "LogGroupName": "mine"}},
    });
    let updated = call(&model, "UpdateChannel", body).await.ok();
    let updated = &updated["ChannelDescription"];
    let s3 = &updated["S3DestinationConfiguration"];
    assert_eq!(s3["DataFreshnessInSeconds"], 900);
    let logs = &updated["LoggingConfiguration"]["CloudWatchLogs"];
    assert_eq!(
        (&logs["Enabled"], &logs["LogGroupName"]),
        (&json!(true), &json!("mine"))
    );
    assert_eq!(logs["LogStreamName"], "DestinationDelivery");
    let nothing = call(&model, "UpdateChannel", json!({"ChannelARN": arn})).await;
    assert_eq!(nothing.refused().0, "InvalidArgumentException");
    let short = json!({
        "ChannelARN": arn,
        "S3DestinationConfiguration": {"DataFreshnessInSeconds": 299},
    });
    let short = call(&model, "UpdateChannel", short).await;
    assert_eq!(short.refused().0, "InvalidArgumentException");
}

#[tokio::test]
async fn a_stream_cannot_go_before_its_channels() {
    let model = model().await;
    let arn = create(&model, "archive").await["ChannelARN"].clone();
    let stream = json!({"StreamName": "clicks"});
    let refused = call(&model, "DeleteStream", stream.clone()).await.refused();
    assert_eq!(refused.0, "ResourceInUseException");
    let body = json!({"ChannelARN": arn});
    call(&model, "DeleteChannel", body.clone()).await.ok();
    let gone = call(&model, "DescribeChannel", body).await.refused();
    assert_eq!(gone.0, "ResourceNotFoundException");
    call(&model, "DeleteStream", stream).await.ok();
}

#[tokio::test]
async fn channels_are_listed_by_stream_and_in_pages() {
    let model = model().await;
    for name in ["c", "a", "b"] {
        create(&model, name).await;
    }
    let names = |listed: &Value| -> Vec<String> {
        let all = listed["ChannelSummaries"].as_array().unwrap().iter();
        all.map(|summary| summary["ChannelName"].as_str().unwrap().to_owned())
            .collect()
    };
    let listed = call(&model, "ListChannels", json!({"MaxResults": 2}))
        .await
        .ok();
    assert_eq!(names(&listed), ["a", "b"]);
    let first = &listed["ChannelSummaries"][0];
    assert_eq!(first["ChannelDestinationType"], "S3");
    assert_eq!(first["Streams"][0]["StreamARN"], CLICKS);
    let token = listed["NextToken"].clone();
    let rest = call(&model, "ListChannels", json!({"NextToken": token}))
        .await
        .ok();
    assert_eq!(names(&rest), ["c"]);
    assert!(rest.get("NextToken").is_none());
    let of = |filter: Value| json!({"StreamFilter": [filter]});
    for (filter, count) in [
        (json!({"StreamARN": CLICKS}), 3),
        (
            json!({"StreamARN": CLICKS, "StreamCreationTimestamp": 1_700_000_000}),
            3,
        ),
        (
            json!({"StreamARN": CLICKS, "StreamCreationTimestamp": 1}),
            0,
        ),
        (json!({"StreamARN": CLICKS.replace("clicks", "none")}), 0),
    ] {
        let listed = call(&model, "ListChannels", of(filter)).await.ok();
        assert_eq!(names(&listed).len(), count);
    }
    set_clock(600_000);
    let late = call(&model, "ListChannels", json!({"NextToken": token})).await;
    assert_eq!(late.refused().0, "ExpiredNextTokenException");
}

#[derive(Debug)]
struct Stuck;

impl Channels for Stuck {
    fn failure(&self, _channel: u64) -> Option<String> {
        Some("bucket `records` cannot be used".to_owned())
    }
}

#[tokio::test]
async fn a_channel_that_cannot_deliver_shows_as_failed() {
    let model = model().await;
    let arn = create(&model, "archive").await["ChannelARN"].clone();
    let router = millstream_api::server::router(App {
        channels: Arc::new(Stuck),
        ..model.app()
    });
    let body = json!({"ChannelARN": arn}).to_string();
    let response = router
        .oneshot(request("DescribeChannel", body))
        .await
        .unwrap();
    let reply = Reply::of(response).await;
    let shown = &reply.ok()["ChannelDescription"];
    assert_eq!(shown["ChannelStatus"], "FAILED");
    assert_eq!(
        shown["ChannelStatusReason"],
        "bucket `records` cannot be used"
    );
}
