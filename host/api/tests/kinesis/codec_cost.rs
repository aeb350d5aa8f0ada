//! What a record costs on its way through the door, without a disk:
//! `cargo test --release -p millstream-api --test api -- --ignored --nocapture codec_cost`

use std::fs::read_to_string;

use bytes::Bytes;
use millstream_core::{port::Log as _, position::ShardNumber, time::Millis};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::client::{base64, request};
use crate::model::Model;

const RECORDS: u32 = 500;
const REQUESTS: u32 = 400;

/// Nanoseconds that this thread was on a processor.
fn cpu() -> u64 {
    let stat = read_to_string("/proc/thread-self/schedstat").unwrap();
    stat.split(' ').next().unwrap().parse().unwrap()
}

fn body(bytes: usize) -> Bytes {
    let record = |i: u32| {
        let data: Vec<u8> = (0..bytes)
            .map(|at| (at as u32 * 31 + i * 17) as u8)
            .collect();
        json!({"Data": base64(data), "PartitionKey": format!("key-{i:012}")})
    };
    let records: Vec<Value> = (0..RECORDS).map(record).collect();
    let body = json!({"StreamName": "s", "Records": records});
    body.to_string().into()
}

/// The best of five rounds, in nanoseconds a record.
async fn put(shards: u32, bytes: usize) -> u64 {
    let model = Model::with_stream("s", shards).await;
    let (router, body) = (model.router(), body(bytes));
    let mut best = u64::MAX;
    for _ in 0..5 {
        let before = cpu();
        for _ in 0..REQUESTS / 5 {
            let request = request("PutRecords", body.clone());
            let response = router.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status(), 200);
            for shard in 0..shards {
                model
                    .trim(ShardNumber(shard), Millis(u64::MAX))
                    .await
                    .unwrap();
            }
        }
        best = best.min((cpu() - before) / u64::from(REQUESTS / 5 * RECORDS));
    }
    best
}

#[tokio::test]
#[ignore = "a measurement, for a release build"]
async fn codec_cost_of_put_records() {
    for shards in [1, 4] {
        for bytes in [100, 1024, 10_240] {
            let cost = put(shards, bytes).await;
            println!(
                "PutRecords x {RECORDS}, {shards} shards, {bytes} B: {cost} ns of CPU a record"
            );
        }
    }
}
