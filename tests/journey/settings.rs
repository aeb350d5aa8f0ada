//! What was set about streams, consumers, queues and channels: the same after a crash, and in a backup.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use support::{Api, Host, host, process};

use crate::cli::Cli;

const ACCOUNT: &str = "123456789012";
const SPLIT_AT: u128 = 1 << 126;

#[test]
fn all_that_was_set_outlives_a_crash_and_is_in_a_backup() -> Result<()> {
    let home = host::folder()?;
    let (data, copy) = (home.path().join("data"), home.path().join("copy"));
    let buckets = home.path().join("buckets");
    let buckets = buckets.to_str().context("the path is text")?;
    let arguments = ["--state-change-delay", "0", "--channel-directory", buckets];
    let original = Host::start_on(&data, &arguments)?;
    set(&original.api)?;
    let receipt = receive(&original.api)?.context("a record is there to be received")?;
    let before = described(&original.api)?;
    original.kill()?;

    let again = Host::start_on(&data, &arguments)?;
    same("after a crash", &before, &described(&again.api)?)?;
    let to = copy.to_str().context("the path is text")?;
    Cli::of(&again).json(&["backup", "--to", to])?;
    let checked = process::millstream(&["check", "--data", to])?;
    ensure!(
        checked.status.success(),
        "the copy is not sound: {checked:?}"
    );

    let restored = Host::start_on(&copy, &arguments)?;
    same("in a backup", &before, &described(&restored.api)?)?;
    // What a worker holds is nobody else's, in both, and its receipt is good in both.
    for host in [&again, &restored] {
        ensure!(receive(&host.api)?.is_none(), "it was delivered twice");
        acknowledge(&host.api, &receipt)?;
    }
    Ok(())
}

/// One of everything that can be set.
fn set(api: &Api) -> Result<()> {
    let call = |action: &str, body: Value| -> Result<Value> {
        let answer = api.kinesis(action, &body)?.ok();
        answer.with_context(|| action.to_owned())
    };
    let tags = json!({ "team": "shop" });
    let stream = json!({ "StreamName": "set", "ShardCount": 2, "Tags": tags });
    call("CreateStream", stream)?;
    let hours = json!({ "StreamName": "set", "RetentionPeriodHours": 48 });
    call("IncreaseStreamRetentionPeriod", hours)?;
    let key = json!({ "StreamName": "set", "EncryptionType": "KMS", "KeyId": "alias/aws/kinesis" });
    call("StartStreamEncryption", key)?;
    let metrics = json!({ "StreamName": "set", "ShardLevelMetrics": ["IncomingBytes"] });
    call("EnableEnhancedMonitoring", metrics)?;
    let size = json!({ "StreamARN": arn("stream/set"), "MaxRecordSizeInKiB": 2048 });
    call("UpdateMaxRecordSize", size)?;
    let consumer = json!({ "StreamARN": arn("stream/set"), "ConsumerName": "reader" });
    call("RegisterStreamConsumer", consumer)?;
    let split = json!({
        "StreamName": "set", "ShardToSplit": "shardId-000000000000",
        "NewStartingHashKey": SPLIT_AT.to_string(),
    });
    call("SplitShard", split)?;
    let statement = json!({
        "Effect": "Allow", "Principal": { "AWS": format!("arn:aws:iam::{ACCOUNT}:root") },
        "Action": "kinesis:GetRecords", "Resource": arn("stream/set"),
    });
    let policy = json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string();
    let policy = json!({ "ResourceARN": arn("stream/set"), "Policy": policy });
    call("PutResourcePolicy", policy)?;

    let mode = json!({ "StreamMode": "ON_DEMAND" });
    let stream = json!({ "StreamName": "work", "StreamModeDetails": mode });
    call("CreateStream", stream)?;
    let start = json!({
        "StreamARN": arn("stream/work"), "StartingPosition": { "Type": "TRIM_HORIZON" },
    });
    let attributes = json!({ "VisibilityTimeoutSeconds": 3600 });
    let queue = json!({
        "QueueName": "work", "StreamConfigurationList": [start], "QueueAttributes": attributes,
    });
    call("CreateQueue", queue)?;
    let source = json!({
        "StreamARN": arn("stream/work"), "RecordConfiguration": { "RecordFormatType": "STRING" },
    });
    let storage = json!({
        "BucketARN": "arn:aws:s3:::records", "ExpectedBucketOwner": ACCOUNT,
        "OutputKeyTemplate": "all/!{stream-name}", "CompressionType": "NONE",
    });
    let channel = json!({
        "ChannelName": "archive",
        "ServiceExecutionRoleARN": format!("arn:aws:iam::{ACCOUNT}:role/delivery"),
        "StreamConfigurationList": [source],
        "S3DestinationConfiguration": { "StorageConfiguration": storage },
    });
    call("CreateChannel", channel)?;
    call(
        "PutRecord",
        json!({ "StreamName": "work", "PartitionKey": "k", "Data": "eA==" }),
    )?;
    Ok(())
}

/// Everything that can be asked about it.
fn described(api: &Api) -> Result<Vec<(&'static str, Value)>> {
    let mut all = Vec::new();
    for (action, body) in [
        ("DescribeStream", json!({ "StreamName": "set" })),
        ("DescribeStreamSummary", json!({ "StreamName": "set" })),
        ("DescribeStreamSummary", json!({ "StreamName": "work" })),
        ("ListTagsForStream", json!({ "StreamName": "set" })),
        (
            "ListStreamConsumers",
            json!({ "StreamARN": arn("stream/set") }),
        ),
        (
            "GetResourcePolicy",
            json!({ "ResourceARN": arn("stream/set") }),
        ),
        ("ListShards", json!({ "StreamName": "set" })),
        ("ListQueues", json!({})),
        ("ListChannels", json!({})),
        ("DescribeAccountSettings", json!({})),
    ] {
        let answer = api.kinesis(action, &body)?.ok();
        all.push((action, answer.with_context(|| action.to_owned())?));
    }
    Ok(all)
}

fn same(when: &str, before: &[(&'static str, Value)], now: &[(&'static str, Value)]) -> Result<()> {
    for ((action, was), (_, is)) in before.iter().zip(now) {
        ensure!(was == is, "{action} {when}: {is}, and it was {was}");
    }
    Ok(())
}

/// The receipt of the one record; none where it is somebody's.
fn receive(api: &Api) -> Result<Option<Value>> {
    let queues = api.kinesis("ListQueues", &json!({}))?.ok()?;
    let queue = &queues["QueueSummaries"][0]["QueueARN"];
    let body = json!({ "QueueARN": queue, "WaitTimeSeconds": 1 });
    let received = api.kinesis("ReceiveQueueRecords", &body)?.ok()?;
    let receipt = &received["QueueRecords"][0]["ReceiptHandle"];
    Ok(receipt.is_string().then(|| receipt.clone()))
}

fn acknowledge(api: &Api, receipt: &Value) -> Result<()> {
    let queues = api.kinesis("ListQueues", &json!({}))?.ok()?;
    let queue = &queues["QueueSummaries"][0]["QueueARN"];
    let entries = json!([{ "ReceiptHandle": receipt }]);
    let body = json!({ "QueueARN": queue, "Entries": entries });
    let answer = api.kinesis("AcknowledgeQueueRecords", &body)?.ok()?;
    ensure!(answer["Failed"] == json!([]), "{answer}");
    Ok(())
}

fn arn(resource: &str) -> String {
    format!("arn:aws:kinesis:us-east-1:{ACCOUNT}:{resource}")
}
