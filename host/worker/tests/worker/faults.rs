//! Crashes, full disks, failing functions and failing hosts.

use std::{future::pending, time::Duration};

use millstream_core::port::CommitError;
use serde_json::json;
use tokio::time::sleep;

use crate::{
    function::{data, echo, error},
    host::Host,
};

#[tokio::test(start_paused = true)]
async fn a_crash_between_call_and_commit_repeats_the_call_and_not_the_effect() {
    let mut host = Host::new(1).await;
    host.function.does(|_| pending());
    host.trigger("t", json!({})).await;
    host.put("k", &["a", "b"]);
    host.until("the call", |host| host.function.seen().len() == 1)
        .await;
    host.function.does(|call| async move { echo(&call.batch) });
    host.crash().await;
    host.until("both", |host| host.out() == ["a", "b"]).await;
    host.crash().await;
    sleep(Duration::from_secs(60)).await;
    assert_eq!(host.out(), ["a", "b"]);
    assert_eq!(host.function.seen().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_crash_after_the_commit_does_not_repeat_it() {
    let mut host = Host::new(1).await;
    host.trigger("t", json!({})).await;
    // The commit has happened, but its answer never comes.
    host.log.held.send_replace(true);
    host.put("k", &["a"]);
    host.until("the commit", |host| host.out() == ["a"]).await;
    host.crash().await;
    host.log.held.send_replace(false);
    sleep(Duration::from_secs(60)).await;
    assert_eq!(host.out(), ["a"]);
    assert_eq!(host.function.seen().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn attempts_survive_a_crash() {
    let mut host = Host::new(1).await;
    host.function.does(|_| async { error("no") });
    host.trigger("t", json!({"maximum_retry_attempts": 3}))
        .await;
    host.put("k", &["a"]);
    host.until("two attempts", |host| host.status("t")[0].attempts == 2)
        .await;
    host.crash().await;
    host.until("the letter", |host| !host.dead().is_empty())
        .await;
    let attempts: Vec<_> = host
        .function
        .seen()
        .iter()
        .map(|seen| seen.attempt)
        .collect();
    assert_eq!(attempts, [1, 2, 3, 4]);
    let (reason, attempts, error, text) = host.dead().remove(0);
    assert_eq!(
        (reason.as_str(), attempts, text.as_str()),
        ("RetryAttemptsExhausted", 4, "a")
    );
    assert!(error.contains("no"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_failing_shard_does_not_hold_the_others_up() {
    let mut host = Host::new(4).await;
    host.function.does(|call| async move {
        if data(&call.batch).contains(&"bad".to_owned()) {
            return error("bad");
        }
        echo(&call.batch)
    });
    host.trigger("t", json!({})).await;
    host.put("a", &["bad"]);
    let keys: Vec<_> = (0..20).map(|i| format!("key{i}")).collect();
    let blocked = |host: &Host, key: &str| {
        let stream = host.catalog.stream("in").unwrap();
        let shard = |key: &str| {
            stream
                .shard_for(millstream_core::hash_key::HashKey::of(key.as_bytes()))
                .number
        };
        shard(key) == shard("a")
    };
    let free: Vec<_> = keys.iter().filter(|key| !blocked(&host, key)).collect();
    for key in &keys {
        host.put(key, &[key]);
    }
    host.until("the other shards", |host| host.out().len() == free.len())
        .await;
    sleep(Duration::from_secs(60)).await;
    assert_eq!(host.out().len(), free.len());
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_holds_the_answer_until_there_is_room() {
    let mut host = Host::new(1).await;
    host.trigger("t", json!({})).await;
    host.log
        .fail([CommitError::Full, CommitError::Busy, CommitError::Full]);
    host.put("k", &["a"]);
    host.until("a", |host| host.out() == ["a"]).await;
    assert_eq!(host.function.seen().len(), 1);
    let status = host.status("t").remove(0);
    assert_eq!((status.attempts, status.records), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn an_unavailable_log_is_waited_for() {
    let mut host = Host::new(1).await;
    host.trigger("t", json!({"maximum_retry_attempts": 0}))
        .await;
    host.log.fail([CommitError::Unavailable("closed".into())]);
    host.put("k", &["a"]);
    host.until("a", |host| host.out() == ["a"]).await;
    assert!(host.dead().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_lane_that_dies_is_shown_and_started_again() {
    let mut host = Host::new(1).await;
    host.function
        .does(|_| async { panic!("a bug in the host, on purpose") });
    host.trigger("t", json!({})).await;
    host.put("k", &["a"]);
    host.until("its end", |host| host.status("t")[0].state == "stopped")
        .await;
    host.function.does(|call| async move { echo(&call.batch) });
    host.reconcile().await;
    host.until("a", |host| host.out() == ["a"]).await;
}
