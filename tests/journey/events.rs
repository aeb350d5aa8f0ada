//! Functions that are programs of Lambda's event JSON: deployed, tried out, triggered.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use support::{Host, host};

/// `in` -> a program that reports poisons, with dead letters in `dead`.
fn wire(host: &Host, settings: Value) -> Result<()> {
    for stream in ["in", "dead"] {
        host.api.stream(stream, 1)?;
    }
    let function = host.api.deploy("program", "event", "config.STAGE=test")?;
    ensure!(function["world"] == "wasi:cli/command", "{function}");
    let mut all = json!({
        "stream": "in", "function": "program", "on_failure_stream": "dead",
        "function_response_types": ["ReportBatchItemFailures"],
    });
    let more = settings.as_object().context("an object")?.clone();
    all.as_object_mut().context("an object")?.extend(more);
    let trigger = host.api.trigger("program", all)?;
    let types = &trigger["function_response_types"];
    ensure!(*types == json!(["ReportBatchItemFailures"]), "{trigger}");
    Ok(())
}

/// Of 300 records every 37th is a poison.
fn lines() -> String {
    let line = |n| match n % 37 {
        36 => format!("poison {n}\n"),
        _ => format!("{n}\n"),
    };
    (0..300).map(line).collect()
}

/// Checks that the poisons are in the dead letters, each once, and that all others are done.
fn check(host: &Host) -> Result<()> {
    let status = host.api.caught_up("program")?;
    let dead = host.api.events("dead")?;
    let texts: Vec<_> = dead
        .iter()
        .filter_map(|letter| letter["text"].as_str())
        .collect();
    let expected: Vec<_> = (0..8).map(|n| format!("poison {}", 37 * n + 36)).collect();
    ensure!(texts == expected, "given up were {texts:?}");
    let stored = host.api.records("in")?;
    for letter in &dead {
        ensure!(letter["reason"] == "RetryAttemptsExhausted", "{letter}");
        ensure!(letter["attempts"] == 2, "{letter}");
        let number = letter["sequence_number"].as_str();
        let record = stored
            .iter()
            .find(|record| Some(record.sequence.as_str()) == number);
        let record = record.with_context(|| format!("no record is named by {letter}"))?;
        ensure!(letter["text"] == record.text()?, "{letter}");
    }
    let lane = &status["shards"][0];
    ensure!(
        lane["lag_records"] == 0 && lane["last_error"].is_null(),
        "{lane}"
    );
    Ok(())
}

#[test]
fn poisons_that_a_program_reports_are_given_up_once_each() -> Result<()> {
    let host = Host::start()?;
    wire(
        &host,
        json!({ "maximum_retry_attempts": 1, "batch_size": 50 }),
    )?;
    host.api.lines("in", "key=k", &lines())?;
    check(&host)?;
    let status = host.api.lanes("program")?;
    ensure!(status["shards"][0]["records"] == 292, "{status}");
    Ok(())
}

#[test]
fn poisons_are_given_up_once_each_through_kills() -> Result<()> {
    let home = host::folder()?;
    let data = home.path().join("data");
    let mut host = Host::start_on(&data, &[])?;
    wire(
        &host,
        json!({ "maximum_retry_attempts": 1, "batch_size": 50 }),
    )?;
    host.api.lines("in", "key=k", &lines())?;
    for kill in 1..=3 {
        support::until("some dead letters", || {
            Ok((host.api.records("dead")?.len() >= 2 * kill).then_some(()))
        })?;
        host.kill()?;
        host = Host::start_on(&data, &[])?;
    }
    check(&host)
}

#[test]
fn a_program_is_tried_out_without_a_trigger() -> Result<()> {
    let host = Host::start()?;
    host.api.deploy("program", "event", "config.STAGE=test")?;
    let invoke = |body: Value| host.api.post("/v1/functions/program/invoke", &body)?.ok();
    let looked = invoke(json!({ "records": [{ "text": "look" }], "stream": "clicks" }))?;
    let answer: Value = serde_json::from_str(looked["answer"]["text"].as_str().context("text")?)?;
    ensure!(answer["variables"] == json!(["STAGE=test"]), "{looked}");
    ensure!(
        looked["error"].is_null() && looked["outputs"] == json!([]),
        "{looked}"
    );

    let event = invoke(json!({ "records": [{ "text": "event" }], "stream": "clicks" }))?;
    let event: Value = serde_json::from_str(event["answer"]["text"].as_str().context("text")?)?;
    let record = &event["Records"][0];
    let arn = "arn:aws:kinesis:us-east-1:123456789012:stream/clicks";
    ensure!(record["eventSourceARN"] == arn, "{event}");
    ensure!(record["kinesis"]["data"] == "ZXZlbnQ=", "{event}");

    let records = json!([{ "text": "a" }, { "text": "poison" }]);
    let plain = invoke(json!({ "records": records }))?;
    ensure!(plain["failures"] == json!([]), "{plain}");
    let reporting = json!({
        "records": records, "function_response_types": ["ReportBatchItemFailures"],
    });
    let reported = invoke(reporting)?;
    ensure!(reported["failures"][0]["index"] == 1, "{reported}");
    ensure!(
        reported["failures"][0]["disposition"] == "retry",
        "{reported}"
    );

    let failed = invoke(json!({ "records": [{ "text": "error no table" }] }))?;
    ensure!(
        failed["error"]["kind"] == "exited" && failed["error"]["status"] == 1,
        "{failed}"
    );
    ensure!(failed["logs"][0]["message"] == "no table", "{failed}");
    ensure!(failed.get("answer").is_none(), "{failed}");
    Ok(())
}

#[test]
fn a_record_that_no_event_holds_is_a_dead_letter_and_the_others_go_on() -> Result<()> {
    let home = host::folder()?;
    let host = Host::start_on(&home.path().join("data"), &["--state-change-delay", "0"])?;
    host.api.stream("in", 1)?;
    host.api.stream("dead", 1)?;
    let arn = "arn:aws:kinesis:us-east-1:123456789012:stream/in";
    let larger = json!({ "StreamARN": arn, "MaxRecordSizeInKiB": 10_240 });
    host.api.kinesis("UpdateMaxRecordSize", &larger)?.ok()?;
    host.api.deploy("program", "event", "")?;
    let put = |data: &[u8]| {
        let data = base64_simd::STANDARD.encode_to_string(data);
        let record = json!({ "StreamName": "in", "PartitionKey": "k", "Data": data });
        host.api.kinesis("PutRecord", &record)?.ok()
    };
    put(b"before")?;
    put(&vec![b'x'; 5 << 20])?;
    put(b"after")?;
    let settings = json!({
        "stream": "in", "function": "program", "on_failure_stream": "dead", "batch_size": 10,
    });
    host.api.trigger("program", settings)?;
    let status = host.api.caught_up("program")?;
    let lane = &status["shards"][0];
    ensure!(lane["records"] == 2 && lane["dead_letters"] == 1, "{lane}");
    let dead = host.api.events("dead")?;
    ensure!(
        dead.len() == 1 && dead[0]["reason"] == "PayloadLimitExceeded",
        "{}",
        dead.len()
    );
    Ok(())
}

#[test]
fn a_response_type_that_lambda_does_not_have_is_refused() -> Result<()> {
    let host = Host::start()?;
    host.api.stream("in", 1)?;
    host.api.deploy("program", "event", "")?;
    for (types, code) in [
        (json!(["Other"]), "bad_request"),
        (
            json!(["ReportBatchItemFailures", "ReportBatchItemFailures"]),
            "invalid_setting",
        ),
    ] {
        let body = json!({
            "stream": "in", "function": "program", "starting_position": "LATEST",
            "function_response_types": types,
        });
        host.api.put("/v1/triggers/t", &body)?.refused(400, code)?;
    }
    Ok(())
}
