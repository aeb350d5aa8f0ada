//! The limits of throughput, where they are enforced.

use std::sync::Arc;

use axum::Router;
use millstream_api::app::App;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::client::{Reply, base64, request};
use crate::model::{Model, set_clock};

/// Over one router: each has counts of its own.
struct Limited {
    model: Model,
    router: Router,
}

impl Limited {
    async fn new(shards: u32) -> Self {
        let model = Model::with_stream("s", shards).await;
        let router = millstream_api::server::router(App {
            quotas: Some(Arc::default()),
            ..model.app()
        });
        Self { model, router }
    }

    async fn call(&self, action: &str, body: Value) -> Reply {
        let request = request(action, body.to_string());
        Reply::of(self.router.clone().oneshot(request).await.unwrap()).await
    }

    async fn put(&self, count: usize, hash_key: u128) -> Value {
        let record = json!({"PartitionKey": "k", "Data": base64("d"),
            "ExplicitHashKey": hash_key.to_string()});
        let body = json!({"StreamName": "s", "Records": vec![record; count]});
        self.call("PutRecords", body).await.ok()
    }
}

const NAMED: &str = "in stream s under account 123456789012.";

#[tokio::test]
async fn records_beyond_a_shards_limit_fail_by_themselves() {
    let limited = Limited::new(2).await;
    assert_eq!(limited.put(500, 0).await["FailedRecordCount"], 0);
    assert_eq!(limited.put(499, 0).await["FailedRecordCount"], 0);
    let two =
        |key: u128| json!({"PartitionKey": "k", "Data": "", "ExplicitHashKey": key.to_string()});
    let records = [two(0), two(u128::MAX), two(0)];
    let body = json!({"StreamName": "s", "Records": records});
    let answer = limited.call("PutRecords", body).await.ok();
    assert_eq!(answer["FailedRecordCount"], 1);
    let records = answer["Records"].as_array().unwrap();
    assert_eq!(records[0]["ShardId"], "shardId-000000000000");
    assert_eq!(records[1]["ShardId"], "shardId-000000000001");
    let failed = json!({
        "ErrorCode": "ProvisionedThroughputExceededException",
        "ErrorMessage": format!("Rate exceeded for shard shardId-000000000000 {NAMED}"),
    });
    assert_eq!(records[2], failed);
    assert_eq!(limited.put(3, 0).await["FailedRecordCount"], 3);
    let kept: Vec<usize> = limited.model.records("s").iter().map(Vec::len).collect();
    assert_eq!(kept, [1000, 1]);

    let one = json!({"StreamName": "s", "PartitionKey": "k", "Data": "", "ExplicitHashKey": "0"});
    let message = format!("Rate exceeded for shard shardId-000000000000 {NAMED}");
    let refused = limited.call("PutRecord", one.clone()).await;
    refused.is("ProvisionedThroughputExceededException", &message);
    set_clock(1);
    limited.call("PutRecord", one).await.ok();
}

#[tokio::test]
async fn a_shard_is_read_five_times_a_second() {
    let limited = Limited::new(2).await;
    let mut iterators = Vec::new();
    for shard in ["0", "1"] {
        let body = json!({"StreamName": "s", "ShardId": shard, "ShardIteratorType": "LATEST"});
        let made = limited.call("GetShardIterator", body).await.ok();
        iterators.push(json!({"ShardIterator": made["ShardIterator"]}));
    }
    for _ in 0..5 {
        limited.call("GetRecords", iterators[0].clone()).await.ok();
    }
    let refused = limited.call("GetRecords", iterators[0].clone()).await;
    let message = format!("Rate exceeded for shard shardId-000000000000 {NAMED}");
    refused.is("ProvisionedThroughputExceededException", &message);
    limited.call("GetRecords", iterators[1].clone()).await.ok();
    set_clock(200);
    limited.call("GetRecords", iterators[0].clone()).await.ok();
}
