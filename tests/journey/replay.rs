//! A range of a stream through two versions of a function, before one takes the other's place.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use support::Host;

use crate::cli::Cli;

/// Publishes the function as it is now; its version's number.
fn publish(host: &Host, function: &str) -> Result<String> {
    let path = format!("/2015-03-31/functions/{function}/versions");
    let published = host.api.lambda(&path, &json!({}))?.ok()?;
    let version = published["Version"].as_str().context("no version")?;
    Ok(version.to_owned())
}

/// What a replay prints as JSON: its differences and its summary.
fn replayed(cli: &Cli<'_>, line: &[&str]) -> Result<(Vec<Value>, Value)> {
    let output = cli.command(&[line, &["--json"]].concat())?.output()?;
    let text = String::from_utf8(output.stdout)?;
    let lines: Vec<Value> = text
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    let (last, differences) = lines.split_last().context("nothing was printed")?;
    let differences: Vec<Value> = differences
        .iter()
        .map(|line| line["difference"].clone())
        .collect();
    let differs = last["summary"]["differences"] != 0;
    ensure!(
        output.status.code() == Some(i32::from(differs)),
        "{:?}: {text}",
        output.status
    );
    Ok((differences, last["summary"].clone()))
}

#[test]
fn versions_are_compared_and_nothing_is_committed() -> Result<()> {
    let host = Host::start()?;
    let cli = Cli::of(&host);
    host.api.stream("in", 2)?;
    host.api.stream("out", 1)?;
    host.api.deploy("f", "fixture", "config.to=out")?;
    let old = publish(&host, "f")?;
    let line = |n: u64| match n {
        50 => json!({"n": n, "reject": "chosen"}).to_string(),
        n => json!({ "n": n }).to_string(),
    };
    let lines: String = (0..300).map(|n| line(n) + "\n").collect();
    host.api.lines("in", "key_field=2", &lines)?;
    // The new one passes on what the old one rejects.
    host.api
        .deploy("f", "fixture", "config.mode=pass&config.to=out")?;
    let against = [
        "replay",
        "--function",
        "f",
        "--stream",
        "in",
        "--against",
        &old,
        "-n",
        "10000",
    ];
    let (found, summary) = replayed(&cli, &against)?;
    ensure!(summary["records"] == 300, "{summary}");
    ensure!(summary["tried"]["outputs"] == 300, "{summary}");
    ensure!(summary["against"]["outputs"] == 299, "{summary}");
    ensure!(summary["against"]["failures"] == 1, "{summary}");
    let failure = found.iter().find(|d| d["kind"] == "failure");
    let failure = failure.context("no failure differs")?;
    ensure!(failure["tried"].is_null(), "{failure}");
    ensure!(failure["against"] == "chosen", "{failure}");
    // The other way round, only a part of it, ended at the first difference.
    let version = format!("f@v{old}");
    let back = [
        "replay",
        "--function",
        &version,
        "--stream",
        "in",
        "-n",
        "1",
    ];
    let (found, summary) = replayed(&cli, &back)?;
    ensure!(
        found.len() == 1 && found[0]["tried"] == "chosen",
        "{found:?}"
    );
    ensure!(summary["differences"] == 1, "{summary}");
    ensure!(
        host.api.records("out")?.is_empty(),
        "something was committed"
    );
    let text = cli.command(&against)?.output()?;
    let text = String::from_utf8(text.stdout)?;
    ensure!(text.contains("300 of 300 records"), "{text}");
    let (code, said) = cli.fails(&["replay", "--function", "f", "--stream", "in"])?;
    ensure!(
        code == Some(1) && said.contains("compared with itself"),
        "{said}"
    );
    Ok(())
}

#[test]
fn state_is_kept_in_memory_or_begins_as_a_triggers() -> Result<()> {
    let host = Host::start()?;
    let cli = Cli::of(&host);
    host.api.stream("in", 1)?;
    host.api.stream("out", 1)?;
    host.api
        .deploy("f", "fixture", "config.mode=count&config.to=out")?;
    let old = publish(&host, "f")?;
    host.api
        .trigger("t", json!({"stream": "in", "function": "f"}))?;
    host.api.lines("in", "key=k", &"1\n".repeat(250))?;
    host.api.caught_up("t")?;
    host.api
        .deploy("f", "fixture", "config.mode=sum&config.to=out")?;
    let line = [
        "replay",
        "--function",
        "f",
        "--against",
        &old,
        "--stream",
        "in",
        "-n",
        "10000",
    ];
    // The sum of ones is their count, but it is told once a batch.
    let (_, summary) = replayed(&cli, &line)?;
    ensure!(summary["tried"]["outputs"] == 3, "{summary}");
    ensure!(summary["against"]["outputs"] == 250, "{summary}");
    let counted = |found: &[Value]| -> Option<u64> {
        let first = found
            .iter()
            .find(|d| d["kind"] == "output" && d["index"] == 0)?;
        let text: Value = serde_json::from_str(first["against"]["text"].as_str()?).ok()?;
        text["count"].as_u64()
    };
    let (found, _) = replayed(&cli, &line)?;
    ensure!(counted(&found) == Some(1), "{found:?}");
    let (found, _) = replayed(&cli, &[&line[..], &["--with-state", "t"]].concat())?;
    ensure!(counted(&found) == Some(251), "{found:?}");
    ensure!(
        host.api.records("out")?.len() == 250,
        "something was committed"
    );
    Ok(())
}

#[test]
fn a_trigger_is_moved_back_and_does_all_again() -> Result<()> {
    let host = Host::start()?;
    let cli = Cli::of(&host);
    host.api.stream("in", 2)?;
    host.api.stream("out", 1)?;
    host.api
        .deploy("f", "fixture", "config.mode=count&config.to=out")?;
    let settings = json!({"stream": "in", "function": "f", "parallelization_factor": 2});
    host.api.trigger("t", settings)?;
    let lines: String = (0..100).map(|n| format!("{{\"n\": {n}}}\n")).collect();
    host.api.lines("in", "key_field=2", &lines)?;
    host.api.caught_up("t")?;
    let highest = || -> Result<u64> {
        let events = host.api.events("out")?;
        let counts = events.iter().filter_map(|event| event["count"].as_u64());
        Ok(counts.max().unwrap_or_default())
    };
    let before = highest()?;
    cli.run(&[
        "replay",
        "--apply",
        "t",
        "--from",
        "TRIM_HORIZON",
        "--reset-state",
    ])?;
    host.api.caught_up("t")?;
    support::until("all again", || {
        Ok((host.api.records("out")?.len() == 200).then_some(()))
    })?;
    ensure!(highest()? == before, "the state was not forgotten");
    // With its state it counts on.
    cli.run(&["replay", "--apply", "t"])?;
    support::until("all once more", || {
        Ok((host.api.records("out")?.len() == 300).then_some(()))
    })?;
    ensure!(highest()? == 2 * before, "{}", highest()?);
    // A paused trigger is moved as well, and stays paused.
    cli.run(&["trigger", "pause", "t"])?;
    cli.run(&["replay", "--apply", "t"])?;
    let shown = host.api.lanes("t")?;
    ensure!(
        shown["lag_records"] == 100 && shown["state"] == "Disabled",
        "{shown}"
    );
    cli.run(&["replay", "--apply", "t", "--from", "LATEST"])?;
    let shown = host.api.lanes("t")?;
    ensure!(shown["lag_records"] == 0, "{shown}");
    Ok(())
}
