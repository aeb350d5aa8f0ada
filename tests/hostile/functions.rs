//! Functions that mean harm: each attack is stopped by its limit, by name, while the host stays small
//! and quick and other functions go on.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use support::{Api, Host, process};

/// An attack and the words by which its end is known.
const ATTACKS: &[(&str, &[&str])] = &[
    ("loop", &["time_ms"]),
    ("log-loop", &["time_ms"]),
    ("get-loop", &["time_ms"]),
    ("sleep", &["time_ms"]),
    ("grow", &["memory_bytes"]),
    ("recurse", &["guest_stack_bytes"]),
    ("emit-flood", &["output_records"]),
    ("emit-huge", &["output_bytes"]),
    ("state-flood", &["state_entries"]),
    ("state-huge", &["state_bytes"]),
    ("call-huge", &["call_bytes", "memory_bytes"]),
    ("random-huge", &["random_bytes"]),
    ("hold", &["handles"]),
    ("trap", &["trap"]),
    ("panic", &["trap"]),
    ("exit", &["exit", "trap"]),
];

/// The same of programs that take events.
const PROGRAMS: &[(&str, &[&str])] = &[
    ("loop", &["time_ms"]),
    ("sleep", &["time_ms"]),
    ("grow", &["memory_bytes"]),
    ("out-flood", &["output_bytes", "time_ms"]),
    ("err-flood", &["time_ms"]),
    ("panic", &["trap"]),
    ("exit 1", &["status 1"]),
    ("answer nothing", &["not JSON"]),
];

/// Limits that a loaded machine reaches soon.
const LIMITS: &str = "time_ms=700&memory_bytes=33554432&output_records=10000";

/// How much the host may grow while all attacks run at once: a few instances and their buffers.
const GROWTH: u64 = 400 << 20;

fn deploy(api: &Api, attack: &str, guest: &str) -> Result<()> {
    let name = name(attack);
    api.stream(&format!("in-{name}"), 1)?;
    api.stream(&format!("dead-{name}"), 1)?;
    api.deploy(&name, guest, LIMITS)?;
    let settings = json!({
        "stream": format!("in-{name}"), "function": name,
        "maximum_retry_attempts": 1, "on_failure_stream": format!("dead-{name}"),
        "function_response_types": ["ReportBatchItemFailures"],
    });
    api.trigger(&name, settings)?;
    Ok(())
}

/// What is called after an attack that has an argument.
fn name(attack: &str) -> String {
    attack.replace(' ', "-")
}

#[test]
fn every_attack_ends_at_its_limit_while_others_are_served() -> Result<()> {
    attacked("hostile", ATTACKS)
}

#[test]
fn programs_end_at_their_limits_while_others_are_served() -> Result<()> {
    attacked("event", PROGRAMS)
}

/// All attacks at once, beside an innocent function.
fn attacked(guest: &str, attacks: &[(&str, &[&str])]) -> Result<()> {
    let mut host = Host::start()?;
    let api = host.api.clone();
    api.stream("in", 1)?;
    api.stream("out", 1)?;
    api.deploy("copy", "fixture", "config.to=out")?;
    api.trigger("copy", json!({ "stream": "in", "function": "copy" }))?;
    for (attack, _) in attacks {
        deploy(&api, attack, guest)?;
    }
    let before = process::memory(host.pid(), "VmRSS")?;
    for (attack, _) in attacks {
        api.lines(&format!("in-{}", name(attack)), "", &format!("{attack}\n"))?;
    }
    let slowest = serve_meanwhile(&api)?;
    for (attack, words) in attacks {
        api.caught_up(&name(attack))?;
        let dead = api.events(&format!("dead-{}", name(attack)))?;
        ensure!(dead.len() == 1, "{attack}: {dead:?}");
        ensure!(dead[0]["attempts"] == 2, "{attack}: {dead:?}");
        ensure!(dead[0]["text"] == *attack, "{attack}: {dead:?}");
        named(attack, words, &dead[0]["error"])?;
    }
    let grown = process::memory(host.pid(), "VmHWM")?.saturating_sub(before);
    println!(
        "grown by {} MiB; slowest answer meanwhile {slowest:?}",
        grown >> 20
    );
    ensure!(grown < GROWTH, "the attacks cost {} MiB", grown >> 20);
    host.alive()
}

fn named(attack: &str, words: &[&str], error: &Value) -> Result<()> {
    let error = error.as_str().context("no error")?;
    ensure!(
        words.iter().any(|word| error.contains(word)),
        "{attack} ended with: {error}"
    );
    ensure!(error.len() <= 4096, "{attack} ended at length: {error}");
    Ok(())
}

/// Asks for life and passes records on while the attacks go on; the slowest answer.
fn serve_meanwhile(api: &Api) -> Result<Duration> {
    let mut slowest = Duration::ZERO;
    for n in 0..40 {
        let begin = Instant::now();
        ensure!(api.get("/livez")?.status == 200, "the host does not serve");
        slowest = slowest.max(begin.elapsed());
        api.lines("in", "", &format!("{n}\n"))?;
    }
    api.caught_up("copy")?;
    ensure!(
        api.records("out")?.len() == 40,
        "an innocent function lost records"
    );
    // Lenient: the machine may be loaded by more than this test.
    ensure!(
        slowest < Duration::from_secs(3),
        "an answer took {slowest:?}"
    );
    Ok(slowest)
}

#[test]
fn a_log_flood_is_cut_and_harms_nobody() -> Result<()> {
    let host = Host::start()?;
    host.api.deploy("flood", "hostile", LIMITS)?;
    let call = json!({ "records": [{ "partition_key": "k", "text": "log-flood" }] });
    let answer = host.api.post("/v1/functions/flood/invoke", &call)?.ok()?;
    let lines = answer["logs"].as_array().context("no logs")?;
    let kept: usize = lines
        .iter()
        .filter_map(|line| line["message"].as_str().map(str::len))
        .sum();
    ensure!(kept <= 64 << 10, "{kept} bytes of log are kept");
    ensure!(answer["logs_dropped"].as_u64() > Some(0), "nothing was cut");
    Ok(())
}

#[test]
fn an_attack_in_a_dry_run_is_an_answer_that_names_the_limit() -> Result<()> {
    let host = Host::start()?;
    host.api.deploy("memory", "hostile", LIMITS)?;
    let call = json!({ "records": [{ "partition_key": "k", "text": "grow" }] });
    let answer = host.api.post("/v1/functions/memory/invoke", &call)?.ok()?;
    ensure!(answer["error"]["kind"] == "limit", "{answer}");
    ensure!(answer["error"]["limit"] == "memory_bytes", "{answer}");
    ensure!(
        answer["memory_bytes"].as_u64() <= Some(33_554_432),
        "{answer}"
    );
    Ok(())
}

#[test]
fn a_function_that_always_fails_keeps_its_status_and_its_place() -> Result<()> {
    let host = Host::start()?;
    host.api.stream("in", 1)?;
    host.api.deploy("loop", "hostile", LIMITS)?;
    host.api
        .trigger("loop", json!({ "stream": "in", "function": "loop" }))?;
    host.api.lines("in", "", "loop\n")?;
    let shown = support::until("an error", || {
        let shown = host.api.lanes("loop")?;
        Ok(shown["shards"][0]["last_error"]
            .is_string()
            .then_some(shown))
    })?;
    named("loop", &["time_ms"], &shown["shards"][0]["last_error"])?;
    ensure!(shown["lag_records"] == 1, "{shown}");
    // A better version is all that it takes.
    host.api.stream("out", 1)?;
    host.api.deploy("loop", "fixture", "config.to=out")?;
    host.api.caught_up("loop")?;
    ensure!(host.api.records("out")?.len() == 1, "the record is lost");
    Ok(())
}
