//! Records that a function cannot process: tried again, given up with the reason, never in the way.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use support::{Host, host};

/// `in` -> a function that fails on chosen records -> `out`, with dead letters in `dead`.
fn wire(host: &Host, settings: Value) -> Result<()> {
    for stream in ["in", "out", "dead"] {
        host.api.stream(stream, 1)?;
    }
    host.api.deploy("picky", "fixture", "config.to=out")?;
    let mut all = json!({ "stream": "in", "function": "picky", "on_failure_stream": "dead" });
    let more = settings.as_object().context("an object")?.clone();
    all.as_object_mut().context("an object")?.extend(more);
    host.api.trigger("picky", all)?;
    Ok(())
}

/// A record, marked for the fixture where it is to fail.
fn line(n: usize, fault: Option<&str>) -> String {
    match fault {
        Some(fault) => json!({ "n": n, fault: "chosen" }).to_string() + "\n",
        None => json!({ "n": n }).to_string() + "\n",
    }
}

fn numbers(events: &[Value]) -> Vec<u64> {
    events
        .iter()
        .filter_map(|event| event["n"].as_u64())
        .collect()
}

/// Puts 300 records of which every 37th fails; checks that exactly those are given up.
fn every_37th(fault: &str, settings: Value, reason: &str, attempts: u64) -> Result<()> {
    let host = Host::start()?;
    wire(&host, settings)?;
    let poisoned = |n: &usize| n % 37 == 36;
    let lines: String = (0..300)
        .map(|n| line(n, poisoned(&n).then_some(fault)))
        .collect();
    host.api.lines("in", "key=k", &lines)?;
    host.api.caught_up("picky")?;
    let expected: Vec<u64> = (0..300)
        .filter(|n| !poisoned(n))
        .map(|n| n as u64)
        .collect();
    let through = numbers(&host.api.events("out")?);
    ensure!(through == expected, "through came {through:?}");
    let dead = host.api.events("dead")?;
    let mut given_up = Vec::new();
    for letter in &dead {
        let data: Value = serde_json::from_str(letter["text"].as_str().context("no text")?)?;
        given_up.push(data["n"].as_u64().context("no n")?);
        ensure!(data[fault] == "chosen", "{letter}");
        ensure!(
            letter["reason"] == reason && letter["attempts"] == attempts,
            "{letter}"
        );
        ensure!(
            letter["error"]
                .as_str()
                .is_some_and(|error| !error.is_empty()),
            "{letter}"
        );
        ensure!(
            letter["trigger"] == "picky" && letter["function"] == "picky",
            "{letter}"
        );
        ensure!(
            letter["stream"] == "in" && letter["partition_key"] == "k",
            "{letter}"
        );
    }
    let expected: Vec<u64> = (0..300).filter(poisoned).map(|n| n as u64).collect();
    ensure!(given_up == expected, "given up were {given_up:?}");
    check_origin(&host, &dead)
}

/// A dead letter names the record that it was.
fn check_origin(host: &Host, dead: &[Value]) -> Result<()> {
    let stored = host.api.records("in")?;
    for letter in dead {
        let number = letter["sequence_number"].as_str();
        let record = stored
            .iter()
            .find(|record| Some(record.sequence.as_str()) == number);
        let record = record.with_context(|| format!("no record is named by {letter}"))?;
        ensure!(letter["text"] == record.text()?, "{letter}");
        ensure!(letter["shard_id"] == record.shard.as_str(), "{letter}");
    }
    Ok(())
}

#[test]
fn records_that_fail_again_and_again_are_given_up_one_by_one() -> Result<()> {
    let settings = json!({ "maximum_retry_attempts": 1, "batch_size": 50 });
    every_37th("fail", settings, "RetryAttemptsExhausted", 2)
}

#[test]
fn records_that_are_rejected_are_given_up_at_once() -> Result<()> {
    every_37th("reject", json!({ "batch_size": 50 }), "Rejected", 1)
}

#[test]
fn records_that_make_it_trap_are_given_up_alone_in_batches_of_one() -> Result<()> {
    let settings = json!({ "maximum_retry_attempts": 0, "batch_size": 1 });
    every_37th("panic", settings, "RetryAttemptsExhausted", 1)
}

#[test]
fn without_a_stream_for_them_failures_are_dropped_and_counted() -> Result<()> {
    let host = Host::start()?;
    wire(&host, json!({ "on_failure_stream": null }))?;
    let lines = [line(0, None), line(1, Some("reject")), line(2, None)].concat();
    host.api.lines("in", "key=k", &lines)?;
    let status = host.api.caught_up("picky")?;
    ensure!(status["shards"][0]["dead_letters"] == 1, "{status}");
    ensure!(
        numbers(&host.api.events("out")?) == [0, 2],
        "{:?}",
        host.api.events("out")?
    );
    Ok(())
}

#[test]
fn attempts_are_counted_on_through_kills() -> Result<()> {
    let home = host::folder()?;
    let data = home.path().join("data");
    let mut host = Host::start_on(&data, &[])?;
    wire(
        &host,
        json!({ "maximum_retry_attempts": 6, "batch_size": 10 }),
    )?;
    let lines = [line(0, Some("fail")), line(1, None)].concat();
    host.api.lines("in", "key=k", &lines)?;
    for kill in 1..=3 {
        let before = failed(&host, kill)?;
        host.kill()?;
        host = Host::start_on(&data, &[])?;
        let after = failed(&host, 1)?;
        ensure!(
            after >= before,
            "{before} attempts, and {after} after the restart"
        );
    }
    host.api.caught_up("picky")?;
    let dead = host.api.events("dead")?;
    ensure!(dead.len() == 1 && dead[0]["attempts"] == 7, "{dead:?}");
    ensure!(
        numbers(&host.api.events("out")?) == [1],
        "{:?}",
        host.api.events("out")?
    );
    Ok(())
}

/// Waits for so many failed attempts; how many there were then.
fn failed(host: &Host, least: u64) -> Result<u64> {
    support::until("failed attempts", || {
        let shown = host.api.lanes("picky")?;
        let attempts = shown["shards"][0]["attempts"].as_u64();
        Ok(attempts.filter(|attempts| *attempts >= least))
    })
}

#[test]
fn a_failing_shard_does_not_hold_up_the_others() -> Result<()> {
    let host = Host::start()?;
    for stream in ["in", "out"] {
        host.api.stream(stream, 4)?;
    }
    host.api.deploy("picky", "fixture", "config.to=out")?;
    host.api
        .trigger("picky", json!({ "stream": "in", "function": "picky" }))?;
    // Retried until it expires, which is not in this test's time.
    host.api.lines("in", "key=poison", &line(0, Some("fail")))?;
    let poisoned = host.api.records("in")?[0].shard.clone();
    for n in 1..40 {
        host.api.lines("in", &format!("key=k{n}"), &line(n, None))?;
    }
    let others = host
        .api
        .records("in")?
        .iter()
        .filter(|r| r.shard != poisoned)
        .count();
    support::until("the other shards", || {
        Ok((host.api.records("out")?.len() == others).then_some(()))
    })?;
    let shown = host.api.lanes("picky")?;
    let shards = shown["shards"].as_array().context("no shards")?;
    let stuck: Vec<_> = shards
        .iter()
        .filter(|shard| shard["lag_records"] != 0)
        .collect();
    ensure!(
        stuck.len() == 1 && stuck[0]["shard_id"] == poisoned.as_str(),
        "{shown}"
    );
    ensure!(stuck[0]["last_error"].is_string(), "{shown}");
    Ok(())
}
