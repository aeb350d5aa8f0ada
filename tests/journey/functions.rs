//! A function's life: uploaded, tried, replaced, deleted, and what its triggers do meanwhile.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use support::{Host, build};

use crate::cli::Cli;

fn texts(host: &Host, stream: &str) -> Result<Vec<String>> {
    let records = host.api.records(stream)?;
    records
        .iter()
        .map(|record| Ok(record.text()?.to_owned()))
        .collect()
}

#[test]
fn an_upload_is_answered_with_what_was_found() -> Result<()> {
    let host = Host::start()?;
    let wasm = build::guest("access-log")?;
    let answer = host
        .api
        .upload("/v1/functions/parse?wait_ms=60000", &wasm)?;
    ensure!(answer.status == 201, "{answer:?}");
    let function = answer.json()?;
    ensure!(
        function["name"] == "parse" && function["world"] == "handler",
        "{function}"
    );
    ensure!(function["size"] == wasm.len(), "{function}");
    let hash = function["hash"].as_str().context("no hash")?;
    ensure!(
        hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit()),
        "{hash}"
    );
    let imports = function["imports"].as_array().context("no imports")?;
    let runtime = json!("millstream:function/runtime@0.1.0");
    ensure!(imports.contains(&runtime), "{function}");
    for (limit, value) in [
        ("memory_bytes", 128 << 20),
        ("time_ms", 3000),
        ("output_records", 100_000),
    ] {
        ensure!(function["limits"][limit] == value, "{limit}: {function}");
    }
    let again = host
        .api
        .upload("/v1/functions/parse?wait_ms=60000&time_ms=77", &wasm)?;
    ensure!(again.status == 200, "{again:?}");
    let again = again.json()?;
    ensure!(
        again["version"].as_u64() > function["version"].as_u64(),
        "{again}"
    );
    ensure!(
        again["hash"] == function["hash"] && again["limits"]["time_ms"] == 77,
        "{again}"
    );
    Ok(())
}

#[test]
fn a_slow_compile_can_be_polled() -> Result<()> {
    let host = Host::start()?;
    let answer = host
        .api
        .upload("/v1/functions/f?wait_ms=0", &build::guest("alerts")?)?;
    ensure!([201, 202].contains(&answer.status), "{answer:?}");
    let function = support::until("the function to be active", || {
        let shown = host.api.get("/v1/functions/f")?.ok()?;
        ensure!(shown["upload"]["status"] != "failed", "{shown}");
        Ok((shown["status"] == "active").then_some(shown))
    })?;
    ensure!(function["world"] == "handler", "{function}");
    Ok(())
}

#[test]
fn a_dry_run_shows_everything_and_commits_nothing() -> Result<()> {
    let host = Host::start()?;
    host.api.stream("in", 1)?;
    host.api.stream("out", 1)?;
    host.api
        .deploy("count", "fixture", "config.mode=count&config.to=out")?;
    let call = json!({
        "records": [
            { "partition_key": "a", "text": "one" },
            { "partition_key": "b", "data": "AAH/" },
            { "json": { "three": 3 } },
        ],
        "stream": "in",
    });
    let invoke = || host.api.post("/v1/functions/count/invoke", &call)?.ok();
    let first = invoke()?;
    ensure!(
        first["error"] == Value::Null && first["failures"] == json!([]),
        "{first}"
    );
    ensure!(first["outputs"][0]["stream"] == "out", "{first}");
    ensure!(
        !first["state"].as_array().context("no state")?.is_empty(),
        "{first}"
    );
    ensure!(first["memory_bytes"].as_u64() > Some(0), "{first}");
    ensure!(first["time_us"].as_u64().is_some(), "{first}");
    let second = invoke()?;
    ensure!(
        first["outputs"] == second["outputs"],
        "the state was kept: {second}"
    );
    ensure!(
        first["state"] == second["state"],
        "the state was kept: {second}"
    );
    ensure!(host.api.records("out")?.is_empty(), "an output was kept");
    Ok(())
}

#[test]
fn a_new_version_takes_over_where_the_one_before_ended() -> Result<()> {
    let host = Host::start()?;
    for stream in ["in", "old", "new"] {
        host.api.stream(stream, 1)?;
    }
    host.api.deploy("f", "fixture", "config.to=old")?;
    host.api
        .trigger("t", json!({ "stream": "in", "function": "f" }))?;
    host.api.lines("in", "", "a\nb\n")?;
    host.api.caught_up("t")?;
    host.api.deploy("f", "fixture", "config.to=new")?;
    host.api.lines("in", "", "c\n")?;
    host.api.caught_up("t")?;
    ensure!(
        texts(&host, "old")? == ["a", "b"],
        "{:?}",
        texts(&host, "old")?
    );
    ensure!(texts(&host, "new")? == ["c"], "{:?}", texts(&host, "new")?);
    Ok(())
}

#[test]
fn a_trigger_waits_for_a_function_that_was_deleted() -> Result<()> {
    let host = Host::start()?;
    host.api.stream("in", 1)?;
    host.api.stream("out", 1)?;
    host.api.deploy("f", "fixture", "config.to=out")?;
    let settings = json!({ "stream": "in", "function": "f", "maximum_retry_attempts": 0 });
    host.api.trigger("t", settings)?;
    let deleted = host.api.delete("/v1/functions/f")?;
    ensure!(deleted.status == 204, "{deleted:?}");
    host.api.lines("in", "", "a\nb\n")?;
    let waiting = support::until("the trigger to notice", || {
        let shown = host.api.lanes("t")?;
        let error = shown["shards"][0]["last_error"].as_str().map(str::to_owned);
        Ok(error.filter(|_| shown["lag_records"] == 2))
    })?;
    ensure!(
        waiting.contains("`f`"),
        "the function is not named: {waiting}"
    );
    host.api.deploy("f", "fixture", "config.to=out")?;
    host.api.caught_up("t")?;
    ensure!(
        texts(&host, "out")? == ["a", "b"],
        "{:?}",
        texts(&host, "out")?
    );
    Ok(())
}

#[test]
fn functions_of_one_module_live_apart() -> Result<()> {
    let host = Host::start()?;
    for name in ["one", "two"] {
        host.api.stream(&format!("in-{name}"), 1)?;
        host.api.stream(name, 1)?;
        host.api
            .deploy(name, "fixture", &format!("config.to={name}"))?;
        let stream = format!("in-{name}");
        host.api
            .trigger(name, json!({ "stream": stream, "function": name }))?;
    }
    ensure!(
        host.api.delete("/v1/functions/one")?.status == 204,
        "not deleted"
    );
    host.api.lines("in-two", "", "x\n")?;
    host.api.caught_up("two")?;
    ensure!(texts(&host, "two")? == ["x"], "the other went with it");
    ensure!(texts(&host, "one")?.is_empty(), "the outputs are mixed");
    Ok(())
}

#[test]
fn a_functions_log_is_shown_by_a_dry_run() -> Result<()> {
    let host = Host::start()?;
    host.api.deploy("f", "fixture", "config.mode=log")?;
    let call = json!({ "records": [{ "partition_key": "k", "text": "said by a guest" }] });
    let answer = host.api.post("/v1/functions/f/invoke", &call)?.ok()?;
    let logs = answer["logs"].as_array().context("no logs")?;
    let said = |line: &Value| {
        line["message"]
            .as_str()
            .is_some_and(|m| m.contains("said by a guest"))
    };
    ensure!(logs.iter().any(said), "{answer}");
    ensure!(answer["logs_dropped"] == 0, "{answer}");
    Ok(())
}

#[test]
fn a_rollback_brings_the_upload_before_back_and_outlives_a_restart() -> Result<()> {
    let home = support::host::folder()?;
    let data = home.path().join("data");
    let host = Host::start_on(&data, &[])?;
    let cli = Cli::of(&host);
    let file = |name: &str| -> Result<String> {
        let file = build::guests()?.join(format!("guest_{name}.wasm"));
        Ok(file.to_str().context("the path is text")?.to_owned())
    };
    let invoke = ["invoke", "f", "--text", "x"];
    cli.run(&["deploy", "f", &file("fixture")?, "--config", "to=out"])?;
    let (code, said) = cli.fails(&["rollback", "f"])?;
    ensure!(
        code == Some(1) && said.contains("nothing is known"),
        "{said}"
    );
    let good = cli.json(&invoke)?;
    ensure!(good["outputs"][0]["stream"] == "out", "{good}");
    cli.run(&["deploy", "f", &file("alerts")?])?;
    ensure!(host.stop()?.success(), "the host did not end well");
    // What was there before the upload is kept over a restart.
    let host = Host::start_on(&data, &[])?;
    let cli = Cli::of(&host);
    let said = cli.run(&["rollback", "f"])?;
    ensure!(
        said.starts_with("function f is back at the upload (hash "),
        "{said}"
    );
    let again = cli.json(&invoke)?;
    ensure!(again["outputs"] == good["outputs"], "{again}");
    let undone = cli.json(&["rollback", "f"])?;
    ensure!(undone["to"]["hash"] != undone["from"]["hash"], "{undone}");
    let (code, said) = cli.fails(&["rollback", "f", "--to", "1"])?;
    ensure!(
        code == Some(1) && said.contains("there is no version 1"),
        "{said}"
    );
    Ok(())
}
