//! SplitShard, MergeShards and UpdateShardCount, and what readers and producers see of them.

use std::collections::BTreeMap;

use millstream_core::limit;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::client::{base64, call, put};
use crate::model::{Model, set_clock};

const MIDDLE: &str = "170141183460469231731687303715884105728";

fn id(index: u32) -> String {
    format!("shardId-{index:012}")
}

async fn split(model: &Model, shard: u32, at: &str) -> Value {
    let body = json!({"StreamName": "s", "ShardToSplit": id(shard), "NewStartingHashKey": at});
    call(model, "SplitShard", body).await.ok()
}

async fn iterator(model: &Model, shard: u32, kind: &str) -> Value {
    let body = json!({"StreamName": "s", "ShardId": id(shard), "ShardIteratorType": kind});
    call(model, "GetShardIterator", body).await.ok()["ShardIterator"].clone()
}

async fn get(model: &Model, iterator: Value) -> Value {
    let body = json!({"ShardIterator": iterator});
    call(model, "GetRecords", body).await.ok()
}

async fn shards(model: &Model) -> Vec<Value> {
    let listed = call(model, "ListShards", json!({"StreamName": "s"}))
        .await
        .ok();
    listed["Shards"].as_array().unwrap().clone()
}

#[tokio::test]
async fn the_end_of_a_closed_shard_tells_its_children() {
    let model = Model::with_stream("s", 1).await;
    let number = put(&model, "s", "k", "before").await;
    assert_eq!(split(&model, 0, MIDDLE).await, Value::Null);
    let child = |index, start: &str, end: &str| {
        json!({
            "ShardId": id(index),
            "ParentShards": [id(0)],
            "HashKeyRange": {"StartingHashKey": start, "EndingHashKey": end},
        })
    };
    let max = u128::MAX.to_string();
    let below = (1u128 << 127) - 1;
    let children = json!([child(1, "0", &below.to_string()), child(2, MIDDLE, &max)]);
    for kind in ["TRIM_HORIZON", "LATEST"] {
        let page = get(&model, iterator(&model, 0, kind).await).await;
        let records = if kind == "LATEST" { 0 } else { 1 };
        assert_eq!(page["Records"].as_array().unwrap().len(), records);
        assert!(page.get("NextShardIterator").is_none(), "{kind}: {page}");
        assert_eq!(page["ChildShards"], children);
        assert_eq!(page["MillisBehindLatest"], 0);
    }
    let open = get(&model, iterator(&model, 1, "TRIM_HORIZON").await).await;
    assert!(open.get("ChildShards").is_none() && open["NextShardIterator"].is_string());

    let listed = shards(&model).await;
    assert_eq!(listed[1]["ParentShardId"], id(0));
    let ending = &listed[0]["SequenceNumberRange"]["EndingSequenceNumber"];
    assert!(number.as_str() < ending.as_str().unwrap());
    let after = put(&model, "s", "k", "after").await;
    assert!(ending.as_str().unwrap() < after.as_str());
    let at = json!({"StreamName": "s", "ShardId": id(0), "ShardIteratorType": "AT_SEQUENCE_NUMBER",
        "StartingSequenceNumber": ending});
    let (name, text) = call(&model, "GetShardIterator", at).await.refused();
    assert_eq!(name, "InvalidArgumentException");
    assert!(
        text.ends_with("has reached max possible value for the shard."),
        "{text}"
    );
}

#[tokio::test]
async fn a_shard_that_cannot_change_is_refused_as_amazon_does() {
    let model = Model::with_stream("s", 3).await;
    let named = "in stream s under account 123456789012";
    let split = |shard: &str, at: &str| json!({"StreamName": "s", "ShardToSplit": shard, "NewStartingHashKey": at});
    let merge = |a: u32, b: u32| json!({"StreamName": "s", "ShardToMerge": id(a), "AdjacentShardToMerge": id(b)});
    for (action, body, name, message) in [
        (
            "SplitShard",
            split("shardId-7", "9"),
            "ResourceNotFoundException",
            format!("Could not find shard shardId-000000000007 {named}."),
        ),
        (
            "SplitShard",
            split("x", "9"),
            "ResourceNotFoundException",
            format!("Could not find shard x {named}."),
        ),
        (
            "SplitShard",
            split("0", "1"),
            "InvalidArgumentException",
            format!(
                "NewStartingHashKey 1 used in SplitShard() on shard shardId-000000000000 {named} \
                 is not both greater than one plus the shard's StartingHashKey 0 and less than \
                 the shard's EndingHashKey 113427455640312821154458202477256070484."
            ),
        ),
        (
            // 2^128 and more is told as it was sent.
            "SplitShard",
            split("2", "999999999999999999999999999999999999999"),
            "InvalidArgumentException",
            format!(
                "NewStartingHashKey 999999999999999999999999999999999999999 used in SplitShard() \
                 on shard shardId-000000000002 {named} is not both greater than one plus the \
                 shard's StartingHashKey 226854911280625642308916404954512140970 and less than \
                 the shard's EndingHashKey 340282366920938463463374607431768211455."
            ),
        ),
        (
            "MergeShards",
            merge(2, 1),
            "InvalidArgumentException",
            format!(
                "Shards shardId-000000000002 and shardId-000000000001 {named} \
                 are not an adjacent pair of shards eligible for merging"
            ),
        ),
        (
            "UpdateShardCount",
            json!({"StreamName": "s", "TargetShardCount": 7, "ScalingType": "UNIFORM_SCALING"}),
            "LimitExceededException",
            "UpdateShardCount cannot scale up over double your current open shard count. \
             Current open shard count: 3 Target shard count: 7"
                .to_owned(),
        ),
    ] {
        call(&model, action, body).await.is(name, &message);
    }
    call(&model, "MergeShards", merge(0, 1)).await.ok();
    let gone = format!(
        "Shard shardId-000000000000 {named} has already been merged or split, \
         and thus is not eligible for merging or splitting."
    );
    let again = call(&model, "SplitShard", split("0", "9")).await;
    again.is("InvalidArgumentException", &gone);
}

#[tokio::test]
async fn a_resize_says_what_it_does() {
    let model = Model::with_stream("s", 2).await;
    let body = json!({"StreamName": "s", "TargetShardCount": 3, "ScalingType": "UNIFORM_SCALING"});
    let resized = call(&model, "UpdateShardCount", body).await.ok();
    let expected = json!({
        "StreamName": "s",
        "StreamARN": "arn:aws:kinesis:us-east-1:123456789012:stream/s",
        "CurrentShardCount": 2,
        "TargetShardCount": 3,
    });
    assert_eq!(resized, expected);
    assert_eq!(shards(&model).await.len(), 7);
    let open = json!({"StreamName": "s", "ShardFilter": {"Type": "AT_LATEST"}});
    let open = call(&model, "ListShards", open).await.ok();
    assert_eq!(open["Shards"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_moment_within_a_change_has_shards_for_every_key() {
    let model = Model::with_stream("s", 1).await;
    set_clock(300);
    split(&model, 0, MIDDLE).await;
    set_clock(5_000);
    for ms in [0, 300, 999, 1_000, 4_000] {
        let at = (1_700_000_000_000u64 + ms) as f64 / 1000.0;
        let filter = json!({"Type": "AT_TIMESTAMP", "Timestamp": at});
        let body = json!({"StreamName": "s", "ShardFilter": filter});
        let listed = call(&model, "ListShards", body).await.ok();
        let mut ranges: Vec<(u128, u128)> = listed["Shards"]
            .as_array()
            .unwrap()
            .iter()
            .map(|shard| {
                let key = |name: &str| shard["HashKeyRange"][name].as_str().unwrap();
                let parsed = |name| key(name).parse().unwrap();
                (parsed("StartingHashKey"), parsed("EndingHashKey"))
            })
            .collect();
        ranges.sort_unstable();
        assert_eq!(
            (ranges[0].0, ranges.last().unwrap().1),
            (0, u128::MAX),
            "{ms}"
        );
        assert!(ranges.windows(2).all(|w| w[0].1 + 1 == w[1].0), "{ms}");
    }
}

#[tokio::test]
async fn a_number_of_a_parent_orders_what_its_child_takes() {
    let model = Model::with_stream("s", 2).await;
    let key = |explicit: &str, number: &str| {
        json!({"StreamName": "s", "PartitionKey": "k", "ExplicitHashKey": explicit,
            "Data": base64("d"), "SequenceNumberForOrdering": number})
    };
    let first = json!({"StreamName": "s", "PartitionKey": "k", "ExplicitHashKey": "0",
        "Data": base64("d")});
    let first = call(&model, "PutRecord", first).await.ok();
    let number = first["SequenceNumber"].as_str().unwrap();
    split(&model, 0, "1000").await;
    split(&model, 2, "100").await;
    let next = call(&model, "PutRecord", key("0", number)).await.ok();
    assert_eq!(next["ShardId"], id(4));
    assert!(next["SequenceNumber"].as_str().unwrap() > number);
    let foreign = call(&model, "PutRecord", key(MIDDLE, number)).await;
    assert_eq!(foreign.refused().0, "InvalidArgumentException");
}

/// What happens to a stream.
#[derive(Debug, Clone)]
enum Step {
    Put(Vec<u8>),
    Split(prop::sample::Index),
    Merge(prop::sample::Index),
    Resize(u32),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => prop::collection::vec(0..40u8, 1..30).prop_map(Step::Put),
        1 => any::<prop::sample::Index>().prop_map(Step::Split),
        1 => any::<prop::sample::Index>().prop_map(Step::Merge),
        1 => (1..7u32).prop_map(Step::Resize),
    ]
}

/// Asks for a change; one that cannot be is no matter.
async fn change(model: &Model, step: &Step) {
    let listed = shards(model).await;
    let mut open: Vec<&Value> = listed
        .iter()
        .filter(|shard| {
            let numbers = &shard["SequenceNumberRange"];
            numbers.get("EndingSequenceNumber").is_none()
        })
        .collect();
    let key = |shard: &Value, name: &str| -> u128 {
        let text = shard["HashKeyRange"][name].as_str().unwrap();
        text.parse().unwrap()
    };
    open.sort_by_key(|shard| key(shard, "StartingHashKey"));
    let (action, body) = match step {
        Step::Put(_) => unreachable!("that is no change"),
        Step::Split(which) => {
            let shard = which.get(&open);
            let (start, end) = (key(shard, "StartingHashKey"), key(shard, "EndingHashKey"));
            let at = (start + (end - start) / 2).to_string();
            (
                "SplitShard",
                json!({"ShardToSplit": shard["ShardId"], "NewStartingHashKey": at}),
            )
        }
        Step::Merge(which) => {
            let at = which.index(open.len());
            let (low, high) = (open[at], open[(at + 1) % open.len()]);
            let (low, high) = (&low["ShardId"], &high["ShardId"]);
            (
                "MergeShards",
                json!({"ShardToMerge": low, "AdjacentShardToMerge": high}),
            )
        }
        Step::Resize(target) => (
            "UpdateShardCount",
            json!({"TargetShardCount": target, "ScalingType": "UNIFORM_SCALING"}),
        ),
    };
    let mut body = body;
    body["StreamName"] = json!("s");
    let reply = call(model, action, body).await;
    assert!(reply.status.as_u16() <= 400, "{reply:?}");
}

/// Reads a shard to its end, and says who goes on.
async fn drain(model: &Model, shard: &Value, seen: &mut BTreeMap<String, Vec<u32>>) -> Vec<Value> {
    let body = json!({"StreamName": "s", "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"});
    let mut iterator = call(model, "GetShardIterator", body).await.ok()["ShardIterator"].clone();
    loop {
        let body = json!({"ShardIterator": iterator, "Limit": 7});
        let page = call(model, "GetRecords", body).await.ok();
        for record in page["Records"].as_array().unwrap() {
            let key = record["PartitionKey"].as_str().unwrap().to_owned();
            let data = record["Data"].as_str().unwrap();
            let data = base64_simd::STANDARD.decode_to_vec(data).unwrap();
            let ordinal = String::from_utf8(data).unwrap().parse().unwrap();
            seen.entry(key).or_default().push(ordinal);
        }
        match page.get("NextShardIterator") {
            None => return page["ChildShards"].as_array().cloned().unwrap_or_default(),
            Some(_) if page["MillisBehindLatest"] == 0 => return Vec::new(),
            Some(next) => iterator = next.clone(),
        }
    }
}

/// Reads as the Kinesis client library does: children once all their parents are done.
async fn read_all(model: &Model, first: u32) -> BTreeMap<String, Vec<u32>> {
    let mut seen = BTreeMap::new();
    let mut done: Vec<Value> = Vec::new();
    let mut next: Vec<Value> = (0..first).map(|index| json!(id(index))).collect();
    let mut waiting: Vec<Value> = Vec::new();
    while let Some(shard) = next.pop() {
        waiting.extend(drain(model, &shard, &mut seen).await);
        done.push(shard);
        waiting.retain(|child| {
            let parents = child["ParentShards"].as_array().unwrap();
            let ready = parents.iter().all(|parent| done.contains(parent));
            let fresh = !done.contains(&child["ShardId"]) && !next.contains(&child["ShardId"]);
            if ready && fresh {
                next.push(child["ShardId"].clone());
            }
            !ready
        });
    }
    assert!(waiting.is_empty(), "{waiting:?}");
    seen
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_key_is_read_in_order_through_any_changes(
        first in 1..4u32,
        steps in prop::collection::vec(step(), 1..14),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            set_clock(0);
            let model = Model::with_stream("s", first).await;
            let mut put: BTreeMap<String, Vec<u32>> = BTreeMap::new();
            let mut ordinal = 0;
            for step in &steps {
                let Step::Put(keys) = step else {
                    change(&model, step).await;
                    continue;
                };
                let mut records = Vec::new();
                for key in keys.iter().take(limit::PUT_RECORDS_COUNT) {
                    let key = format!("k{key}");
                    records.push(json!({"PartitionKey": key, "Data": base64(ordinal.to_string())}));
                    put.entry(key).or_default().push(ordinal);
                    ordinal += 1;
                }
                let body = json!({"StreamName": "s", "Records": records});
                call(&model, "PutRecords", body).await.ok();
            }
            assert_eq!(read_all(&model, first).await, put);
        });
    }
}
