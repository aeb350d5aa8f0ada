//! What a trigger shows of itself: its status and its samples.

use millstream_core::port::{Disposition, RecordFailure};
use serde_json::json;

use crate::{
    function::{echo, error},
    host::Host,
};

#[tokio::test(start_paused = true)]
async fn a_status_tells_where_a_lane_stands() {
    let mut host = Host::new(1).await;
    host.function.does(|_| async { error("out of order") });
    host.trigger("t", json!({})).await;
    host.put("k", &["a", "b"]);
    host.until("an attempt", |host| host.status("t")[0].attempts == 3)
        .await;
    host.put("k", &["c"]);
    let status = host.status("t").remove(0);
    assert_eq!(status.shard_id, "shardId-000000000000");
    assert_eq!(
        (status.state, status.lag_records, status.records),
        ("backing_off", 3, 0)
    );
    assert!(status.lag_ms >= 750, "{}", status.lag_ms);
    assert_eq!(
        status.last_error.as_deref(),
        Some("the function failed: out of order")
    );
    host.function.does(|call| async move { echo(&call.batch) });
    host.until("all", |host| host.out().len() == 3).await;
    host.until("rest", |host| host.status("t")[0].state == "waiting")
        .await;
    let status = host.status("t").remove(0);
    assert_eq!(
        (status.lag_records, status.lag_ms, status.attempts),
        (0, 0, 0)
    );
    assert_eq!((status.batches, status.records, status.outputs), (2, 3, 3));
    assert_eq!(status.last_error, None);
}

/// A trigger that had failed for hours showed no state and no attempts when the host was ready.
#[tokio::test(start_paused = true)]
async fn a_lane_that_begins_again_shows_its_checkpoint_at_once() {
    let mut host = Host::new(1).await;
    host.trigger("t", json!({})).await;
    host.put("k", &["a"]);
    host.until("one", |host| host.out().len() == 1).await;
    host.function.does(|_| async { error("out of order") });
    host.put("k", &["b"]);
    host.until("attempts", |host| host.status("t")[0].attempts == 3)
        .await;
    for enabled in [true, false] {
        host.enable("t", enabled).await;
        let before = host.status("t").remove(0);
        host.crash().await;
        let after = host.status("t").remove(0);
        assert_eq!(after.attempts, before.attempts);
        assert_eq!(after.position, before.position);
        assert_eq!(
            (after.lag_records, after.last_error),
            (1, before.last_error)
        );
        assert!(!after.state.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn samples_count_what_happened() {
    let mut host = Host::new(1).await;
    host.function.does(|call| async move {
        let mut answer = echo(&call.batch);
        if let Ok(Ok(verdict)) = answer.as_mut().map(|invoked| invoked.result.as_mut()) {
            verdict.failures.push(RecordFailure {
                index: 0,
                disposition: Disposition::Reject,
                reason: "no".into(),
            });
        }
        answer
    });
    host.trigger("t-1", json!({"on_failure_stream": null}))
        .await;
    host.put("k", &["a", "b"]);
    host.until("both", |host| host.status("t-1")[0].records == 1)
        .await;
    let mut text = String::new();
    host.workers.samples(&mut text);
    for line in [
        "# TYPE millstream_trigger_records_total counter",
        "millstream_trigger_invocations_total{trigger=\"t-1\"} 1",
        "millstream_trigger_records_total{trigger=\"t-1\"} 1",
        "millstream_trigger_outputs_total{trigger=\"t-1\"} 2",
        "millstream_trigger_dead_letters_total{trigger=\"t-1\"} 1",
        "millstream_trigger_dropped_records_total{trigger=\"t-1\"} 1",
        "millstream_trigger_errors_total{trigger=\"t-1\",kind=\"trapped\"} 0",
        "millstream_trigger_lag_records{trigger=\"t-1\"} 0",
        "millstream_trigger_put_to_handler_seconds_bucket{trigger=\"t-1\",le=\"0.001\"} 1",
        "millstream_trigger_put_to_handler_seconds_bucket{trigger=\"t-1\",le=\"+Inf\"} 1",
        "millstream_trigger_put_to_handler_seconds_count{trigger=\"t-1\"} 1",
    ] {
        assert!(
            text.lines().any(|given| given == line),
            "{line} is not in\n{text}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn records_that_filters_leave_out_are_passed_and_counted() {
    let mut host = Host::new(1).await;
    host.function.does(|call| async move { echo(&call.batch) });
    let pattern = json!({"data": {"keep": [true]}}).to_string();
    let criteria = json!({"filters": [{ "pattern": pattern }]});
    host.trigger("t", json!({ "filter_criteria": criteria }))
        .await;
    host.put("k", &["no", "{}", r#"{"keep":true}"#, r#"{"keep":false}"#]);
    host.until("all", |host| host.status("t")[0].filtered == 3)
        .await;
    assert_eq!(host.out(), [r#"{"keep":true}"#]);
    // What is left out does not wait, though a commit says so only later.
    host.put("k", &["no"]);
    host.until("the last", |host| host.status("t")[0].lag_records == 0)
        .await;
    let status = host.status("t").remove(0);
    assert_eq!(
        (status.state, status.records, status.filtered),
        ("waiting", 1, 3)
    );
    host.until("its commit", |host| host.status("t")[0].filtered == 4)
        .await;
    let mut text = String::new();
    host.workers.samples(&mut text);
    let line = "millstream_trigger_filtered_records_total{trigger=\"t\"} 4";
    assert!(text.lines().any(|given| given == line), "{text}");
    // A new machine, and a new host, go on behind them.
    host.enable("t", false).await;
    assert_eq!(host.status("t")[0].lag_records, 0);
    host.crash().await;
    host.enable("t", true).await;
    host.put("k", &[r#"{"keep":true}"#]);
    host.until("the next", |host| host.out().len() == 2).await;
    assert_eq!(host.status("t")[0].filtered, 0);
}
