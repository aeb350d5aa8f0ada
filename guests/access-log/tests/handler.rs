//! The handler: where lines go, under which key.

use millstream_sdk::testing::{Host, run};
use serde_json::Value;

const LINE: &str = "::1 - - [17/May/2015:10:05:03 +0000] \"GET /blog/ HTTP/1.1\" 200 5 \"-\" \"-\"";

#[test]
fn events_have_the_client_as_their_key_and_other_lines_their_own() {
    let outcome = run(
        guest_access_log::handle,
        [("k1", LINE), ("k2", "nonsense"), ("k3", LINE)],
    );
    let keys = |stream: &str| -> Vec<&str> {
        outcome.outputs[stream]
            .iter()
            .map(|(key, _)| key.as_str())
            .collect()
    };
    assert_eq!(
        (keys("events"), keys("unparsable")),
        (vec!["::1", "::1"], vec!["k2"])
    );
    let refused = &outcome.json::<Value>("unparsable")[0];
    assert_eq!(
        (&refused["reason"], &refused["line"]),
        (&"no ident".into(), &"nonsense".into())
    );
    assert_eq!(outcome.failures, []);
}

#[test]
fn bytes_that_are_no_text_do_not_lose_the_line() {
    let mut line = LINE.as_bytes().to_vec();
    let at = line.len() - 2;
    line[at] = 0xe9;
    line.push(b'\r');
    let outcome = run(guest_access_log::handle, [("k", line)]);
    assert_eq!(outcome.json::<Value>("events")[0]["user_agent"], "\u{fffd}");
}

#[test]
fn streams_can_be_named() {
    let mut host = Host::new().config("events", "e").config("unparsable", "u");
    let outcome = host.run(guest_access_log::handle, [("k", LINE), ("k", "")]);
    assert_eq!((outcome.texts("e").len(), outcome.texts("u").len()), (1, 1));
}
