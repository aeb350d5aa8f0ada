//! GetRecords.

use millstream_core::{
    catalog::Catalog,
    port::{CommitError, Control as _, Log as _, ReadError},
    position::Position,
};
use serde_json::{Value, json};

use super::client::{base64, call, put};
use crate::model::{Model, set_clock};

const HOUR: u64 = 3_600_000;

async fn horizon(model: &Model) -> Value {
    let body = json!({"StreamName": "s", "ShardId": "0", "ShardIteratorType": "TRIM_HORIZON"});
    let made = call(model, "GetShardIterator", body).await.ok();
    made["ShardIterator"].clone()
}

async fn get(model: &Model, iterator: &Value, limit: Option<u64>) -> Value {
    let body = json!({"ShardIterator": iterator, "Limit": limit});
    call(model, "GetRecords", body).await.ok()
}

fn data(page: &Value) -> Vec<&str> {
    let records = page["Records"].as_array().unwrap().iter();
    records
        .map(|record| record["Data"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_record_comes_back_as_it_went_in() {
    let model = Model::with_stream("s", 1).await;
    set_clock(1_234);
    let key = "k\"\u{20ac}\\\n";
    let number = put(&model, "s", key, "some data").await;
    let page = get(&model, &horizon(&model).await, None).await;
    assert_eq!(
        page["Records"],
        json!([{
            "SequenceNumber": number,
            "ApproximateArrivalTimestamp": 1_700_000_001.234,
            "Data": base64("some data"),
            "PartitionKey": key,
        }])
    );
    assert_eq!(page["MillisBehindLatest"], 0);
    let members: Vec<_> = page.as_object().unwrap().keys().collect();
    assert_eq!(
        members,
        ["MillisBehindLatest", "NextShardIterator", "Records"]
    );
}

#[tokio::test]
async fn a_shard_is_read_page_by_page_without_gap_or_repetition() {
    let model = Model::with_stream("s", 1).await;
    for block in 0..5 {
        let records: Vec<_> = (0..3)
            .map(|i| json!({"PartitionKey": "k", "Data": base64(format!("{block}{i}"))}))
            .collect();
        let body = json!({"StreamName": "s", "Records": records});
        call(&model, "PutRecords", body).await.ok();
        if block == 2 {
            model.reopen();
        }
    }
    let mut iterator = horizon(&model).await;
    let (mut all, mut numbers) = (Vec::new(), Vec::new());
    loop {
        let page = get(&model, &iterator, Some(2)).await;
        all.extend(data(&page).into_iter().map(str::to_owned));
        for record in page["Records"].as_array().unwrap() {
            numbers.push(record["SequenceNumber"].as_str().unwrap().to_owned());
        }
        assert_ne!(page["NextShardIterator"], iterator);
        iterator = page["NextShardIterator"].clone();
        let behind = page["MillisBehindLatest"].as_u64().unwrap();
        assert_eq!(behind == 0, all.len() == 15, "{behind} after {}", all.len());
        if behind == 0 {
            break;
        }
    }
    let expected = (0..5).flat_map(|block| (0..3).map(move |i| base64(format!("{block}{i}"))));
    assert_eq!(all, expected.collect::<Vec<_>>());
    assert!(numbers.is_sorted_by(|a, b| a < b));
    let tail = get(&model, &iterator, None).await;
    assert_eq!(
        (data(&tail).len(), &tail["MillisBehindLatest"]),
        (0, &json!(0))
    );
}

#[tokio::test]
async fn a_page_has_ten_thousand_records_at_most() {
    let model = Model::with_stream("s", 1).await;
    let records = vec![json!({"PartitionKey": "k", "Data": ""}); 500];
    for _ in 0..21 {
        let body = json!({"StreamName": "s", "Records": records});
        call(&model, "PutRecords", body).await.ok();
    }
    let iterator = horizon(&model).await;
    assert_eq!(data(&get(&model, &iterator, None).await).len(), 10_000);
    assert_eq!(
        data(&get(&model, &iterator, Some(9_999)).await).len(),
        9_999
    );
    for limit in [0, 10_001] {
        let body = json!({"ShardIterator": iterator, "Limit": limit});
        let (name, message) = call(&model, "GetRecords", body).await.refused();
        assert_eq!(name, "ValidationException");
        assert!(message.contains("at 'limit' failed"), "{message}");
    }
}

#[tokio::test]
async fn a_page_has_ten_mebibytes_at_most() {
    let model = Model::with_stream("s", 1).await;
    for _ in 0..2 {
        let record = json!({"PartitionKey": "k", "Data": base64(vec![1; (1 << 20) - 1])});
        let body = json!({"StreamName": "s", "Records": vec![record; 6]});
        call(&model, "PutRecords", body).await.ok();
    }
    let page = get(&model, &horizon(&model).await, None).await;
    assert_eq!(data(&page).len(), 10);
    let page = get(&model, &page["NextShardIterator"], None).await;
    assert_eq!(data(&page).len(), 2);
}

#[tokio::test]
async fn expired_records_are_not_shown_though_they_are_there() {
    let model = Model::with_stream("s", 1).await;
    put(&model, "s", "k", "old").await;
    set_clock(HOUR);
    put(&model, "s", "k", "young").await;
    set_clock(24 * HOUR);
    let both = get(&model, &horizon(&model).await, None).await;
    assert_eq!(data(&both), [base64("old"), base64("young")]);
    set_clock(24 * HOUR + 1);
    let one = get(&model, &horizon(&model).await, Some(1)).await;
    assert_eq!(data(&one), [base64("young")]);
    assert_eq!(one["MillisBehindLatest"], 0);
    set_clock(26 * HOUR);
    let none = get(&model, &horizon(&model).await, None).await;
    assert_eq!(
        (data(&none).len(), &none["MillisBehindLatest"]),
        (0, &json!(0))
    );
}

#[tokio::test]
async fn the_distance_to_the_tail_is_the_age_of_what_was_read_last() {
    let model = Model::with_stream("s", 1).await;
    for second in 0..3 {
        set_clock(1_000 * second);
        put(&model, "s", "k", "a").await;
    }
    set_clock(10_000);
    let page = get(&model, &horizon(&model).await, Some(2)).await;
    assert_eq!(page["MillisBehindLatest"], 9_000);
    let page = get(&model, &page["NextShardIterator"], Some(2)).await;
    assert_eq!(page["MillisBehindLatest"], 0);
}

#[tokio::test]
async fn a_closed_shard_ends() {
    let model = Model::with_stream("s", 1).await;
    put(&model, "s", "k", "a").await;
    put(&model, "s", "k", "b").await;
    model.edit_stream("s", |stream| {
        stream.shards[0].closed = Some(crate::model::START);
    });
    let page = get(&model, &horizon(&model).await, Some(1)).await;
    assert!(page["NextShardIterator"].is_string());
    let page = get(&model, &page["NextShardIterator"], Some(1)).await;
    assert_eq!(data(&page), [base64("b")]);
    assert!(page.get("NextShardIterator").is_none());
}

#[tokio::test]
async fn a_stream_arn_must_be_the_iterators() {
    let model = Model::with_stream("s", 1).await;
    let iterator = horizon(&model).await;
    let arn = "arn:aws:kinesis:us-east-1:123456789012:stream/";
    let body = |name| json!({"ShardIterator": iterator, "StreamARN": format!("{arn}{name}")});
    call(&model, "GetRecords", body("s")).await.ok();
    let (name, _) = call(&model, "GetRecords", body("t")).await.refused();
    assert_eq!(name, "InvalidArgumentException");
}

#[tokio::test]
async fn what_cannot_be_read_is_not_made_up() {
    let model = Model::with_stream("s", 1).await;
    put(&model, "s", "k", "a").await;
    let iterator = horizon(&model).await;
    let router = millstream_api::server::router(model.app());
    let get = || {
        let body = json!({"ShardIterator": iterator}).to_string();
        tower::ServiceExt::oneshot(router.clone(), super::client::request("GetRecords", body))
    };
    assert_eq!(get().await.unwrap().status(), 200);
    for (error, status) in [
        (ReadError::Unavailable("closed".into()), 503),
        (
            ReadError::Corrupt {
                shard: millstream_core::position::ShardNumber(0),
                position: Position::START,
                what: "checksum".into(),
            },
            500,
        ),
    ] {
        model.fail_reads(error);
        assert_eq!(get().await.unwrap().status().as_u16(), status);
    }
}

#[tokio::test]
async fn reading_needs_an_iterator() {
    let model = Model::with_stream("s", 1).await;
    call(&model, "GetRecords", json!({})).await.is(
        "ValidationException",
        "1 validation error detected: Value null at 'shardIterator' failed to satisfy constraint: \
         Member must not be null",
    );
    let dry = json!({"ShardIterator": horizon(&model).await, "DryRun": true});
    assert_eq!(
        call(&model, "GetRecords", dry).await.refused().0,
        "DryRunOperationException"
    );
}

#[tokio::test]
async fn a_shard_whose_records_are_gone_has_nothing_left_to_read() {
    let model = Model::with_stream("s", 1).await;
    put(&model, "s", "k", "a").await;
    put(&model, "s", "k", "b").await;
    let iterator = horizon(&model).await;
    let shard = Catalog::stream(&model.catalog(), "s").unwrap().shards[0].number;
    model
        .trim(shard, crate::model::START.plus(1))
        .await
        .unwrap();
    let page = get(&model, &iterator, None).await;
    assert_eq!(
        (data(&page).len(), &page["MillisBehindLatest"]),
        (0, &json!(0))
    );
    model.edit_stream("s", |stream| {
        stream.shards[0].closed = Some(crate::model::START);
    });
    let page = get(&model, &page["NextShardIterator"], None).await;
    assert!(page.get("NextShardIterator").is_none(), "the end is known");
}

#[tokio::test]
async fn iterators_outlive_a_restart_though_their_key_was_stored_late() {
    let model = Model::with_stream("s", 1).await;
    let router = model.router();
    let made = async || {
        let body = json!({"StreamName": "s", "ShardId": "0", "ShardIteratorType": "LATEST"});
        let request = super::client::request("GetShardIterator", body.to_string());
        let response = tower::ServiceExt::oneshot(router.clone(), request).await;
        let body = http_body_util::BodyExt::collect(response.unwrap().into_body()).await;
        let made: Value = serde_json::from_slice(&body.unwrap().to_bytes()).unwrap();
        made["ShardIterator"].clone()
    };
    model.fail_commits(CommitError::Busy);
    let early = made().await;
    model.fail_commits(None);
    set_clock(6_000);
    made().await;
    // A call of the client begins with a router of its own, as a host that was restarted.
    get(&model, &early, None).await;
}
