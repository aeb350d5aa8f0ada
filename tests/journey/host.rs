//! What an operator looks at: health, metrics, status, and what a restart leaves as it was.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use support::{Host, host};

#[test]
fn a_host_is_alive_ready_and_measured() -> Result<()> {
    let host = Host::start()?;
    let alive = host.api.get("/livez")?;
    ensure!(
        (alive.status, alive.text.trim()) == (200, "ok"),
        "{alive:?}"
    );
    let ready = host.api.get("/readyz")?;
    ensure!(
        (ready.status, ready.text.trim()) == (200, "ready"),
        "{ready:?}"
    );
    host.api.stream("s", 1)?;
    host.api.stream("out", 1)?;
    host.api.deploy("copy", "fixture", "config.to=out")?;
    host.api
        .trigger("copy", json!({ "stream": "s", "function": "copy" }))?;
    host.api.lines("s", "", "a\nb\n")?;
    host.api.caught_up("copy")?;
    let status = host.api.get("/v1/status")?.ok()?;
    ensure!(
        status["records_in"] == 2 && status["streams"] == 2,
        "{status}"
    );
    ensure!(
        status["functions"] == 1 && status["triggers"] == 1,
        "{status}"
    );
    let metrics = host.api.get("/metrics")?;
    let kind = metrics.headers["content-type"].to_str()?;
    ensure!(kind.starts_with("text/plain"), "{kind}");
    exposition(&metrics.text)
}

/// Checks the text as a scraper reads it: every sample has a type, a value, and is there once.
fn exposition(text: &str) -> Result<()> {
    let mut typed = BTreeSet::new();
    let mut series = BTreeSet::new();
    for line in text.lines() {
        if let Some(meta) = line.strip_prefix("# TYPE ") {
            let (name, _) = meta.split_once(' ').with_context(|| line.to_owned())?;
            ensure!(typed.insert(name.to_owned()), "typed twice: {line}");
        } else if !line.starts_with('#') && !line.is_empty() {
            let (name, value) = line.rsplit_once(' ').with_context(|| line.to_owned())?;
            value.parse::<f64>().with_context(|| line.to_owned())?;
            ensure!(series.insert(name.to_owned()), "twice: {line}");
            let family = name.split('{').next().unwrap_or_default();
            let bare = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|end| family.strip_suffix(end));
            let known = typed.contains(family) || bare.is_some_and(|bare| typed.contains(bare));
            ensure!(known, "without a type: {line}");
        }
    }
    for part in ["put", "commit", "lag", "invocation"] {
        let found = series.iter().any(|name| name.contains(part));
        ensure!(found, "nothing is measured of {part}: {series:?}");
    }
    Ok(())
}

#[test]
fn everything_is_as_it_was_after_a_restart() -> Result<()> {
    let home = host::folder()?;
    let data = home.path().join("data");
    let first = Host::start_on(&data, &[])?;
    first.api.stream("s", 2)?;
    first.api.stream("out", 2)?;
    first.api.deploy("copy", "fixture", "config.to=out")?;
    first.api.trigger(
        "copy",
        json!({ "stream": "s", "function": "copy", "batch_size": 7 }),
    )?;
    first.api.lines("s", "", "a\nb\nc\n")?;
    first.api.caught_up("copy")?;
    let before = snapshot(&first)?;
    ensure!(first.stop()?.success(), "the host did not end well");
    let second = Host::start_on(&data, &[])?;
    let after = snapshot(&second)?;
    ensure!(before == after, "before: {before:#?}\nafter: {after:#?}");
    second.api.lines("s", "", "d\n")?;
    second.api.caught_up("copy")?;
    let out = second.api.records("out")?;
    ensure!(out.len() == 4, "{} outputs after the restart", out.len());
    for pair in out.windows(2).filter(|pair| pair[0].shard == pair[1].shard) {
        ensure!(
            pair[0].sequence < pair[1].sequence,
            "sequence numbers fell: {pair:?}"
        );
    }
    Ok(())
}

fn snapshot(host: &Host) -> Result<Vec<serde_json::Value>> {
    let mut trigger = host.api.lanes("copy")?;
    for shard in trigger["shards"].as_array_mut().context("no shards")? {
        // What is counted since the start of the process.
        for field in [
            "batches",
            "records",
            "outputs",
            "dead_letters",
            "state",
            "lag_ms",
        ] {
            shard.as_object_mut().context("no shard")?.remove(field);
        }
    }
    let records = |stream: &str| -> Result<_> {
        let all = host.api.records(stream)?;
        Ok(json!(
            all.iter()
                .map(|r| (&r.shard, &r.sequence, &r.data))
                .collect::<Vec<_>>()
        ))
    };
    Ok(vec![
        host.api.get("/v1/streams")?.ok()?,
        host.api.get("/v1/functions")?.ok()?,
        trigger,
        records("s")?,
        records("out")?,
    ])
}
