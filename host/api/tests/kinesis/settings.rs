//! Settings, tags, policies and consumers of streams, and what each refusal says.

use serde_json::{Value, json};

use super::client::{call, put};
use crate::model::{Model, set_clock};

const ARN: &str = "arn:aws:kinesis:us-east-1:123456789012:stream/s";

async fn done(model: &Model, action: &str, body: Value) -> Value {
    call(model, action, body).await.ok()
}

async fn summary(model: &Model) -> Value {
    let body = json!({"StreamName": "s"});
    done(model, "DescribeStreamSummary", body).await["StreamDescriptionSummary"].clone()
}

async fn refused(model: &Model, action: &str, body: Value, name: &str, part: &str) {
    let (found, message) = call(model, action, body.clone()).await.refused();
    assert_eq!(found, name, "{action} {body}: {message}");
    assert!(message.contains(part), "{action} {body}: {message}");
}

#[tokio::test]
async fn retention_is_changed_within_its_bounds() {
    let model = Model::with_stream("s", 1).await;
    let hours = |hours: i64| json!({"StreamName": "s", "RetentionPeriodHours": hours});
    let (up, down) = (
        "IncreaseStreamRetentionPeriod",
        "DecreaseStreamRetentionPeriod",
    );
    done(&model, up, hours(48)).await;
    assert_eq!(summary(&model).await["RetentionPeriodHours"], 48);
    done(&model, down, hours(24)).await;
    for (action, asked, part) in [
        (down, 23, "Minimum allowed retention period is 24 hours."),
        (down, -1, "is too short."),
        (up, 8761, "Maximum allowed retention period is 8760 hours."),
        (
            down,
            25,
            "can not be longer than existing retention period (24 hours)",
        ),
    ] {
        refused(
            &model,
            action,
            hours(asked),
            "InvalidArgumentException",
            part,
        )
        .await;
    }
    assert_eq!(summary(&model).await["RetentionPeriodHours"], 24);
}

#[tokio::test]
async fn a_stream_can_be_put_on_demand_and_warmed() {
    let model = Model::with_stream("s", 1).await;
    let warm = json!({"StreamARN": ARN, "WarmThroughputMiBps": 4});
    let action = "UpdateStreamWarmThroughput";
    refused(
        &model,
        action,
        warm.clone(),
        "ValidationException",
        "on-demand",
    )
    .await;
    let spread = json!({"StreamARN": ARN, "RecordDistributionStrategy": "AUTO"});
    let by_host = "UpdateStreamRecordDistributionStrategy";
    refused(
        &model,
        by_host,
        spread.clone(),
        "InvalidArgumentException",
        "RecordDistributionStrategy AUTO is a setting of on-demand streams only.",
    )
    .await;
    let mode = |mode: &str| json!({"StreamARN": ARN, "StreamModeDetails": {"StreamMode": mode}});
    done(&model, "UpdateStreamMode", mode("ON_DEMAND")).await;
    refused(
        &model,
        action,
        warm.clone(),
        "ValidationException",
        "MinimumThroughput",
    )
    .await;
    let commit = |status: &str| json!({"MinimumThroughputBillingCommitment": {"Status": status}});
    let account = done(&model, "UpdateAccountSettings", commit("ENABLED")).await;
    assert_eq!(
        account,
        done(&model, "DescribeAccountSettings", json!({})).await
    );
    let both = json!({"TargetMiBps": 4, "CurrentMiBps": 4});
    assert_eq!(done(&model, action, warm).await["WarmThroughput"], both);
    assert_eq!(summary(&model).await["WarmThroughput"], both);
    done(&model, by_host, spread).await;
    assert_eq!(summary(&model).await["RecordDistributionStrategy"], "AUTO");
    let back = mode("PROVISIONED");
    refused(
        &model,
        "UpdateStreamMode",
        back,
        "ResourceInUseException",
        "AUTO",
    )
    .await;
    let limits = done(&model, "DescribeLimits", json!({})).await;
    assert_eq!(
        (&limits["OnDemandStreamCount"], &limits["OpenShardCount"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(
        (&limits["ChannelCount"], &limits["ChannelCountLimit"]),
        (&json!(0), &json!(100))
    );
}

#[tokio::test]
async fn records_read_as_encrypted_where_they_were_put_so() {
    let model = Model::with_stream("s", 1).await;
    let key = json!({"StreamName": "s", "EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"});
    put(&model, "s", "k", "before").await;
    set_clock(1_000);
    done(&model, "StartStreamEncryption", key.clone()).await;
    put(&model, "s", "k", "under").await;
    set_clock(2_000);
    done(&model, "StopStreamEncryption", key).await;
    put(&model, "s", "k", "after").await;
    let start = json!({
        "StreamName": "s", "ShardId": "0", "ShardIteratorType": "TRIM_HORIZON",
    });
    let iterator = done(&model, "GetShardIterator", start).await;
    let page = json!({"ShardIterator": iterator["ShardIterator"]});
    let page = done(&model, "GetRecords", page).await;
    let records = page["Records"].as_array().unwrap().iter();
    let types: Vec<_> = records.map(|r| r.get("EncryptionType")).collect();
    assert_eq!(types, [None, Some(&json!("KMS")), None]);
}

#[tokio::test]
async fn encryption_and_monitoring_are_kept_and_shown() {
    let model = Model::with_stream("s", 1).await;
    let key = |key: &str| json!({"StreamName": "s", "EncryptionType": "KMS", "KeyId": key});
    done(&model, "StartStreamEncryption", key("alias/aws/kinesis")).await;
    let shown = summary(&model).await;
    assert_eq!(
        (&shown["EncryptionType"], &shown["KeyId"]),
        (&json!("KMS"), &json!("alias/aws/kinesis"))
    );
    let action = "StopStreamEncryption";
    refused(
        &model,
        action,
        key("other"),
        "InvalidArgumentException",
        "other",
    )
    .await;
    done(&model, action, key("alias/aws/kinesis")).await;
    assert_eq!(summary(&model).await["EncryptionType"], "NONE");

    let metrics = |list: Value| json!({"StreamName": "s", "ShardLevelMetrics": list});
    let on = done(
        &model,
        "EnableEnhancedMonitoring",
        metrics(json!(["IncomingBytes"])),
    )
    .await;
    assert_eq!(on["CurrentShardLevelMetrics"], json!([]));
    let all = done(&model, "EnableEnhancedMonitoring", metrics(json!(["ALL"]))).await;
    assert_eq!(all["CurrentShardLevelMetrics"], json!(["IncomingBytes"]));
    assert_eq!(all["DesiredShardLevelMetrics"].as_array().unwrap().len(), 7);
    let off = done(&model, "DisableEnhancedMonitoring", metrics(json!(["ALL"]))).await;
    assert_eq!(off["DesiredShardLevelMetrics"], json!([]));
    let bad = metrics(json!(["Other"]));
    refused(
        &model,
        "EnableEnhancedMonitoring",
        bad,
        "ValidationException",
        "enum value set",
    )
    .await;
}

#[tokio::test]
async fn tags_are_added_removed_and_listed_in_pages() {
    let model = Model::with_stream("s", 1).await;
    let tags = json!({"StreamName": "s", "Tags": {"a": "1", "b": "2", "c": ""}});
    done(&model, "AddTagsToStream", tags).await;
    let more = json!({"ResourceARN": ARN, "Tags": {"a": "9"}});
    done(&model, "TagResource", more).await;
    let first = json!({"StreamName": "s", "Limit": 2});
    let first = done(&model, "ListTagsForStream", first).await;
    assert_eq!(
        first,
        json!({"Tags": [{"Key": "a", "Value": "9"}, {"Key": "b", "Value": "2"}], "HasMoreTags": true})
    );
    let rest = json!({"StreamName": "s", "ExclusiveStartTagKey": "b"});
    let rest = done(&model, "ListTagsForStream", rest).await;
    assert_eq!(
        rest,
        json!({"Tags": [{"Key": "c", "Value": ""}], "HasMoreTags": false})
    );
    let gone = json!({"StreamARN": ARN, "TagKeys": ["a", "x"]});
    done(&model, "RemoveTagsFromStream", gone).await;
    let gone = json!({"ResourceARN": ARN, "TagKeys": ["b"]});
    done(&model, "UntagResource", gone).await;
    let left = done(&model, "ListTagsForResource", json!({"ResourceARN": ARN})).await;
    assert_eq!(left, json!({"Tags": [{"Key": "c", "Value": ""}]}));

    let add = |tags: Value| json!({"StreamName": "s", "Tags": tags});
    let action = "AddTagsToStream";
    let (invalid, argument) = ("ValidationException", "InvalidArgumentException");
    refused(&model, action, add(json!({})), invalid, "at 'tags'").await;
    refused(&model, action, add(json!({"": "x"})), invalid, "Map keys").await;
    let long = json!({"x": "y".repeat(257)});
    refused(&model, action, add(long), invalid, "Map value").await;
    refused(
        &model,
        action,
        add(json!({"x": 1})),
        "SerializationException",
        "String",
    )
    .await;
    refused(
        &model,
        action,
        add(json!({"x!": ""})),
        argument,
        "invalid characters",
    )
    .await;
    let full: serde_json::Map<_, _> = (0..50).map(|i| (format!("k{i}"), json!(""))).collect();
    let full = add(full.into());
    refused(&model, action, full, "LimitExceededException", "50 tags").await;
}

#[tokio::test]
async fn a_policy_is_kept_as_it_came() {
    let model = Model::with_stream("s", 1).await;
    let arn = json!({"ResourceARN": ARN});
    let none = done(&model, "GetResourcePolicy", arn.clone()).await;
    assert_eq!(none, json!({"Policy": "{}"}));
    let missing = "ResourceNotFoundException";
    refused(&model, "DeleteResourcePolicy", arn.clone(), missing, "").await;
    let text = r#"{"Version": "2012-10-17","Statement":[{"Effect":"Allow",
        "Principal":{"AWS":"111122223333"},"Action":"kinesis:GetRecords","Resource":"*"}]}"#;
    let put = |policy: &str| json!({"ResourceARN": ARN, "Policy": policy});
    done(&model, "PutResourcePolicy", put(text)).await;
    let held = done(&model, "GetResourcePolicy", arn.clone()).await;
    assert_eq!(held["Policy"], text);
    refused(
        &model,
        "PutResourcePolicy",
        put("{}"),
        "InvalidArgumentException",
        "not valid",
    )
    .await;
    done(&model, "DeleteResourcePolicy", arn.clone()).await;
    assert_eq!(done(&model, "GetResourcePolicy", arn).await, none);
    let other = json!({"ResourceARN": ARN.replace("/s", "/t")});
    refused(&model, "GetResourcePolicy", other, missing, "").await;
}

#[tokio::test]
async fn consumers_are_registered_and_found_by_name_and_by_arn() {
    let model = Model::with_stream("s", 1).await;
    let one = |name: &str| json!({"StreamARN": ARN, "ConsumerName": name});
    set_clock(2_500);
    let made = done(&model, "RegisterStreamConsumer", one("b")).await;
    let consumer = json!({
        "ConsumerName": "b",
        "ConsumerARN": format!("{ARN}/consumer/b:1700000002"),
        "ConsumerStatus": "ACTIVE",
        "ConsumerCreationTimestamp": 1_700_000_002.5,
    });
    assert_eq!(made, json!({"Consumer": consumer}));
    refused(
        &model,
        "RegisterStreamConsumer",
        one("b"),
        "ResourceInUseException",
        "already exists",
    )
    .await;
    done(&model, "RegisterStreamConsumer", one("a")).await;

    let arn = consumer["ConsumerARN"].clone();
    let mut described = consumer.clone();
    described["StreamARN"] = ARN.into();
    for which in [
        one("b"),
        json!({"ConsumerARN": arn}),
        json!({"ConsumerARN": arn, "StreamARN": ARN, "ConsumerName": "b"}),
    ] {
        let found = done(&model, "DescribeStreamConsumer", which).await;
        assert_eq!(found["ConsumerDescription"], described);
    }
    let (argument, missing) = ("InvalidArgumentException", "ResourceNotFoundException");
    let older = arn.as_str().unwrap().replace("0002", "0001");
    for (which, name) in [
        (json!({}), argument),
        (json!({"ConsumerName": "b"}), argument),
        (json!({"ConsumerARN": arn, "ConsumerName": "a"}), argument),
        (one("c"), missing),
        (json!({"ConsumerARN": older}), missing),
    ] {
        refused(&model, "DescribeStreamConsumer", which, name, "").await;
    }

    let list = |body: Value| done(&model, "ListStreamConsumers", body);
    let first = list(json!({"StreamARN": ARN, "MaxResults": 1})).await;
    assert_eq!(first["Consumers"][0]["ConsumerName"], "a");
    let token = &first["NextToken"];
    let rest = list(json!({"StreamARN": ARN, "NextToken": token})).await;
    assert_eq!(rest, json!({"Consumers": [consumer]}));

    let tags = json!({"ResourceARN": arn, "Tags": {"k": "v"}});
    done(&model, "TagResource", tags).await;
    let tags = done(&model, "ListTagsForResource", json!({"ResourceARN": arn})).await;
    assert_eq!(tags["Tags"], json!([{"Key": "k", "Value": "v"}]));

    assert_eq!(summary(&model).await["ConsumerCount"], 2);
    let in_use = "ResourceInUseException";
    refused(
        &model,
        "DeleteStream",
        json!({"StreamName": "s"}),
        in_use,
        "consumers",
    )
    .await;
    let which = json!({"ConsumerARN": arn});
    done(&model, "DeregisterStreamConsumer", which).await;
    assert_eq!(summary(&model).await["ConsumerCount"], 1);
    let all = json!({"StreamName": "s", "EnforceConsumerDeletion": true});
    done(&model, "DeleteStream", all).await;
}

#[tokio::test]
async fn streams_of_two_regions_are_two_streams() {
    let model = Model::with_stream("s", 1).await;
    let there = "eu-west-1";
    let create = json!({"StreamName": "s", "ShardCount": 2});
    super::client::call_in(&model, there, "CreateStream", create)
        .await
        .ok();
    let describe = |region: &'static str| {
        let model = model.clone();
        async move {
            let body = json!({"StreamName": "s"});
            let reply = super::client::call_in(&model, region, "DescribeStreamSummary", body);
            reply.await.ok()["StreamDescriptionSummary"].clone()
        }
    };
    let (here, far) = (describe("us-east-1").await, describe(there).await);
    assert_eq!(
        (&here["OpenShardCount"], &far["OpenShardCount"]),
        (&json!(1), &json!(2))
    );
    assert_eq!(far["StreamARN"], ARN.replace("us-east-1", there));
    assert_eq!(far["StreamName"], "s");
    let listed = super::client::call_in(&model, there, "ListStreams", json!({}))
        .await
        .ok();
    assert_eq!(listed["StreamNames"], json!(["s"]));
}
