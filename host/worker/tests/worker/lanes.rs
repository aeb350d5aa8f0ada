//! What lanes do when nothing goes wrong.

use std::{collections::BTreeMap, time::Duration};

use millstream_core::port::{Call, Verdict};
use serde_json::json;
use tokio::time::sleep;

use crate::{
    function::{answer, data, echo},
    host::Host,
};

#[tokio::test(start_paused = true)]
async fn records_of_all_shards_come_through_once_and_in_order() {
    let mut host = Host::new(4).await;
    let keys: Vec<String> = (0..8).map(|i| format!("key{i}")).collect();
    let put = |host: &Host, range: std::ops::Range<u32>| {
        for i in range {
            for key in &keys {
                host.put(key, &[&format!("{key}:{i:03}")]);
            }
        }
    };
    put(&host, 0..50);
    host.trigger("t", json!({"batch_size": 7})).await;
    host.until("the backlog", |host| host.out().len() == 8 * 50)
        .await;
    put(&host, 50..100);
    host.until("what came later", |host| host.out().len() >= 8 * 100)
        .await;
    sleep(Duration::from_secs(600)).await;
    let mut by_key: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for record in host.out() {
        by_key
            .entry(record[..4].to_owned())
            .or_default()
            .push(record);
    }
    for key in &keys {
        let expected: Vec<_> = (0..100).map(|i| format!("{key}:{i:03}")).collect();
        assert_eq!(by_key[key], expected);
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_lane_does_nothing() {
    let mut host = Host::new(1).await;
    host.trigger("t", json!({})).await;
    host.put("k", &["a"]);
    host.until("the record", |host| host.out() == ["a"]).await;
    sleep(Duration::from_secs(1)).await;
    let reads = host.log.reads();
    sleep(Duration::from_secs(3600)).await;
    assert_eq!(host.log.reads(), reads);
}

#[tokio::test(start_paused = true)]
async fn a_record_is_delivered_without_any_delay() {
    let mut host = Host::new(1).await;
    host.trigger("t", json!({})).await;
    sleep(Duration::from_secs(60)).await;
    let before = tokio::time::Instant::now();
    host.put("k", &["a"]);
    while host.out().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(before.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn functions_feed_further_functions() {
    let mut host = Host::new(1).await;
    host.upload("second").await;
    host.trigger("first", json!({})).await;
    host.function.does(|call| async move {
        let mut answer = echo(&call.batch);
        let stream = if call.function.as_str() == "f" {
            "mid"
        } else {
            "out"
        };
        if let Ok(Ok(verdict)) = answer.as_mut().map(|invoked| invoked.result.as_mut()) {
            verdict.outputs[0].stream = stream.try_into().unwrap();
        }
        answer
    });
    host.stream("mid", 1).await;
    host.trigger("next", json!({"stream": "mid", "function": "second"}))
        .await;
    host.put("k", &["a", "b"]);
    host.until("both", |host| host.out() == ["a", "b"]).await;
    assert_eq!(host.log.data(host.shard("mid")), ["a", "b"]);
}

/// Counts the records it sees in its state.
async fn count(call: Call) -> crate::function::Answer {
    let before = call.state.get_many(vec!["count".into()]).await.unwrap()[0].clone();
    let before: usize = before.map_or(0, |bytes| {
        std::str::from_utf8(&bytes).unwrap().parse().unwrap()
    });
    let now = before + data(&call.batch).len();
    answer(Ok(Verdict {
        writes: BTreeMap::from([("count".into(), Some(now.to_string().into()))]),
        ..Verdict::default()
    }))
}

#[tokio::test(start_paused = true)]
async fn a_function_remembers_per_shard_and_over_restarts() {
    use millstream_core::{catalog::key, port::Log};
    let mut host = Host::new(1).await;
    host.function.does(count);
    host.trigger("t", json!({"batch_size": 2})).await;
    host.put("k", &["a", "b", "c"]);
    let done = |n: u64| move |host: &Host| host.status("t")[0].records == n;
    host.until("three", done(3)).await;
    host.crash().await;
    host.put("k", &["d"]);
    host.until("one more", done(1)).await;
    let id = host.catalog.trigger("t").unwrap().id;
    let key = key::state(id, host.shard("in"), "count");
    let stored = host.log.get_many(vec![key]).await.unwrap();
    assert_eq!(stored[0].as_deref(), Some(&b"4"[..]));
}

#[tokio::test(start_paused = true)]
async fn a_lane_with_a_backlog_does_not_hold_the_others_up() {
    let mut host = Host::new(1).await;
    for i in 0..5_000 {
        host.put("k", &[&i.to_string()]);
    }
    for i in 0..40 {
        host.trigger(
            &format!("hog{i}"),
            json!({"batch_size": 1, "starting_position": "TRIM_HORIZON"}),
        )
        .await;
    }
    host.stream("quiet", 1).await;
    host.upload("second").await;
    host.trigger("quiet", json!({"stream": "quiet", "function": "second"}))
        .await;
    let mut builder = millstream_core::block::BlockBuilder::default();
    builder.push("k", b"quiet");
    host.log.put(host.shard("quiet"), builder.finish().unwrap());
    let before = host.function.seen().len();
    while !host
        .function
        .seen()
        .iter()
        .any(|seen| seen.function == "second")
    {
        tokio::task::yield_now().await;
    }
    let meanwhile = host.function.seen().len() - before;
    assert!(meanwhile < 2_000, "{meanwhile} calls came first");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_wake_up_is_lost_under_concurrent_puts() {
    let mut host = Host::new(2).await;
    host.trigger("t", json!({"batch_size": 3})).await;
    for i in 0..3_000 {
        host.put(["a", "b"][i % 2], &[&i.to_string()]);
        if i % 3 == 0 {
            tokio::task::yield_now().await;
        }
    }
    host.until("all of them", |host| host.out().len() == 3_000)
        .await;
}
