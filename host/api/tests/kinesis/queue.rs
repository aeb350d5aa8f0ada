//! Queues: their life, what they deliver to whom, what receipts are good for.
//!
//! Time stands still but for who waits in vain, and for the clock that tests set.

use millstream_core::port::CommitError;
use serde_json::{Value, json};

use super::client::{Reply, base64, call, put};
use crate::model::{Model, START, set_clock};

const ACCOUNT: &str = "arn:aws:kinesis:us-east-1:123456789012";

async fn stream(model: &Model, name: &str) -> String {
    let mode = json!({"StreamMode": "ON_DEMAND"});
    let body = json!({"StreamName": name, "ShardCount": 2, "StreamModeDetails": mode});
    call(model, "CreateStream", body).await.ok();
    format!("{ACCOUNT}:stream/{name}")
}

/// Creates a queue on `stream`, from its beginning, with what `more` says; gives its ARN.
async fn queue(model: &Model, name: &str, stream: &str, more: Value) -> String {
    let from = json!({"StreamARN": stream, "StartingPosition": {"Type": "TRIM_HORIZON"}});
    let body = json!({
        "QueueName": name, "StreamConfigurationList": [from], "QueueAttributes": more,
    });
    let created = call(model, "CreateQueue", body).await.ok();
    created["QueueDescription"]["QueueARN"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// A stream with records of those data, and a queue on it.
async fn filled(data: &[&str], attributes: Value) -> (Model, String) {
    let model = Model::new();
    let stream = stream(&model, "s").await;
    for (i, data) in data.iter().enumerate() {
        put(&model, "s", &format!("k{i}"), data).await;
    }
    let queue = queue(&model, "q", &stream, attributes).await;
    (model, queue)
}

async fn receive(model: &Model, queue: &str) -> Vec<Value> {
    let body = json!({"QueueARN": queue, "WaitTimeSeconds": 1});
    let received = call(model, "ReceiveQueueRecords", body).await.ok();
    received["QueueRecords"].as_array().unwrap().clone()
}

async fn receive_dead(model: &Model, queue: &str) -> Vec<Value> {
    let body = json!({"QueueARN": queue, "WaitTimeSeconds": 1});
    let received = call(model, "ReceiveDeadLetterQueueRecords", body)
        .await
        .ok();
    received["QueueRecords"].as_array().unwrap().clone()
}

/// All that is there, by several calls.
async fn drain(model: &Model, queue: &str) -> Vec<Value> {
    let mut all = Vec::new();
    loop {
        let some = receive(model, queue).await;
        if some.is_empty() {
            return all;
        }
        all.extend(some);
    }
}

fn data(records: &[Value]) -> Vec<String> {
    let text = |record: &Value| {
        let bytes = base64_simd::STANDARD.decode_to_vec(record["Data"].as_str().unwrap());
        String::from_utf8(bytes.unwrap()).unwrap()
    };
    let mut data: Vec<_> = records.iter().map(text).collect();
    data.sort();
    data
}

/// Asks `action` of one receipt; gives none, or the error's code.
async fn settle(model: &Model, action: &str, queue: &str, receipt: &Value) -> Option<String> {
    let entry = match action.ends_with("Visibility") {
        true => json!({"ReceiptHandle": receipt, "VisibilityTimeoutSeconds": 0}),
        false => json!({"ReceiptHandle": receipt}),
    };
    let body = json!({"QueueARN": queue, "Entries": [entry]});
    let answer = call(model, action, body).await.ok();
    let (done, failed) = (&answer["Successful"], &answer["Failed"]);
    if let Some(failed) = failed.get(0) {
        assert_eq!(failed["ReceiptHandle"], *receipt);
        assert_eq!(*done, json!([]));
        return Some(failed["ErrorCode"].as_str().unwrap().to_owned());
    }
    assert_eq!(*done, json!([{"ReceiptHandle": receipt}]));
    None
}

const ACKNOWLEDGE: &str = "AcknowledgeQueueRecords";
const INVALID: Option<&str> = Some("InvalidArgumentException");
const GONE: Option<&str> = Some("ResourceNotFoundException");

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one life of one queue")]
async fn a_queue_is_described_listed_changed_and_deleted() {
    let model = Model::new();
    let stream = stream(&model, "s").await;
    let arn = queue(&model, "q", &stream, json!({})).await;
    let other = queue(&model, "other", &stream, json!({})).await;
    assert!(!arn.ends_with("/q"), "{arn}");
    let described = call(&model, "DescribeQueue", json!({"QueueARN": arn}))
        .await
        .ok();
    let description = json!({
        "QueueName": "q", "QueueARN": arn, "QueueStatus": "ACTIVE",
        "QueueCreationTimestamp": 1_700_000_000.0,
        "StreamConfigurationList": [{
            "StreamARN": stream,
            "StartingPosition": {"Type": "TRIM_HORIZON", "Timestamp": 1_700_000_000.0},
        }],
        "QueueAttributes": {
            "VisibilityTimeoutSeconds": 30,
            "DeadLetterConfiguration": {"TargetType": "BUILT_IN", "MaxReceiveCount": 6},
        },
    });
    assert_eq!(described, json!({"QueueDescription": description}));
    let attributes = json!({"DeadLetterConfiguration": {"TargetType": "NONE"}});
    let body = json!({"QueueARN": arn, "QueueAttributes": attributes});
    let updated = call(&model, "UpdateQueue", body).await.ok();
    let expected = json!({
        "VisibilityTimeoutSeconds": 30, "DeadLetterConfiguration": {"TargetType": "NONE"},
    });
    assert_eq!(updated["QueueDescription"]["QueueAttributes"], expected);

    let page = call(&model, "ListQueues", json!({"MaxResults": 1}))
        .await
        .ok();
    assert_eq!(page["QueueSummaries"][0]["QueueARN"], other);
    let body = json!({"MaxResults": 1, "NextToken": page["NextToken"]});
    let page = call(&model, "ListQueues", body).await.ok();
    let streams = json!([{"StreamARN": stream, "StreamCreationTimestamp": 1_700_000_000.0}]);
    assert_eq!(page["QueueSummaries"][0]["Streams"], streams);
    assert_eq!(page.get("NextToken"), None);
    let none = json!({"StreamFilter": [{"StreamARN": format!("{ACCOUNT}:stream/x")}]});
    let page = call(&model, "ListQueues", none).await.ok();
    assert_eq!(page, json!({"QueueSummaries": []}));
    let (stale, token) = (
        json!({"NextToken": "x"}),
        call(&model, "ListQueues", json!({"MaxResults": 1}))
            .await
            .ok(),
    );
    call(&model, "ListQueues", stale).await.is(
        "InvalidArgumentException",
        "The specified NextToken is not valid.",
    );
    set_clock(300_001);
    let late = call(
        &model,
        "ListQueues",
        json!({"NextToken": token["NextToken"]}),
    )
    .await;
    assert_eq!(late.refused().0, "ExpiredNextTokenException");

    let in_use = call(&model, "DeleteStream", json!({"StreamName": "s"})).await;
    assert_eq!(in_use.refused().0, "ResourceInUseException");
    call(&model, "DeleteQueue", json!({"QueueARN": arn}))
        .await
        .ok();
    let gone = format!(
        "Queue {} under account 123456789012 not found.",
        &arn[arn.len() - 32..]
    );
    for action in ["DescribeQueue", "DeleteQueue", "ReceiveQueueRecords"] {
        let reply = call(&model, action, json!({"QueueARN": arn})).await;
        reply.is("ResourceNotFoundException", &gone);
    }
}

#[tokio::test]
async fn a_queue_has_tags_and_a_policy() {
    let (model, queue) = filled(&[], json!({})).await;
    let body = json!({"ResourceARN": queue, "Tags": {"team": "red"}});
    call(&model, "TagResource", body).await.ok();
    let resource = json!({"ResourceARN": queue});
    let tags = call(&model, "ListTagsForResource", resource.clone())
        .await
        .ok();
    assert_eq!(tags["Tags"], json!([{"Key": "team", "Value": "red"}]));
    let none = call(&model, "GetResourcePolicy", resource).await.ok();
    assert_eq!(none, json!({"Policy": "{}"}));
}

#[tokio::test]
async fn what_kinesis_refuses_is_refused() {
    let model = Model::with_stream("provisioned", 1).await;
    let stream = stream(&model, "s").await;
    let create = async |streams: Value, attributes: Value| -> Reply {
        let body = json!({
            "QueueName": "q", "StreamConfigurationList": streams, "QueueAttributes": attributes,
        });
        call(&model, "CreateQueue", body).await
    };
    let at = |position: Value| json!([{"StreamARN": stream, "StartingPosition": position}]);
    let dead = |configuration: Value| json!({"DeadLetterConfiguration": configuration});
    let latest = at(json!({"Type": "LATEST"}));
    let provisioned = format!("{ACCOUNT}:stream/provisioned");
    for (streams, attributes) in [
        (at(json!({"Type": "AT_TIMESTAMP"})), json!({})),
        (at(json!({"Type": "LATEST", "Timestamp": 1})), json!({})),
        (at(json!({"Type": "NOWHERE"})), json!({})),
        (latest.clone(), dead(json!({"TargetType": "BUILT_IN"}))),
        (
            latest.clone(),
            dead(json!({"TargetType": "NONE", "MaxReceiveCount": 3})),
        ),
        (latest.clone(), json!({"VisibilityTimeoutSeconds": 43_201})),
        (json!([{"StreamARN": provisioned}]), json!({})),
        (
            json!([{"StreamARN": stream}, {"StreamARN": stream}]),
            json!({}),
        ),
        (json!([]), json!({})),
    ] {
        let refused = create(streams.clone(), attributes.clone()).await.refused();
        assert_eq!(refused.0, "ValidationException", "{streams} {attributes}");
    }
    let missing = json!([{"StreamARN": format!("{ACCOUNT}:stream/x")}]);
    let refused = create(missing, json!({})).await.refused();
    assert_eq!(refused.0, "ResourceNotFoundException");
    create(latest.clone(), json!({})).await.ok();
    let taken = create(latest, json!({})).await;
    taken.is(
        "ResourceInUseException",
        "Queue q under account 123456789012 already exists.",
    );
}

#[tokio::test(start_paused = true)]
async fn an_acknowledged_record_is_not_delivered_again() {
    let (model, queue) = filled(&["a", "b", "c"], json!({})).await;
    let records = drain(&model, &queue).await;
    assert_eq!(data(&records), ["a", "b", "c"]);
    let a = records
        .iter()
        .find(|record| record["Data"] == base64("a"))
        .unwrap();
    assert_eq!(a["PartitionKey"], "k0");
    assert_eq!(a["ReceiveCount"], 1);
    assert_eq!(a["FirstReceiveTimestamp"], 1_700_000_000.0);
    assert_eq!(
        settle(&model, ACKNOWLEDGE, &queue, &a["ReceiptHandle"]).await,
        None
    );
    let again = settle(&model, ACKNOWLEDGE, &queue, &a["ReceiptHandle"]).await;
    assert_eq!(again.as_deref(), GONE);
    set_clock(29_999);
    assert_eq!(drain(&model, &queue).await, Vec::<Value>::new());
    set_clock(30_000);
    let records = drain(&model, &queue).await;
    assert_eq!(data(&records), ["b", "c"]);
    assert_eq!(records[0]["ReceiveCount"], 2);
    assert_eq!(records[0]["FirstReceiveTimestamp"], 1_700_000_000.0);
}

#[tokio::test(start_paused = true)]
async fn queues_of_a_stream_know_nothing_of_each_other() {
    let (model, one) = filled(&["a"], json!({})).await;
    let two = queue(&model, "two", &format!("{ACCOUNT}:stream/s"), json!({})).await;
    let of = [receive(&model, &one).await, receive(&model, &two).await];
    assert_eq!(of[0][0]["RecordId"], of[1][0]["RecordId"]);
    let receipt = &of[0][0]["ReceiptHandle"];
    let foreign = settle(&model, ACKNOWLEDGE, &two, receipt).await;
    assert_eq!(foreign.as_deref(), INVALID);
}

#[tokio::test(start_paused = true)]
async fn only_the_newest_receipt_is_good() {
    let (model, queue) = filled(&["a"], json!({})).await;
    let first = receive(&model, &queue).await[0]["ReceiptHandle"].clone();
    let show = "UpdateQueueRecordsVisibility";
    assert_eq!(settle(&model, show, &queue, &first).await, None);
    let second = receive(&model, &queue).await[0]["ReceiptHandle"].clone();
    for action in [ACKNOWLEDGE, show] {
        assert_eq!(
            settle(&model, action, &queue, &first).await.as_deref(),
            INVALID
        );
    }
    let forged = json!("AAAA");
    assert_eq!(
        settle(&model, ACKNOWLEDGE, &queue, &forged)
            .await
            .as_deref(),
        INVALID
    );
    let dead = "AcknowledgeDeadLetterQueueRecords";
    assert_eq!(
        settle(&model, dead, &queue, &second).await.as_deref(),
        INVALID
    );
    assert_eq!(settle(&model, ACKNOWLEDGE, &queue, &second).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_record_dies_is_looked_at_and_lives_again() {
    let dead = json!({"TargetType": "BUILT_IN", "MaxReceiveCount": 2});
    let attributes = json!({"VisibilityTimeoutSeconds": 10, "DeadLetterConfiguration": dead});
    let (model, queue) = filled(&["a"], attributes).await;
    for attempt in 0..2 {
        set_clock(attempt * 10_000);
        assert_eq!(receive(&model, &queue).await.len(), 1);
        assert_eq!(receive_dead(&model, &queue).await.len(), 0);
    }
    set_clock(20_000);
    assert_eq!(receive(&model, &queue).await.len(), 0);
    let records = receive_dead(&model, &queue).await;
    assert_eq!(
        (data(&records), &records[0]["PartitionKey"]),
        (vec!["a".into()], &json!("k0"))
    );
    assert_eq!(receive_dead(&model, &queue).await.len(), 0);
    let show = "UpdateDeadLetterQueueRecordsVisibility";
    assert_eq!(
        settle(&model, show, &queue, &records[0]["ReceiptHandle"]).await,
        None
    );
    let records = receive_dead(&model, &queue).await;
    let receipt = &records[0]["ReceiptHandle"];
    assert_eq!(
        settle(&model, ACKNOWLEDGE, &queue, receipt)
            .await
            .as_deref(),
        INVALID
    );
    let restore = "RestoreDeadLetterQueueRecords";
    assert_eq!(settle(&model, restore, &queue, receipt).await, None);
    assert_eq!(
        settle(&model, restore, &queue, receipt).await.as_deref(),
        INVALID
    );
    let records = receive(&model, &queue).await;
    assert_eq!(records[0]["ReceiveCount"], 1);
    set_clock(30_000);
    let _last = receive(&model, &queue).await;
    set_clock(40_000);
    let receipt = receive_dead(&model, &queue).await[0]["ReceiptHandle"].clone();
    let discard = "AcknowledgeDeadLetterQueueRecords";
    assert_eq!(settle(&model, discard, &queue, &receipt).await, None);
    set_clock(1_000_000);
    assert_eq!(receive_dead(&model, &queue).await.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_queue_begins_where_it_is_told() {
    let model = Model::new();
    let arn = stream(&model, "s").await;
    for (at, text) in [(0, "old"), (5_000, "new")] {
        set_clock(at);
        put(&model, "s", "k", text).await;
    }
    set_clock(6_000);
    let create = async |name: &str, position: Value| {
        let from = json!({"StreamARN": arn, "StartingPosition": position});
        let body = json!({"QueueName": name, "StreamConfigurationList": [from]});
        let created = call(&model, "CreateQueue", body).await.ok();
        created["QueueDescription"]["QueueARN"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let seconds = |ms: u64| (START.0 + ms) as f64 / 1000.0;
    let at = json!({"Type": "AT_TIMESTAMP", "Timestamp": seconds(4_000)});
    let timed = create("timed", at).await;
    let later = json!({"Type": "AT_TIMESTAMP", "Timestamp": seconds(9_000)});
    let later = create("later", later).await;
    let latest = create("latest", json!({"Type": "LATEST"})).await;
    put(&model, "s", "k", "newer").await;
    set_clock(9_000);
    put(&model, "s", "k", "newest").await;
    assert_eq!(
        data(&drain(&model, &timed).await),
        ["new", "newer", "newest"]
    );
    assert_eq!(data(&drain(&model, &latest).await), ["newer", "newest"]);
    assert_eq!(data(&drain(&model, &later).await), ["newest"]);
}

#[tokio::test(start_paused = true)]
async fn retention_ends_a_record_whatever_became_of_it() {
    let (model, queue) = filled(&["held", "new"], json!({"VisibilityTimeoutSeconds": 0})).await;
    let body = json!({"QueueARN": queue, "Limit": 1});
    let held = call(&model, "ReceiveQueueRecords", body).await.ok();
    set_clock(24 * 3_600_000 + 1);
    assert_eq!(receive(&model, &queue).await, Vec::<Value>::new());
    let receipt = &held["QueueRecords"][0]["ReceiptHandle"];
    assert_eq!(
        settle(&model, ACKNOWLEDGE, &queue, receipt)
            .await
            .as_deref(),
        GONE
    );
}

#[tokio::test]
async fn who_waits_is_woken_by_a_put() {
    let (model, queue) = filled(&[], json!({})).await;
    let waiting = {
        let (model, queue) = (model.clone(), queue.clone());
        let body = json!({"QueueARN": queue, "WaitTimeSeconds": 20});
        tokio::spawn(async move { call(&model, "ReceiveQueueRecords", body).await.ok() })
    };
    tokio::task::yield_now().await;
    put(&model, "s", "k", "late").await;
    let received = waiting.await.unwrap();
    assert_eq!(received["QueueRecords"][0]["Data"], base64("late"));
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_written_was_not_given() {
    let (model, queue) = filled(&["a"], json!({})).await;
    let body = json!({"QueueARN": queue, "WaitTimeSeconds": 1});
    for error in [CommitError::Full, CommitError::Ambiguous("power".into())] {
        model.fail_commits(error);
        let reply = call(&model, "ReceiveQueueRecords", body.clone()).await;
        assert!(reply.status.is_server_error(), "{reply:?}");
    }
    model.fail_commits(None);
    let records = receive(&model, &queue).await;
    assert_eq!(records[0]["ReceiveCount"], 1);
    let receipt = &records[0]["ReceiptHandle"];
    model.fail_commits(CommitError::Full);
    let entries = json!([{"ReceiptHandle": receipt}]);
    let body = json!({"QueueARN": queue, "Entries": entries});
    let reply = call(&model, ACKNOWLEDGE, body).await;
    assert!(reply.status.is_server_error(), "{reply:?}");
    model.fail_commits(None);
    assert_eq!(settle(&model, ACKNOWLEDGE, &queue, receipt).await, None);
}
