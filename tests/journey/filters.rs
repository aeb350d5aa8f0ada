//! Filters as a user sets them: through the API and the command line, over restarts.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use support::{Host, host};

use crate::cli::Cli;

/// Records as lines, each of its own number and kind; every seventh is no JSON.
fn lines(from: usize, to: usize) -> String {
    let line = |n: usize| match n % 7 {
        6 => format!("not json {n}\n"),
        kind => format!("{{\"n\":{n},\"detail\":{{\"kind\":\"k{kind}\"}}}}\n"),
    };
    (from..to).map(line).collect()
}

/// The numbers of the records of a stream.
fn numbers(host: &Host, stream: &str) -> Result<Vec<usize>> {
    let events = host.api.events(stream)?;
    let number = |event: &Value| event["n"].as_u64().map(|n| n as usize);
    Ok(events.iter().filter_map(number).collect())
}

fn of_kinds(kinds: &[usize], to: usize) -> Vec<usize> {
    (0..to).filter(|n| kinds.contains(&(n % 7))).collect()
}

/// Waits until a trigger has left out so many records durably.
fn left_out(host: &Host, trigger: &str, records: usize) -> Result<()> {
    support::until("the records that are left out", || {
        let lane = host.api.lanes(trigger)?;
        Ok((lane["shards"][0]["filtered"] == records).then_some(()))
    })
}

#[test]
fn a_trigger_delivers_only_what_its_filters_want() -> Result<()> {
    let home = host::folder()?;
    let data = home.path().join("data");
    let host = Host::start_on(&data, &[])?;
    for stream in ["in", "api", "cli"] {
        host.api.stream(stream, 1)?;
    }
    host.api.deploy("to-api", "fixture", "config.to=api")?;
    host.api.deploy("to-cli", "fixture", "config.to=cli")?;
    let settings = json!({
        "stream": "in", "function": "to-api", "batch_size": 10,
        "filter_criteria": {"filters": [
            {"pattern": r#"{"data":{"detail":{"kind":["k1"]}}}"#},
            {"pattern": {"data": {"detail": {"kind": [{"wildcard": "*3"}]}}}},
        ]},
    });
    host.api.trigger("by-api", settings)?;
    Cli::of(&host).run(&[
        "trigger",
        "create",
        "by-cli",
        "--stream",
        "in",
        "--function",
        "to-cli",
        "--filter",
        r#"{"data": {"n": [{"numeric": [">=", 100]}], "detail": {"kind": ["k5"]}}}"#,
    ])?;
    host.api.lines("in", "", &lines(0, 350))?;
    host.api.caught_up("by-api")?;
    host.api.caught_up("by-cli")?;
    ensure!(numbers(&host, "api")? == of_kinds(&[1, 3], 350));
    let large = |numbers: Vec<usize>| numbers.into_iter().filter(|n| *n >= 100);
    ensure!(numbers(&host, "cli")? == large(of_kinds(&[5], 350)).collect::<Vec<_>>());

    left_out(&host, "by-api", 250)?;
    let metrics = host.api.get("/metrics")?.text;
    let sample = "millstream_trigger_filtered_records_total{trigger=\"by-api\"} 250";
    ensure!(metrics.contains(sample), "{metrics}");
    let shown = Cli::of(&host).run(&["trigger", "get", "by-api"])?;
    ensure!(shown.contains("FILTERED"), "{shown}");
    ensure!(
        shown.contains(r#"filter: {"data":{"detail":{"kind":["k1"]}}}"#),
        "{shown}"
    );

    // The filters are there after a restart, and what was passed is not delivered again.
    ensure!(host.stop()?.success(), "the host did not end well");
    let host = Host::start_on(&data, &[])?;
    host.api.lines("in", "", &lines(350, 700))?;
    host.api.caught_up("by-api")?;
    ensure!(numbers(&host, "api")? == of_kinds(&[1, 3], 700));
    Ok(())
}

#[test]
fn filters_change_in_place_and_a_wrong_one_changes_nothing() -> Result<()> {
    let host = Host::start()?;
    for stream in ["in", "out"] {
        host.api.stream(stream, 1)?;
    }
    host.api.deploy("copy", "fixture", "config.to=out")?;
    let wanting = |kind: &str| {
        json!({
            "stream": "in", "function": "copy",
            "filter_criteria": {"filters": [{"pattern": {"data": {"detail": {"kind": [kind]}}}}]},
        })
    };
    host.api.trigger("t", wanting("k0"))?;
    host.api.lines("in", "", &lines(0, 7))?;
    host.api.caught_up("t")?;
    host.api.trigger("t", wanting("k2"))?;
    host.api.lines("in", "", &lines(7, 14))?;
    host.api.caught_up("t")?;
    let mut wrong = wanting("k3");
    wrong["starting_position"] = json!("TRIM_HORIZON");
    wrong["filter_criteria"]["filters"][0]["pattern"] = json!(r#"{"data":{"n":3}}"#);
    let answer = host.api.put("/v1/triggers/t", &wrong)?;
    let message = answer.refused(400, "bad_request")?;
    ensure!(message.contains("at `data.n`"), "{message}");
    host.api.lines("in", "", &lines(14, 21))?;
    host.api.caught_up("t")?;
    ensure!(
        numbers(&host, "out")? == [0, 9, 16],
        "{:?}",
        numbers(&host, "out")?
    );
    Ok(())
}
