//! Enhanced monitoring: which figures of which shards `/metrics` shows, and that they are true.

use std::sync::Arc;

use axum::{Router, body::Body, http::Request};
use futures_util::StreamExt as _;
use millstream_api::app::App;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::client::{Reply, base64, request};
use crate::model::{Model, set_clock};

/// Over one router, whose counts are those of `/metrics`.
struct Watched {
    router: Router,
}

impl Watched {
    async fn new(streams: &[(&str, u32)]) -> Self {
        let model = Model::new();
        for (name, shards) in streams {
            model.create_stream(name, *shards).await;
        }
        let router = millstream_api::server::router(App {
            quotas: Some(Arc::default()),
            ..model.app()
        });
        Self { router }
    }

    async fn call(&self, action: &str, body: Value) -> Reply {
        let request = request(action, body.to_string());
        Reply::of(self.router.clone().oneshot(request).await.unwrap()).await
    }

    async fn set(&self, action: &str, stream: &str, metrics: &[&str]) {
        let body = json!({"StreamName": stream, "ShardLevelMetrics": metrics});
        self.call(action, body).await.ok();
    }

    async fn put(&self, stream: &str, count: usize, hash_key: u128) -> Value {
        let record = json!({"PartitionKey": "key", "Data": base64("four"),
            "ExplicitHashKey": hash_key.to_string()});
        let body = json!({"StreamName": stream, "Records": vec![record; count]});
        self.call("PutRecords", body).await.ok()
    }

    async fn iterator(&self, stream: &str, shard: &str) -> Value {
        let body = json!({"StreamName": stream, "ShardId": shard,
            "ShardIteratorType": "TRIM_HORIZON"});
        let made = self.call("GetShardIterator", body).await.ok();
        made["ShardIterator"].clone()
    }

    /// The lines of `/metrics` that are about shards, without what explains them.
    async fn shown(&self) -> Vec<String> {
        let request = Request::get("/metrics").body(Body::empty()).unwrap();
        let reply = Reply::of(self.router.clone().oneshot(request).await.unwrap()).await;
        let text = String::from_utf8(reply.body.to_vec()).unwrap();
        let lines = text.lines().filter(|l| l.starts_with("millstream_shard_"));
        lines.map(str::to_owned).collect()
    }

    #[track_caller]
    fn holds(shown: &[String], name: &str, stream: &str, shard: u32, value: &str) {
        let labels = format!("{{stream=\"{stream}\",shard=\"shardId-{shard:012}\"}}");
        let line = format!("millstream_shard_{name}{labels} {value}");
        assert!(shown.contains(&line), "{line} in\n{}", shown.join("\n"));
    }
}

const HIGH: u128 = u128::MAX;

#[tokio::test]
async fn only_what_a_stream_asks_for_is_shown() {
    let watched = Watched::new(&[("a", 2), ("b", 1)]).await;
    watched.put("a", 3, 0).await;
    watched.put("b", 3, 0).await;
    assert_eq!(watched.shown().await, Vec::<String>::new());

    watched
        .set("EnableEnhancedMonitoring", "a", &["IncomingRecords"])
        .await;
    watched.put("a", 2, HIGH).await;
    let shown = watched.shown().await;
    assert_eq!(shown.len(), 2, "{shown:?}");
    Watched::holds(&shown, "incoming_records_total", "a", 0, "3");
    Watched::holds(&shown, "incoming_records_total", "a", 1, "2");

    watched
        .set("DisableEnhancedMonitoring", "a", &["ALL"])
        .await;
    assert_eq!(watched.shown().await, Vec::<String>::new());
}

#[tokio::test]
async fn what_goes_in_and_out_is_counted_by_shard() {
    let watched = Watched::new(&[("s", 2)]).await;
    watched.set("EnableEnhancedMonitoring", "s", &["ALL"]).await;
    watched.put("s", 3, 0).await;
    watched.put("s", 1, HIGH).await;
    let shown = watched.shown().await;
    // A key of three bytes and data of four.
    Watched::holds(&shown, "incoming_bytes_total", "s", 0, "21");
    Watched::holds(&shown, "incoming_records_total", "s", 1, "1");
    Watched::holds(&shown, "outgoing_records_total", "s", 0, "0");
    let ages = |shown: &[String]| shown.iter().filter(|l| l.contains("iterator_age")).count();
    assert_eq!(ages(&shown), 0, "nobody has read yet");

    set_clock(2500);
    let iterator = watched.iterator("s", "0").await;
    let two = json!({"ShardIterator": iterator, "Limit": 2});
    let page = watched.call("GetRecords", two).await.ok();
    let shown = watched.shown().await;
    Watched::holds(&shown, "outgoing_records_total", "s", 0, "2");
    Watched::holds(&shown, "outgoing_bytes_total", "s", 0, "14");
    Watched::holds(&shown, "outgoing_records_total", "s", 1, "0");
    Watched::holds(&shown, "iterator_age_seconds", "s", 0, "2.5");
    assert_eq!(ages(&shown), 1, "nobody has read the other shard");

    let rest = json!({"ShardIterator": page["NextShardIterator"]});
    watched.call("GetRecords", rest).await.ok();
    let shown = watched.shown().await;
    Watched::holds(&shown, "outgoing_records_total", "s", 0, "3");
    Watched::holds(&shown, "iterator_age_seconds", "s", 0, "0");
}

#[tokio::test]
async fn what_a_subscription_gives_counts_as_well() {
    let watched = Watched::new(&[("s", 1)]).await;
    watched
        .set("EnableEnhancedMonitoring", "s", &["OutgoingRecords"])
        .await;
    watched.put("s", 4, 0).await;
    let stream = "arn:aws:kinesis:us-east-1:123456789012:stream/s";
    let consumer = json!({"StreamARN": stream, "ConsumerName": "c"});
    let made = watched.call("RegisterStreamConsumer", consumer).await.ok();
    let wish = json!({"ConsumerARN": made["Consumer"]["ConsumerARN"], "ShardId": "0",
        "StartingPosition": {"Type": "TRIM_HORIZON"}});
    let request = request("SubscribeToShard", wish.to_string());
    let answer = watched.router.clone().oneshot(request).await.unwrap();
    let mut frames = answer.into_body().into_data_stream();
    // What opens the stream, and the event with the records.
    for _ in 0..2 {
        frames.next().await.unwrap().unwrap();
    }
    let shown = watched.shown().await;
    Watched::holds(&shown, "outgoing_records_total", "s", 0, "4");
}

#[tokio::test]
async fn what_limits_refuse_is_counted_by_record_and_by_call() {
    let watched = Watched::new(&[("s", 2)]).await;
    watched.set("EnableEnhancedMonitoring", "s", &["ALL"]).await;
    for _ in 0..2 {
        watched.put("s", 500, 0).await;
    }
    let refused = watched.put("s", 7, 0).await;
    assert_eq!(refused["FailedRecordCount"], 7);
    let one = json!({"StreamName": "s", "PartitionKey": "k", "Data": "", "ExplicitHashKey": "0"});
    let refused = watched.call("PutRecord", one).await.refused();
    assert_eq!(refused.0, "ProvisionedThroughputExceededException");
    let iterator = json!({"ShardIterator": watched.iterator("s", "1").await});
    for _ in 0..5 {
        watched.call("GetRecords", iterator.clone()).await.ok();
    }
    watched.call("GetRecords", iterator).await.refused();
    let shown = watched.shown().await;
    Watched::holds(&shown, "write_throughput_exceeded_total", "s", 0, "8");
    Watched::holds(&shown, "write_throughput_exceeded_total", "s", 1, "0");
    Watched::holds(&shown, "read_throughput_exceeded_total", "s", 0, "0");
    Watched::holds(&shown, "read_throughput_exceeded_total", "s", 1, "1");
    Watched::holds(&shown, "incoming_records_total", "s", 0, "1000");
}
