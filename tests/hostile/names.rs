//! Names that mean harm: none becomes a path, a query or a header, and each is refused by name.

use anyhow::{Result, ensure};
use serde_json::json;
use support::Host;

/// As they stand in a URL, one path segment each.
const NAMES: &[&str] = &[
    "a%2Fb",
    "..%2F..%2Fetc%2Fpasswd",
    "%2e%2e%2fx",
    "nul%00byte",
    "%00",
    "%C3%BCber",
    "a%20b",
    "a%0d%0ax:%20y",
    "%F0%9F%90%9F",
    "%FF%FE",
    "a'b",
    "a%22;--",
    "a*",
];

#[test]
fn bad_names_are_refused_wherever_a_name_stands() -> Result<()> {
    let mut host = Host::start()?;
    let long = "x".repeat(129);
    let wasm = b"\0asm";
    for name in NAMES.iter().copied().chain([long.as_str()]) {
        let answers = [
            host.api.put(&format!("/v1/streams/{name}"), &json!({}))?,
            host.api.get(&format!("/v1/streams/{name}"))?,
            host.api.delete(&format!("/v1/streams/{name}"))?,
            host.api
                .send(&format!("/v1/streams/{name}/records"), "text/plain", b"x\n")?,
            host.api
                .get(&format!("/v1/streams/{name}/tail?max_records=1"))?,
            host.api.upload(&format!("/v1/functions/{name}"), wasm)?,
            host.api.get(&format!("/v1/functions/{name}"))?,
            host.api.delete(&format!("/v1/functions/{name}"))?,
            host.api.post(
                &format!("/v1/functions/{name}/invoke"),
                &json!({ "records": [] }),
            )?,
            host.api.put(&format!("/v1/triggers/{name}"), &json!({}))?,
            host.api.get(&format!("/v1/triggers/{name}"))?,
            host.api
                .post(&format!("/v1/triggers/{name}/pause"), &json!({}))?,
            host.api.delete(&format!("/v1/triggers/{name}"))?,
        ];
        for answer in answers {
            let refused = answer.status == 400 || answer.status == 404;
            ensure!(refused, "{name}: {answer:?}");
            let message = answer.json()?["error"]["message"].to_string();
            ensure!(
                message.len() > 2,
                "{name} is refused without a word: {answer:?}"
            );
        }
    }
    ensure!(
        host.api.get("/v1/streams")?.ok()? == json!({ "streams": [] }),
        "something came of it"
    );
    host.alive()
}

#[test]
fn a_refusal_names_the_character_or_the_length() -> Result<()> {
    let host = Host::start()?;
    let refuse = |name: &str| {
        let answer = host.api.put(&format!("/v1/streams/{name}"), &json!({}))?;
        answer.refused(400, "invalid_name")
    };
    ensure!(refuse("a%2Fb")?.contains("'/'"), "the slash is not named");
    ensure!(refuse("a%00b")?.contains("\\0"), "the NUL is not named");
    ensure!(
        refuse(&"x".repeat(129))?.contains("129"),
        "the length is not named"
    );
    Ok(())
}

#[test]
fn the_longest_names_are_taken() -> Result<()> {
    let host = Host::start()?;
    let stream = "s".repeat(128);
    host.api.stream(&stream, 1)?;
    host.api.lines(&stream, "", "x\n")?;
    let function = "f".repeat(64);
    host.api.deploy(&function, "fixture", "config.to=x")?;
    let trigger = "t".repeat(64);
    host.api.trigger(
        &trigger,
        json!({ "stream": stream, "function": function, "enabled": false }),
    )?;
    ensure!(
        host.api.lanes(&trigger)?["function"] == function,
        "the names are cut"
    );
    Ok(())
}
