//! Pausing, resuming, changing, deleting and draining, also while a call is under way.

use std::{future::pending, time::Duration};

use millstream_core::port::InvokeError;
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::{function::echo, host::Host};

#[tokio::test(start_paused = true)]
async fn a_paused_trigger_keeps_its_place() {
    let mut host = Host::new(1).await;
    host.trigger("t", json!({})).await;
    host.put("k", &["a"]);
    host.until("a", |host| host.out() == ["a"]).await;
    host.enable("t", false).await;
    host.put("k", &["b", "c"]);
    sleep(Duration::from_secs(60)).await;
    assert_eq!(host.out(), ["a"]);
    let status = host.status("t").remove(0);
    assert_eq!((status.state, status.lag_records), ("paused", 2));
    assert_eq!(status.lag_ms, 60_000);
    host.enable("t", true).await;
    host.until("the rest", |host| host.out() == ["a", "b", "c"])
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_pause_lets_a_short_call_finish() {
    let mut host = Host::new(1).await;
    host.function.does(|call| async move {
        sleep(Duration::from_secs(1)).await;
        echo(&call.batch)
    });
    host.trigger("t", json!({})).await;
    host.put("k", &["a"]);
    host.until("the call", |host| host.function.seen().len() == 1)
        .await;
    host.enable("t", false).await;
    assert_eq!(host.out(), ["a"]);
    host.enable("t", true).await;
    sleep(Duration::from_secs(60)).await;
    assert_eq!(host.function.seen().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_pause_abandons_a_long_call_and_a_resume_begins_it_anew() {
    let mut host = Host::new(1).await;
    host.function.does(|_| pending());
    host.trigger("t", json!({})).await;
    host.put("k", &["a"]);
    host.until("the call", |host| host.function.seen().len() == 1)
        .await;
    let before = Instant::now();
    host.enable("t", false).await;
    assert_eq!(before.elapsed(), Duration::from_secs(3));
    assert!(host.out().is_empty());
    host.function.does(|call| async move { echo(&call.batch) });
    host.enable("t", true).await;
    host.until("a", |host| host.out() == ["a"]).await;
    let attempts: Vec<_> = host
        .function
        .seen()
        .iter()
        .map(|seen| seen.attempt)
        .collect();
    assert_eq!(attempts, [1, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_pause_returns_only_after_the_commit_under_way() {
    let mut host = Host::new(1).await;
    host.trigger("t", json!({})).await;
    host.log.held.send_replace(true);
    host.put("k", &["a"]);
    host.until("the commit", |host| {
        host.status("t")[0].state == "committing"
    })
    .await;
    let held = host.log.held.clone();
    let release = tokio::spawn(async move {
        sleep(Duration::from_secs(20)).await;
        held.send_replace(false);
    });
    let before = Instant::now();
    host.enable("t", false).await;
    assert_eq!(before.elapsed(), Duration::from_secs(20));
    release.await.unwrap();
    assert_eq!(host.status("t")[0].position.ordinal(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_trigger_commits_nothing_any_more() {
    let mut host = Host::new(2).await;
    host.function.does(|call| async move {
        sleep(Duration::from_secs(30)).await;
        echo(&call.batch)
    });
    host.trigger("t", json!({})).await;
    host.put("a", &["a"]);
    host.until("the call", |host| host.function.seen().len() == 1)
        .await;
    host.delete("t").await;
    assert!(host.status("t").is_empty());
    sleep(Duration::from_secs(3600)).await;
    assert!(host.out().is_empty());
    // A new one of the same name begins anew.
    host.trigger("t", json!({})).await;
    host.until("the record", |host| host.out() == ["a"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_new_version_is_used_from_the_next_batch_on() {
    let mut host = Host::new(1).await;
    host.function.does(|call| async move {
        sleep(Duration::from_secs(1)).await;
        echo(&call.batch)
    });
    host.trigger("t", json!({"batch_size": 1})).await;
    host.put("k", &["a", "b"]);
    host.until("the call", |host| host.function.seen().len() == 1)
        .await;
    host.upload("f").await;
    host.until("both", |host| host.out() == ["a", "b"]).await;
    let versions: Vec<_> = host
        .function
        .seen()
        .iter()
        .map(|seen| seen.version)
        .collect();
    assert_eq!(versions, [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_function_that_comes_back_is_called_at_once() {
    let mut host = Host::new(1).await;
    host.trigger("t", json!({})).await;
    host.apply(millstream_core::catalog::Request::DeleteFunction {
        name: "f".try_into().unwrap(),
    })
    .await;
    host.put("k", &["a"]);
    sleep(Duration::from_secs(100)).await;
    let status = host.status("t").remove(0);
    assert_eq!((status.state, status.attempts), ("backing_off", 0));
    assert!(
        status
            .last_error
            .unwrap()
            .contains("function `f` is not ready")
    );
    let before = Instant::now();
    host.upload("f").await;
    host.until("a", |host| host.out() == ["a"]).await;
    assert!(before.elapsed() < Duration::from_secs(1));
    assert_eq!(host.function.seen()[0].attempt, 1);
}

#[tokio::test(start_paused = true)]
async fn a_function_that_is_ready_at_last_is_called_at_once() {
    let mut host = Host::new(1).await;
    host.function.does(|call| async move {
        Err(InvokeError::NotReady(
            call.function,
            "still compiling".into(),
        ))
    });
    host.trigger("t", json!({})).await;
    host.put("k", &["a"]);
    sleep(Duration::from_secs(100)).await;
    host.function.does(|call| async move { echo(&call.batch) });
    let before = Instant::now();
    host.reconcile().await;
    host.until("a", |host| host.out() == ["a"]).await;
    assert!(before.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn changed_settings_apply_to_the_next_batch() {
    let mut host = Host::new(1).await;
    host.trigger("t", json!({"maximum_batching_window_in_seconds": 300}))
        .await;
    host.put("k", &["a", "b"]);
    sleep(Duration::from_secs(10)).await;
    assert_eq!(host.status("t")[0].state, "batching");
    host.trigger("t", json!({"batch_size": 1})).await;
    host.until("both", |host| host.out() == ["a", "b"]).await;
    assert_eq!(host.function.seen().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn changes_elsewhere_do_not_disturb_a_lane() {
    let mut host = Host::new(1).await;
    host.function
        .does(|_| async { Err(InvokeError::Host("no memory".into())) });
    host.trigger("t", json!({})).await;
    host.put("k", &["a"]);
    sleep(Duration::from_secs(600)).await;
    let before = host.function.seen().len();
    for i in 0..100 {
        host.stream(&format!("other{i}"), 1).await;
    }
    sleep(Duration::from_secs(1)).await;
    assert!(host.function.seen().len() <= before + 1);
}

#[tokio::test(start_paused = true)]
async fn a_drained_host_lets_calls_end_and_starts_none() {
    let mut host = Host::new(1).await;
    host.function.does(|call| async move {
        sleep(Duration::from_secs(2)).await;
        echo(&call.batch)
    });
    host.trigger("t", json!({"batch_size": 1})).await;
    host.put("k", &["a", "b"]);
    host.until("the call", |host| host.function.seen().len() == 1)
        .await;
    host.workers.drain().await;
    assert_eq!(host.out(), ["a"]);
    assert_eq!(host.status("t")[0].state, "stopped");
    host.reconcile().await;
    sleep(Duration::from_secs(60)).await;
    assert_eq!(host.function.seen().len(), 1);
}
