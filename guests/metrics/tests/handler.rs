//! The handler from batch to batch: state, flushes, what is no event.

use millstream_sdk::{Disposition, testing::Host};
use serde_json::{Value, json};

fn event(minute: u64, section: &str, status: u16) -> (String, String) {
    let epoch_ms = minute * 60_000;
    let event = json!({"epoch_ms": epoch_ms, "section": section, "status": status, "bytes": 7});
    ("client".to_owned(), event.to_string())
}

fn flush() -> (String, String) {
    ("any".to_owned(), "{\"flush\":true}".to_owned())
}

#[test]
fn a_minute_is_counted_over_batches_and_given_out_once() {
    let mut host = Host::new().shard_id("shardId-7");
    let first = host.run(
        guest_metrics::handle,
        [event(100, "blog", 200), event(100, "/", 500)],
    );
    assert!(first.outputs.is_empty());
    let second = host.run(
        guest_metrics::handle,
        [event(100, "blog", 304), event(106, "/", 200)],
    );
    let parts = second.json::<Value>("metrics");
    let seen: Vec<_> = parts
        .iter()
        .map(|p| {
            (
                p["section"].as_str().unwrap(),
                p["requests"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(seen, [("*", 3), ("/", 1), ("blog", 2)]);
    let total = &parts[0];
    let classes = ["s2xx", "s3xx", "s5xx"].map(|class| total[class].as_u64().unwrap());
    assert_eq!((classes, &total["bytes"]), ([1, 1, 1], &json!(21)));
    assert_eq!(
        (&total["shard"], &total["late"]),
        (&json!("shardId-7"), &json!(false))
    );
    let keys: Vec<_> = second.outputs["metrics"]
        .iter()
        .map(|(key, _)| key.as_str())
        .collect();
    assert_eq!(
        keys,
        ["*", "/", "blog"],
        "parts of a section meet in one shard"
    );
    let third = host.run(guest_metrics::handle, [flush()]);
    assert_eq!(third.texts("metrics").len(), 2);
}

#[test]
fn what_is_no_event_is_rejected_and_the_others_count() {
    let bad = ("k".to_owned(), "[]".to_owned());
    let not_flush = ("k".to_owned(), "{\"flush\":false}".to_owned());
    let never = ("k".to_owned(), event(u64::MAX / 60_000, "/", 200).1);
    let records = [bad, event(1, "/", 200), not_flush, never, flush()];
    let outcome = Host::new().run(guest_metrics::handle, records);
    let failed: Vec<_> = outcome
        .failures
        .iter()
        .map(|f| (f.index, f.disposition))
        .collect();
    assert_eq!(failed, [0, 2, 3].map(|index| (index, Disposition::Reject)));
    assert_eq!(outcome.texts("metrics").len(), 2);
}
