//! What a record costs on its way through the door, without a disk:
//! `cargo test --release -p millstream-api --test api -- --ignored --nocapture codec_cost`

use std::fs::read_to_string;

use bytes::Bytes;
use millstream_core::{port::Log as _, position::ShardNumber, time::Millis};
use minicbor::Encoder;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::client::{base64, request};
use crate::model::Model;

const RECORDS: u32 = 500;
/// Rounds, of which the best counts, and bytes of data in each: far more than a tick of the clock.
const ROUNDS: u32 = 5;
const ROUND_BYTES: usize = 512 << 20;
/// Requests of a round at most.
const REQUESTS: usize = 2_000;

/// Nanoseconds that this thread was on a processor.
fn cpu() -> u64 {
    let stat = read_to_string("/proc/thread-self/schedstat").unwrap();
    stat.split(' ').next().unwrap().parse().unwrap()
}

fn in_json(bytes: usize) -> Bytes {
    let record = |i: u32| json!({"Data": base64(data(bytes, i)), "PartitionKey": key(i)});
    let records: Vec<Value> = (0..RECORDS).map(record).collect();
    let body = json!({"StreamName": "s", "Records": records});
    body.to_string().into()
}

fn in_cbor(bytes: usize) -> Bytes {
    let mut out = Encoder::new(Vec::new());
    out.begin_map().unwrap().str("StreamName").unwrap();
    out.str("s").unwrap().str("Records").unwrap();
    out.begin_array().unwrap();
    for i in 0..RECORDS {
        out.begin_map().unwrap().str("Data").unwrap();
        out.bytes(&data(bytes, i)).unwrap();
        out.str("PartitionKey").unwrap().str(&key(i)).unwrap();
        out.end().unwrap();
    }
    out.end().unwrap().end().unwrap();
    out.into_writer().into()
}

fn key(i: u32) -> String {
    format!("key-{i:012}")
}

fn data(bytes: usize, i: u32) -> Vec<u8> {
    (0..bytes)
        .map(|at| (at as u32 * 31 + i * 17) as u8)
        .collect()
}

/// The best of all rounds, in nanoseconds a record.
async fn put(shards: u32, bytes: usize, content: &str, body: Bytes) -> u64 {
    let model = Model::with_stream("s", shards).await;
    let router = model.router();
    let requests = (ROUND_BYTES / bytes / RECORDS as usize).min(REQUESTS);
    let mut best = u64::MAX;
    for _ in 0..ROUNDS {
        let before = cpu();
        for _ in 0..requests {
            let mut request = request("PutRecords", body.clone());
            let content = content.parse().unwrap();
            request.headers_mut().insert("content-type", content);
            let response = router.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status(), 200);
            for shard in 0..shards {
                let all = Millis(u64::MAX);
                model.trim(ShardNumber(shard), all).await.unwrap();
            }
        }
        best = best.min((cpu() - before) / (requests as u64 * u64::from(RECORDS)));
    }
    best
}

#[tokio::test]
#[ignore = "a measurement, for a release build"]
async fn codec_cost_of_put_records() {
    for (form, body) in [("json", in_json as fn(usize) -> Bytes), ("cbor", in_cbor)] {
        let content = format!("application/x-amz-{form}-1.1");
        for (shards, bytes) in [(1, 100), (1, 1024), (1, 10_240), (4, 100), (4, 1024)] {
            let cost = put(shards, bytes, &content, body(bytes)).await;
            println!(
                "PutRecords x {RECORDS} in {form}, {shards} shards, {bytes} B: \
                 {cost} ns of CPU a record"
            );
        }
    }
}
