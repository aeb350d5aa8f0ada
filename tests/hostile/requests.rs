//! Requests that are HTTP and no good: malformed, mistyped, out of range, for nobody.

use anyhow::{Context, Result, ensure};
use serde_json::json;
use support::{Api, Host, api::Answer};

/// Bodies that are not what any route wants.
const MALFORMED: &[&str] = &[
    "",
    "{",
    "[]",
    "null",
    "7",
    "\"text\"",
    "{'a': 1}",
    "{\"a\": 1,}",
    "{} {}",
    "\u{feff}{}",
];

fn raw(api: &Api, method: &str, path: &str, body: &[u8]) -> Result<Answer> {
    match method {
        "PUT" => api.upload(path, body),
        _ => api.send(path, "application/json", body),
    }
}

#[test]
fn malformed_json_is_a_bad_request_on_every_route() -> Result<()> {
    let mut host = Host::start()?;
    host.api.stream("s", 1)?;
    host.api.deploy("f", "fixture", "config.to=s")?;
    let routes = [
        ("PUT", "/v1/triggers/t"),
        ("POST", "/v1/functions/f/invoke"),
        ("POST", "/v1/backup"),
        ("POST", "/v1/streams/s/records?format=ndjson"),
    ];
    let deep = "[".repeat(100_000);
    for (method, path) in routes {
        for body in MALFORMED.iter().copied().chain([deep.as_str()]) {
            // Empty input is no line, and a line of ndjson may be any JSON.
            if path.contains("ndjson") && ["", "[]", "null", "7", "\"text\""].contains(&body) {
                continue;
            }
            let answer = raw(&host.api, method, path, body.as_bytes())?;
            let message = answer.refused(400, "bad_request");
            let message = message.with_context(|| format!("{method} {path} with {body:.20?}"))?;
            ensure!(
                !message.is_empty(),
                "{path} refuses {body:?} without a word"
            );
        }
        let answer = raw(&host.api, method, path, b"{\"a\": \"\xff\xfe\"}")?;
        ensure!(
            answer.status == 400,
            "{path} takes what is not UTF-8: {answer:?}"
        );
    }
    ensure!(
        host.api.records("s")?.is_empty(),
        "something of it was stored"
    );
    host.alive()
}

#[test]
fn a_stream_has_a_whole_number_of_shards_in_range() -> Result<()> {
    let host = Host::start()?;
    for shards in [
        json!("4"),
        json!(-1),
        json!(1.5),
        json!([1]),
        json!(true),
        json!(1e300),
    ] {
        let answer = host
            .api
            .put("/v1/streams/s", &json!({ "shards": shards }))?;
        let message = answer
            .refused(400, "bad_request")
            .with_context(|| shards.to_string())?;
        ensure!(
            message.contains("shards"),
            "the field is not named: {message}"
        );
    }
    for shards in [0, 501, u32::MAX] {
        let answer = host
            .api
            .put("/v1/streams/s", &json!({ "shards": shards }))?;
        ensure!(answer.status == 400, "{shards} shards: {answer:?}");
        ensure!(
            answer.text.contains("500"),
            "the range is not named: {answer:?}"
        );
    }
    host.api
        .get("/v1/streams/s")?
        .refused(404, "no_such_stream")?;
    Ok(())
}

#[test]
fn trigger_settings_out_of_range_are_named() -> Result<()> {
    let host = Host::start()?;
    host.api.stream("s", 1)?;
    host.api.deploy("f", "fixture", "config.to=s")?;
    let good = json!({ "stream": "s", "function": "f", "starting_position": "LATEST" });
    let wrong = [
        ("batch_size", json!(0)),
        ("batch_size", json!(10_001)),
        ("batch_size", json!("many")),
        ("batch_size", json!(-1)),
        ("maximum_batching_window_in_seconds", json!(301)),
        ("maximum_retry_attempts", json!(-2)),
        ("maximum_retry_attempts", json!(10_001)),
        ("maximum_record_age_in_seconds", json!(59)),
        ("maximum_record_age_in_seconds", json!(604_801)),
        ("starting_position", json!("EARLIEST")),
        ("starting_position", json!(null)),
        ("starting_position_timestamp", json!(1)),
        ("on_failure_stream", json!("s")),
        ("stream", json!("a/b")),
        ("function", json!(7)),
        ("enabled", json!("yes")),
        ("filter_criteria", json!({"filters": [{"pattern": "{"}]})),
        (
            "filter_criteria",
            json!({"filters": [{"pattern": "[".repeat(100_000)}]}),
        ),
        ("batch_sise", json!(10)),
    ];
    for (setting, value) in wrong {
        let mut settings = good.clone();
        settings[setting] = value.clone();
        let answer = host.api.put("/v1/triggers/t", &settings)?;
        ensure!(answer.status == 400, "{setting} = {value}: {answer:?}");
        ensure!(
            answer.text.contains(setting),
            "{setting} = {value} is not named: {answer:?}"
        );
    }
    for missing in ["stream", "function", "starting_position"] {
        let mut settings = good.clone();
        settings
            .as_object_mut()
            .context("an object")?
            .remove(missing);
        let answer = host.api.put("/v1/triggers/t", &settings)?;
        ensure!(
            answer.status == 400 && answer.text.contains(missing),
            "{missing}: {answer:?}"
        );
    }
    host.api
        .get("/v1/triggers/t")?
        .refused(404, "no_such_trigger")?;
    Ok(())
}

#[test]
fn what_does_not_exist_is_not_found() -> Result<()> {
    let host = Host::start()?;
    host.api.stream("s", 1)?;
    let api = &host.api;
    let trigger = |stream: &str, function: &str| json!({ "stream": stream, "function": function, "starting_position": "LATEST" });
    api.get("/v1/streams/x")?.refused(404, "no_such_stream")?;
    api.delete("/v1/streams/x")?
        .refused(404, "no_such_stream")?;
    api.send("/v1/streams/x/records", "text/plain", b"a\n")?
        .refused(404, "no_such_stream")?;
    api.get("/v1/streams/x/tail")?
        .refused(404, "no_such_stream")?;
    api.get("/v1/functions/x")?
        .refused(404, "no_such_function")?;
    api.delete("/v1/functions/x")?
        .refused(404, "no_such_function")?;
    let call = json!({ "records": [{ "partition_key": "k", "text": "x" }] });
    api.post("/v1/functions/x/invoke", &call)?
        .refused(404, "no_such_function")?;
    api.put("/v1/triggers/t", &trigger("s", "x"))?
        .refused(404, "no_such_function")?;
    api.get("/v1/triggers/x")?.refused(404, "no_such_trigger")?;
    api.post("/v1/triggers/x/pause", &json!({}))?
        .refused(404, "no_such_trigger")?;
    api.delete("/v1/triggers/x")?
        .refused(404, "no_such_trigger")?;
    for path in [
        "/v1",
        "/v1/",
        "/v2/streams",
        "/v1/streams/s/x",
        "/favicon.ico",
        "//",
    ] {
        api.get(path)?
            .refused(404, "no_such_route")
            .with_context(|| path.to_owned())?;
    }
    api.delete("/v1/streams")?
        .refused(405, "method_not_allowed")?;
    api.post("/v1/streams/s", &json!({}))?
        .refused(405, "method_not_allowed")?;
    Ok(())
}

#[test]
fn queries_that_make_no_sense_are_refused() -> Result<()> {
    let host = Host::start()?;
    host.api.stream("s", 1)?;
    for query in [
        "format=xml",
        "format=lines&key_field=0",
        "format=lines&key_field=x",
    ] {
        let path = format!("/v1/streams/s/records?{query}");
        let answer = host.api.send(&path, "text/plain", b"a b\n")?;
        answer
            .refused(400, "bad_request")
            .with_context(|| query.to_owned())?;
    }
    let long = format!("/v1/streams/s/records?key={}", "x".repeat(257));
    host.api
        .send(&long, "text/plain", b"a\n")?
        .refused(400, "bad_request")?;
    for query in [
        "from=SOMEWHERE",
        "shard=shardId-000000000009",
        "shard=x",
        "max_records=many",
    ] {
        let answer = host.api.get(&format!("/v1/streams/s/tail?{query}"))?;
        ensure!((400..500).contains(&answer.status), "{query}: {answer:?}");
    }
    for query in ["memory_bytes=lots", "time_ms=-1", "wait_ms=soon"] {
        let answer = host
            .api
            .upload(&format!("/v1/functions/f?{query}"), b"\0asm")?;
        ensure!((400..500).contains(&answer.status), "{query}: {answer:?}");
        let name = query.split('=').next().unwrap_or_default();
        ensure!(
            answer.text.contains(name),
            "{query} is not named: {answer:?}"
        );
    }
    ensure!(
        host.api.records("s")?.is_empty(),
        "something of it was stored"
    );
    Ok(())
}

#[test]
fn one_bad_line_refuses_the_request_and_is_named() -> Result<()> {
    let host = Host::start()?;
    host.api.stream("s", 2)?;
    let body = b"{\"n\": 1}\n{\"n\": 2}\n{\"n\": \n{\"n\": 4}\n";
    let answer = host
        .api
        .send("/v1/streams/s/records", "application/x-ndjson", body)?;
    let message = answer.refused(400, "bad_request")?;
    ensure!(
        message.contains("line 3"),
        "the line is not named: {message}"
    );
    ensure!(
        host.api.records("s")?.is_empty(),
        "a part of the request was stored"
    );
    Ok(())
}

#[test]
fn a_put_holds_ten_mebibytes_and_a_record_one() -> Result<()> {
    let host = Host::start()?;
    host.api.stream("s", 1)?;
    let path = "/v1/streams/s/records?key=k";
    let kind = "application/octet-stream";
    let record = vec![b'x'; (1 << 20) - 1];
    host.api.send(path, kind, &record)?.ok()?;
    let larger = vec![b'x'; 1 << 20];
    let answer = host.api.send(path, kind, &larger)?;
    ensure!(
        [400, 413].contains(&answer.status),
        "a record that is too large: {answer:?}"
    );
    let too_large = vec![b'\n'; (10 << 20) + 1];
    let answer = host
        .api
        .send(&format!("{path}&format=lines"), kind, &too_large)?;
    answer.refused(413, "too_large")?;
    let many = "x\n".repeat(50_001);
    let answer = host
        .api
        .send(&format!("{path}&format=lines"), kind, many.as_bytes())?;
    ensure!(
        [400, 413].contains(&answer.status),
        "50,001 records: {answer:?}"
    );
    ensure!(
        host.api.records("s")?.len() == 1,
        "a refused put was stored"
    );
    Ok(())
}

#[test]
fn the_kinesis_door_tells_what_it_does_not_know() -> Result<()> {
    let mut host = Host::start()?;
    for target in [
        "Kinesis_20131202.Explode",
        "Kinesis_20131202.",
        "DynamoDB_20120810.PutItem",
        "x",
    ] {
        let answer = host.api.target(target, b"{}")?;
        ensure!((400..500).contains(&answer.status), "{target}: {answer:?}");
        ensure!(
            answer.headers.contains_key("x-amzn-requestid"),
            "no request id: {answer:?}"
        );
    }
    let unknown = host.api.target("Kinesis_20131202.Explode", b"{}")?;
    ensure!(
        unknown.json()?["__type"] == "UnknownOperationException",
        "{unknown:?}"
    );
    for (method, path) in [("GET", "/"), ("POST", "/")] {
        let answer = match method {
            "GET" => host.api.get(path)?,
            _ => host.api.send(path, "text/plain", b"{}")?,
        };
        ensure!(
            (400..500).contains(&answer.status),
            "{method} {path}: {answer:?}"
        );
    }
    let larger = format!("{{\"StreamName\": \"{}\"}}", "x".repeat(40 << 20));
    let answer = host
        .api
        .target("Kinesis_20131202.ListShards", larger.as_bytes());
    // The host may hang up before it was sent all of the body.
    let refused = answer.map_or(true, |answer| (400..500).contains(&answer.status));
    ensure!(refused, "forty mebibytes were taken");
    host.alive()
}
