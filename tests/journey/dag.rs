//! The bundled functions as a DAG over a real access log, against a second computation.

use std::{collections::BTreeMap, path::Path, process::Command};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use support::{Host, build, host};

use crate::curl::curl;

/// What `expected.py` finds in a log. It shares no code with the functions.
pub(crate) fn expected(log: &Path) -> Result<Value> {
    let output = Command::new("python3")
        .arg(build::root().join("tests/journey/expected.py"))
        .arg(log)
        .output()?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(serde_json::from_slice(&output.stdout)?)
}

#[test]
fn ten_thousand_real_lines_give_exactly_the_expected_counts() -> Result<()> {
    let Some(log) = build::access_log() else {
        println!("skipped: there is no ../shared/data/apache_access.log");
        return Ok(());
    };
    let expected = expected(&log)?;
    let host = Host::start()?;
    wire(&host)?;
    put_with_aws(&host, &log)?;
    for trigger in [
        "access-log",
        "metrics",
        "sessions",
        "alerts-events",
        "alerts-metrics",
    ] {
        host.api.caught_up(trigger)?;
    }
    flush(&host)?;
    for trigger in ["metrics", "sessions", "alerts-events", "alerts-metrics"] {
        host.api.caught_up(trigger)?;
    }
    let events = host.api.events("events")?;
    let events: Vec<_> = events
        .iter()
        .filter(|event| event["flush"] != true)
        .collect();
    ensure!(
        events.len() == count(&expected["parsed"])?,
        "{} events",
        events.len()
    );
    let unparsable = host.api.records("unparsable")?.len();
    ensure!(
        unparsable == count(&expected["unparsable"])?,
        "{unparsable} unparsable lines"
    );
    ensure!(
        statuses(&events)? == numbers(&expected["status_classes"])?,
        "status classes differ"
    );
    check_minutes(&host, &expected)?;
    check_sessions(&host, &expected)?;
    check_alerts(&host)?;
    ensure!(
        host.api.records("dead")?.is_empty(),
        "there are dead letters"
    );
    Ok(())
}

/// Streams, functions by curl, triggers.
fn wire(host: &Host) -> Result<()> {
    for stream in ["access-log", "events", "metrics", "sessions"] {
        host.api.stream(stream, 3)?;
    }
    for stream in ["unparsable", "alerts", "dead"] {
        host.api.stream(stream, 1)?;
    }
    for guest in ["access-log", "metrics", "sessions", "alerts"] {
        let url = format!("{}/v1/functions/{guest}?wait_ms=60000", host.api.url);
        let name = format!("guest_{}.wasm", guest.replace('-', "_"));
        let file = format!("@{}", build::guests()?.join(name).display());
        match curl(&["-X", "PUT", "--data-binary", &file, &url])? {
            Some(output) => {
                let answer: Value = serde_json::from_slice(&output.stdout)?;
                ensure!(answer["status"] == "active", "{answer}");
            }
            None => drop(host.api.deploy(guest, guest, "")?),
        }
    }
    for (trigger, stream, function) in [
        ("access-log", "access-log", "access-log"),
        ("metrics", "events", "metrics"),
        ("sessions", "events", "sessions"),
        ("alerts-events", "events", "alerts"),
        ("alerts-metrics", "metrics", "alerts"),
    ] {
        let settings = json!({
            "stream": stream, "function": function, "batch_size": 500,
            "maximum_retry_attempts": 0, "on_failure_stream": "dead",
        });
        host.api.trigger(trigger, settings)?;
    }
    Ok(())
}

/// The first 500 lines through the `aws` command, the others as it would send them.
fn put_with_aws(host: &Host, log: &Path) -> Result<()> {
    let text = std::fs::read_to_string(log)?;
    let lines: Vec<&str> = text.lines().collect();
    for (at, chunk) in lines.chunks(500).enumerate() {
        let answer = if at == 0 {
            through_the_command(host, chunk)?
        } else {
            directly(host, chunk)?
        };
        ensure!(answer["FailedRecordCount"] == 0, "{answer}");
    }
    Ok(())
}

fn client(line: &str) -> &str {
    line.split(' ').next().unwrap_or_default()
}

fn directly(host: &Host, lines: &[&str]) -> Result<Value> {
    let records = lines.iter().map(|line| {
        let data = base64_simd::STANDARD.encode_to_string(line);
        json!({ "PartitionKey": client(line), "Data": data })
    });
    let records: Vec<Value> = records.collect();
    let body = json!({ "StreamName": "access-log", "Records": records });
    host.api.kinesis("PutRecords", &body)?.ok()
}

/// This command takes data as it is and encodes it itself.
fn through_the_command(host: &Host, lines: &[&str]) -> Result<Value> {
    let home = host::folder()?;
    let file = home.path().join("records.json");
    let records = lines
        .iter()
        .map(|line| json!({ "PartitionKey": client(line), "Data": line }));
    std::fs::write(&file, serde_json::to_vec(&records.collect::<Vec<_>>())?)?;
    let output = Command::new(build::python()?.with_file_name("aws"))
        .args(["--endpoint-url", &host.api.url])
        .args([
            "kinesis",
            "put-records",
            "--stream-name",
            "access-log",
            "--records",
        ])
        .arg(format!("file://{}", file.display()))
        .env("HOME", home.path())
        .env("AWS_ACCESS_KEY_ID", "any")
        .env("AWS_SECRET_ACCESS_KEY", "any")
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .output()?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// One flush record for each shard of `events`: everything that is still open is given out.
fn flush(host: &Host) -> Result<()> {
    let listed = host
        .api
        .kinesis("ListShards", &json!({ "StreamName": "events" }))?
        .ok()?;
    for shard in listed["Shards"].as_array().context("no shards")? {
        let body = json!({
            "StreamName": "events", "PartitionKey": "flush",
            "ExplicitHashKey": shard["HashKeyRange"]["StartingHashKey"],
            "Data": base64_simd::STANDARD.encode_to_string("{\"flush\":true}"),
        });
        host.api.kinesis("PutRecord", &body)?.ok()?;
    }
    Ok(())
}

fn check_minutes(host: &Host, expected: &Value) -> Result<()> {
    let mut requests: BTreeMap<String, u64> = BTreeMap::new();
    let mut bytes: BTreeMap<String, u64> = BTreeMap::new();
    let mut sections: BTreeMap<String, u64> = BTreeMap::new();
    for partial in host.api.events("metrics")? {
        let text = partial["minute"].as_str().context("no minute")?;
        let minute = text
            .get(..16)
            .with_context(|| format!("{partial}"))?
            .to_owned();
        let number = |field: &str| {
            partial[field]
                .as_u64()
                .with_context(|| format!("{partial}"))
        };
        if partial["section"] == "*" {
            *requests.entry(minute.clone()).or_default() += number("requests")?;
            *bytes.entry(minute).or_default() += number("bytes")?;
        } else {
            *sections.entry(minute).or_default() += number("requests")?;
        }
    }
    ensure!(
        requests == numbers(&expected["requests_per_minute"])?,
        "requests a minute differ"
    );
    ensure!(
        bytes == numbers(&expected["bytes_per_minute"])?,
        "bytes a minute differ"
    );
    ensure!(
        sections == requests,
        "the sections do not add up to the totals"
    );
    Ok(())
}

fn check_sessions(host: &Host, expected: &Value) -> Result<()> {
    let mut per_client: BTreeMap<String, u64> = BTreeMap::new();
    let mut requests = 0;
    for session in host.api.events("sessions")? {
        let client = session["client"]
            .as_str()
            .with_context(|| format!("{session}"))?;
        *per_client.entry(client.to_owned()).or_default() += 1;
        requests += count(&session["requests"])?;
    }
    ensure!(
        per_client.values().sum::<u64>() == count(&expected["sessions"])? as u64,
        "sessions"
    );
    ensure!(
        per_client == numbers(&expected["sessions_per_client"])?,
        "sessions of a client differ"
    );
    ensure!(
        requests == count(&expected["parsed"])?,
        "{requests} requests are in sessions"
    );
    Ok(())
}

fn check_alerts(host: &Host) -> Result<()> {
    let alerts = host.api.events("alerts")?;
    println!("{} alerts, the first: {:?}", alerts.len(), alerts.first());
    ensure!(
        (1..100).contains(&alerts.len()),
        "{} alerts are not believable",
        alerts.len()
    );
    Ok(())
}

fn statuses(events: &[&Value]) -> Result<BTreeMap<String, u64>> {
    let mut classes = BTreeMap::new();
    for event in events {
        let status = event["status"]
            .as_u64()
            .with_context(|| format!("{event}"))?;
        *classes.entry(format!("{}xx", status / 100)).or_default() += 1;
    }
    Ok(classes)
}

pub(crate) fn numbers(value: &Value) -> Result<BTreeMap<String, u64>> {
    let object = value
        .as_object()
        .with_context(|| format!("not an object: {value}"))?;
    let parse = |(key, value): (&String, &Value)| -> Result<(String, u64)> {
        Ok((key.clone(), count(value)? as u64))
    };
    object.iter().map(parse).collect()
}

pub(crate) fn count(value: &Value) -> Result<usize> {
    let number = value
        .as_u64()
        .with_context(|| format!("not a number: {value}"))?;
    Ok(usize::try_from(number)?)
}
