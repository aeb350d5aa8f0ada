//! A trigger's life: where it begins, what holds it, what it does with records that fail.

use anyhow::{Context, Result, ensure};
use serde_json::json;
use support::{Host, host, records::Record};

/// Records of one key as text, and so of one shard in order.
fn texts(host: &Host, stream: &str) -> Result<Vec<String>> {
    let records = host.api.records(stream)?;
    records
        .iter()
        .map(|record| Ok(record.text()?.to_owned()))
        .collect()
}

/// Streams of one shard, and a function that copies what it gets to `out`.
fn copying(streams: &[&str]) -> Result<Host> {
    let host = Host::start()?;
    for stream in streams {
        host.api.stream(stream, 1)?;
    }
    host.api.deploy("copy", "fixture", "config.to=out")?;
    Ok(host)
}

#[test]
fn latest_skips_what_was_and_misses_nothing_that_comes() -> Result<()> {
    let host = copying(&["out"])?;
    for round in 0..10 {
        let stream = format!("in-{round}");
        host.api.stream(&stream, 1)?;
        host.api.lines(&stream, "", "before\n")?;
        let start = json!({ "stream": stream, "function": "copy", "starting_position": "LATEST" });
        host.api.trigger(&stream, start)?;
        host.api.lines(&stream, "", &format!("after {round}\n"))?;
        host.api.caught_up(&stream)?;
    }
    let expected: Vec<String> = (0..10).map(|round| format!("after {round}")).collect();
    ensure!(
        texts(&host, "out")? == expected,
        "{:?}",
        texts(&host, "out")?
    );
    Ok(())
}

#[test]
fn a_trigger_can_begin_at_a_moment() -> Result<()> {
    let host = copying(&["in", "out"])?;
    host.api.lines("in", "", "early\n")?;
    let arrival = |host: &Host| -> Result<u64> {
        let stream = host.api.get("/v1/streams/in")?.ok()?;
        stream["shards"][0]["last_arrival_ms"]
            .as_u64()
            .context("no arrival")
    };
    let early = arrival(&host)?;
    // Arrival times have milliseconds: put until the clock has moved on.
    let late = support::until("the clock to move", || {
        host.api.lines("in", "", "late\n")?;
        let late = arrival(&host)?;
        Ok((late > early + 1).then_some(late))
    })?;
    let moment = late as f64 / 1000.0;
    let start = json!({
        "stream": "in", "function": "copy",
        "starting_position": "AT_TIMESTAMP", "starting_position_timestamp": moment,
    });
    host.api.trigger("t", start)?;
    host.api.caught_up("t")?;
    ensure!(
        texts(&host, "out")? == ["late"],
        "{:?}",
        texts(&host, "out")?
    );
    Ok(())
}

#[test]
fn a_paused_trigger_holds_its_place() -> Result<()> {
    let host = copying(&["in", "out"])?;
    host.api.trigger(
        "t",
        json!({ "stream": "in", "function": "copy", "batch_size": 1 }),
    )?;
    host.api.lines("in", "", "a\nb\n")?;
    host.api.caught_up("t")?;
    let paused = host.api.post("/v1/triggers/t/pause", &json!({}))?.ok()?;
    ensure!(paused["state"] == "Disabled", "{paused}");
    host.api.lines("in", "", "c\nd\n")?;
    let held = host.api.lanes("t")?;
    ensure!(held["lag_records"] == 2, "{held}");
    ensure!(
        texts(&host, "out")? == ["a", "b"],
        "it goes on while it is paused"
    );
    let resumed = host.api.post("/v1/triggers/t/resume", &json!({}))?.ok()?;
    ensure!(resumed["state"] == "Enabled", "{resumed}");
    host.api.caught_up("t")?;
    ensure!(
        texts(&host, "out")? == ["a", "b", "c", "d"],
        "{:?}",
        texts(&host, "out")?
    );
    Ok(())
}

#[test]
fn settings_change_in_place_and_fixed_ones_do_not() -> Result<()> {
    let host = copying(&["in", "other", "out"])?;
    let settings = json!({ "stream": "in", "function": "copy", "batch_size": 1 });
    host.api.trigger("t", settings)?;
    host.api.lines("in", "", "a\nb\n")?;
    host.api.caught_up("t")?;
    let changed = json!({ "stream": "in", "function": "copy", "batch_size": 50 });
    let changed = host.api.trigger("t", changed)?;
    ensure!(changed["batch_size"] == 50, "{changed}");
    host.api.lines("in", "", "c\n")?;
    host.api.caught_up("t")?;
    ensure!(
        texts(&host, "out")? == ["a", "b", "c"],
        "{:?}",
        texts(&host, "out")?
    );
    let moved =
        json!({ "stream": "other", "function": "copy", "starting_position": "TRIM_HORIZON" });
    let answer = host.api.put("/v1/triggers/t", &moved)?;
    ensure!((400..500).contains(&answer.status), "{answer:?}");
    ensure!(answer.text.contains("stream"), "{answer:?}");
    let in_use = host.api.delete("/v1/streams/in")?;
    in_use.refused(409, "in_use")?;
    Ok(())
}

#[test]
fn a_full_batch_does_not_wait_for_its_window() -> Result<()> {
    let host = copying(&["in", "out"])?;
    let settings = json!({
        "stream": "in", "function": "copy",
        "batch_size": 10, "maximum_batching_window_in_seconds": 300,
    });
    host.api.trigger("t", settings)?;
    for n in 0..10 {
        ensure!(
            host.api.lanes("t")?["shards"][0]["batches"] == 0,
            "it did not wait"
        );
        host.api.lines("in", "", &format!("{n}\n"))?;
    }
    let status = host.api.caught_up("t")?;
    ensure!(status["shards"][0]["batches"] == 1, "{status}");
    ensure!(
        texts(&host, "out")?.len() == 10,
        "{:?}",
        texts(&host, "out")?
    );
    Ok(())
}

#[test]
fn each_shard_keeps_its_order_through_a_chain_of_functions() -> Result<()> {
    let host = Host::start()?;
    for stream in ["a", "b", "c"] {
        host.api.stream(stream, 4)?;
    }
    for (from, to) in [("a", "b"), ("b", "c")] {
        let function = format!("{from}-{to}");
        host.api
            .deploy(&function, "fixture", &format!("config.to={to}"))?;
        let settings = json!({ "stream": from, "function": function, "batch_size": 17 });
        host.api.trigger(&function, settings)?;
    }
    for round in 0..20 {
        let lines: String = (0..50)
            .map(|n| format!("k{} {round}/{n}\n", n % 13))
            .collect();
        host.api.lines("a", "key_field=1", &lines)?;
    }
    host.api.caught_up("a-b")?;
    host.api.caught_up("b-c")?;
    let content = |Record {
                       shard, key, data, ..
                   }: Record| (shard, key, data);
    let [first, last] = ["a", "c"].map(|stream| host.api.records(stream));
    let (first, last): (Vec<_>, Vec<_>) = (
        first?.into_iter().map(content).collect(),
        last?.into_iter().map(content).collect(),
    );
    ensure!(first.len() == 1000, "{} records", first.len());
    ensure!(
        first == last,
        "the end of the chain differs from its beginning"
    );
    Ok(())
}

#[test]
fn several_triggers_on_a_stream_do_not_disturb_each_other() -> Result<()> {
    let host = copying(&["in", "out", "broken"])?;
    host.api.deploy("stuck", "fixture", "config.to=absent")?;
    host.api
        .trigger("stuck", json!({ "stream": "in", "function": "stuck" }))?;
    host.api
        .trigger("t", json!({ "stream": "in", "function": "copy" }))?;
    host.api.lines("in", "", "a\nb\n")?;
    host.api.caught_up("t")?;
    ensure!(
        texts(&host, "out")? == ["a", "b"],
        "{:?}",
        texts(&host, "out")?
    );
    let error = support::until("the error", || {
        let shown = host.api.lanes("stuck")?;
        Ok(shown["shards"][0]["last_error"].as_str().map(str::to_owned))
    })?;
    ensure!(
        error.contains("`absent`"),
        "the stream is not named: {error}"
    );
    // The stream appears, and the trigger goes on by itself.
    host.api.stream("absent", 1)?;
    host.api.caught_up("stuck")?;
    ensure!(
        texts(&host, "absent")? == ["a", "b"],
        "{:?}",
        texts(&host, "absent")?
    );
    Ok(())
}

#[test]
fn a_deleted_trigger_leaves_no_state_behind() -> Result<()> {
    let home = host::folder()?;
    let data = home.path().join("data");
    let mut host = Host::start_on(&data, &[])?;
    for life in 1..=2 {
        let (from, to) = (format!("in-{life}"), format!("counts-{life}"));
        host.api.stream(&from, 1)?;
        host.api.stream(&to, 1)?;
        host.api.deploy(
            "count",
            "fixture",
            &format!("config.mode=count&config.to={to}"),
        )?;
        host.api
            .trigger("count", json!({ "stream": from, "function": "count" }))?;
        host.api.lines(&from, "", "a\nb\nc\n")?;
        host.api.caught_up("count")?;
        let events = host.api.events(&to)?;
        let largest = events
            .iter()
            .filter_map(|event| event["count"].as_u64())
            .max();
        ensure!(largest == Some(3), "life {life} counts {largest:?}");
        ensure!(
            host.api.delete("/v1/triggers/count")?.status == 204,
            "not deleted"
        );
        ensure!(host.stop()?.success(), "the host did not end well");
        host = Host::start_on(&data, &[])?;
    }
    Ok(())
}
