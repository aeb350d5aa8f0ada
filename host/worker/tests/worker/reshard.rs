//! Lanes while shards are split and merged.

use std::{collections::BTreeMap, time::Duration};

use millstream_core::{
    catalog::stream::reshard::Reshard,
    hash_key::HashKey,
    port::{CommitError, InvokeError},
};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::{function::echo, host::Host};

fn split(host: &Host, stream: &str, shard: u32) -> Reshard {
    let stream = host.catalog.stream(stream).unwrap();
    let range = stream.shards[shard as usize].range;
    let at = HashKey(range.start.0 + (range.end.0 - range.start.0) / 2);
    Reshard::Split { shard, at }
}

async fn reshard(host: &mut Host, reshard: Reshard) {
    host.apply(Host::reshard("in", reshard)).await;
}

/// The ids of the shards that calls were about.
fn shards_seen(host: &Host) -> Vec<String> {
    let mut shards: Vec<_> = host.function.seen().into_iter().map(|s| s.shard).collect();
    shards.dedup();
    shards
}

#[tokio::test(start_paused = true)]
async fn a_child_waits_until_its_parent_is_done() {
    let mut host = Host::new(1).await;
    host.function
        .does(|_| async { Err(InvokeError::Throttled) });
    host.trigger("t", json!({})).await;
    host.put("a", &["a1"]);
    let change = split(&host, "in", 0);
    reshard(&mut host, change).await;
    for key in ["a", "b", "c"] {
        host.put(key, &[&format!("{key}2")]);
    }
    sleep(Duration::from_secs(60)).await;
    assert_eq!(shards_seen(&host), ["shardId-000000000000"]);
    host.function.does(|call| async move { echo(&call.batch) });
    host.until("all", |host| host.out().len() == 4).await;
    assert_eq!(host.out()[0], "a1");
}

#[tokio::test(start_paused = true)]
async fn a_merged_shard_waits_for_both_its_parents_also_after_a_restart() {
    let mut host = Host::new(2).await;
    host.trigger("t", json!({})).await;
    // The one that is stuck is either of the two.
    let keys = ["a", "b", "c", "d"];
    let home = |host: &Host, key: &str| {
        let stream = host.catalog.stream("in").unwrap();
        stream.shard_for(HashKey::of(key.as_bytes())).index
    };
    let low = keys.iter().find(|key| home(&host, key) == 0).unwrap();
    let high = keys.iter().find(|key| home(&host, key) == 1).unwrap();
    host.function.does(|call| async move {
        match call.shard_id.as_str() {
            "shardId-000000000001" => Err(InvokeError::Throttled),
            _ => echo(&call.batch),
        }
    });
    host.put(low, &["low"]);
    host.put(high, &["high"]);
    let (shard, adjacent) = (0, 1);
    reshard(&mut host, Reshard::Merge { shard, adjacent }).await;
    host.put(low, &["after"]);
    host.until("the lower one", |host| host.out() == ["low"])
        .await;
    host.crash().await;
    sleep(Duration::from_secs(60)).await;
    assert_eq!(host.out(), ["low"]);
    let waits = host.status("t").remove(2);
    assert_eq!((waits.state, waits.lag_records), ("waiting", 1));
    host.function.does(|call| async move { echo(&call.batch) });
    host.until("all", |host| host.out() == ["low", "high", "after"])
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_shard_that_came_and_went_within_a_change_holds_nobody_up_and_lets_nobody_pass() {
    let mut host = Host::new(2).await;
    host.function
        .does(|_| async { Err(InvokeError::Throttled) });
    host.trigger("t", json!({})).await;
    for key in ["a", "b", "c", "d"] {
        host.put(key, &[&format!("{key}1")]);
    }
    reshard(&mut host, Reshard::Resize { target: 3 }).await;
    for key in ["a", "b", "c", "d"] {
        host.put(key, &[&format!("{key}2")]);
    }
    sleep(Duration::from_secs(60)).await;
    let seen = host.function.seen();
    assert!(
        seen.iter()
            .all(|seen| seen.data.iter().all(|d| d.ends_with('1')))
    );
    host.function.does(|call| async move { echo(&call.batch) });
    host.until("all", |host| host.out().len() == 8).await;
    let out = host.out();
    for key in ["a", "b", "c", "d"] {
        let at = |data: String| out.iter().position(|out| *out == data).unwrap();
        assert!(at(format!("{key}1")) < at(format!("{key}2")), "{out:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_child_waits_for_a_batch_whose_records_expire_meanwhile() {
    let mut host = Host::new(1).await;
    host.function.does(|call| async move {
        if call.shard_id.ends_with('0') {
            sleep(Duration::from_secs(30)).await;
        }
        echo(&call.batch)
    });
    host.trigger("t", json!({})).await;
    host.put("a", &["a1"]);
    host.until("the call", |host| host.function.seen().len() == 1)
        .await;
    let parent = host.shard("in");
    let change = split(&host, "in", 0);
    reshard(&mut host, change).await;
    host.log.expire(parent);
    host.put("a", &["a2"]);
    sleep(Duration::from_secs(10)).await;
    assert_eq!(host.function.seen().len(), 1);
    host.until("both", |host| host.out() == ["a1", "a2"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_parent_that_is_gone_is_done() {
    let mut host = Host::new(1).await;
    host.function
        .does(|_| async { Err(InvokeError::Throttled) });
    host.trigger("t", json!({})).await;
    host.put("a", &["a1"]);
    let change = split(&host, "in", 0);
    reshard(&mut host, change).await;
    host.put("a", &["a2"]);
    sleep(Duration::from_secs(25 * 3600)).await;
    reshard(&mut host, Reshard::Expire(vec![0])).await;
    host.function.does(|call| async move { echo(&call.batch) });
    host.until("the child", |host| host.out() == ["a2"]).await;
    assert_eq!(host.status("t").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn every_key_keeps_its_order_through_splits_merges_and_crashes() {
    let mut host = Host::new(2).await;
    host.function.does(|call| async move {
        sleep(Duration::from_millis(3)).await;
        echo(&call.batch)
    });
    host.trigger("t", json!({"batch_size": 5})).await;
    let keys: Vec<String> = (0..9).map(|i| format!("k{i}")).collect();
    let changes = [
        Reshard::Resize { target: 4 },
        Reshard::Resize { target: 3 },
        Reshard::Resize { target: 2 },
        Reshard::Resize { target: 3 },
        Reshard::Resize { target: 5 },
        Reshard::Resize { target: 3 },
    ];
    let mut put = 0;
    for change in changes {
        for _ in 0..20 {
            for key in &keys {
                host.put(key, &[&format!("{key}:{put:04}")]);
            }
            put += 1;
            sleep(Duration::from_millis(1)).await;
        }
        reshard(&mut host, change).await;
        if put % 40 == 0 {
            host.crash().await;
        }
    }
    let total = keys.len() * put;
    host.until("all", |host| host.out().len() >= total).await;
    sleep(Duration::from_secs(60)).await;
    let mut by_key: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for record in host.out() {
        by_key
            .entry(record[..2].to_owned())
            .or_default()
            .push(record);
    }
    for key in &keys {
        let expected: Vec<_> = (0..put).map(|i| format!("{key}:{i:04}")).collect();
        assert_eq!(by_key[key], expected);
    }
}

#[tokio::test(start_paused = true)]
async fn outputs_find_the_children_of_a_shard_that_closed_under_them() {
    let mut host = Host::new(1).await;
    host.trigger("t", json!({})).await;
    let change = Host::reshard("out", split(&host, "out", 0));
    // The log knows it first.
    host.decide(change);
    let before = Instant::now();
    host.put("a", &["a"]);
    sleep(Duration::from_millis(20)).await;
    assert_eq!(host.status("t")[0].records, 0);
    host.reconcile().await;
    while host.status("t")[0].records == 0 {
        tokio::task::yield_now().await;
        assert!(before.elapsed() < Duration::from_millis(21), "it rested");
    }
    let out = host.catalog.stream("out").unwrap();
    let data: Vec<String> = out.shards[1..]
        .iter()
        .flat_map(|shard| host.log.data(shard.number))
        .collect();
    assert_eq!(data, ["a"]);
    assert!(host.out().is_empty());
    assert_eq!(host.status("t")[0].last_error, None);
}

#[tokio::test(start_paused = true)]
async fn a_closed_shard_without_news_is_tried_again() {
    let mut host = Host::new(1).await;
    host.trigger("t", json!({})).await;
    let closed = CommitError::Closed(host.shard("out"));
    host.log.fail(std::iter::repeat_n(closed, 20));
    host.put("a", &["a"]);
    host.until("the record", |host| host.out() == ["a"]).await;
}
