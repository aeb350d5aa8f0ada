//! The handler from batch to batch: state, flushes, what is no event.

use millstream_sdk::{Disposition, testing::Host};
use serde_json::{Value, json};

const START_MS: i64 = 1_431_857_100_000;

fn event(client: &str, second: i64, path: &str) -> (String, String) {
    let epoch_ms = START_MS + second * 1000;
    let event =
        json!({"epoch_ms": epoch_ms, "client": client, "path": path, "bytes": 5, "status": 200});
    (client.to_owned(), event.to_string())
}

fn flush() -> (String, String) {
    ("any".to_owned(), "{\"flush\":true}".to_owned())
}

#[test]
fn a_session_goes_on_from_batch_to_batch() {
    let mut host = Host::new();
    let first = host.run(
        guest_sessions::handle,
        [event("a", 0, "/"), event("b", 10, "/x")],
    );
    assert!(first.outputs.is_empty());
    let second = host.run(guest_sessions::handle, [event("a", 1800, "/bye"), flush()]);
    let expected = [
        json!({"client": "b", "start": "2015-05-17T10:05:10Z", "end": "2015-05-17T10:05:10Z",
               "seconds": 0, "requests": 1, "pages": 1, "bytes": 5, "entry": "/x", "exit": "/x"}),
        json!({"client": "a", "start": "2015-05-17T10:05:00Z", "end": "2015-05-17T10:35:00Z",
               "seconds": 1800, "requests": 2, "pages": 2, "bytes": 10, "entry": "/", "exit": "/bye"}),
    ];
    assert_eq!(second.json::<Value>("sessions"), expected);
    let keys: Vec<_> = second.state.keys().collect();
    assert_eq!(keys, ["lane"], "open sessions stay in the state");
}

#[test]
fn a_session_is_over_when_another_client_is_later_by_gap_and_lateness() {
    let mut host = Host::new()
        .config("gap_seconds", "100")
        .config("lateness_seconds", "10");
    host.run(guest_sessions::handle, [event("a", 0, "/")]);
    let early = host.run(guest_sessions::handle, [event("b", 110, "/")]);
    assert!(early.outputs.is_empty());
    let late = host.run(guest_sessions::handle, [event("b", 111, "/")]);
    assert_eq!(late.json::<Value>("sessions")[0]["client"], "a");
}

#[test]
fn what_is_no_event_is_rejected_and_the_others_count() {
    let bad = ("k".to_owned(), "{\"client\": 1}".to_owned());
    let never = (
        "k".to_owned(),
        json!({"epoch_ms": i64::MAX, "client": "c", "bytes": 0}).to_string(),
    );
    let records = [event("a", 0, "/"), bad, never, flush()];
    let outcome = Host::new().run(guest_sessions::handle, records);
    let failed: Vec<_> = outcome
        .failures
        .iter()
        .map(|f| (f.index, f.disposition))
        .collect();
    assert_eq!(failed, [(1, Disposition::Reject), (2, Disposition::Reject)]);
    assert_eq!(outcome.texts("sessions").len(), 1);
}
