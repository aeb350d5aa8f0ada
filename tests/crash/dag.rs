//! kill -9 under three functions in a row: one passes on, one counts with a state, one sums up by
//! tumbling windows. What comes out at the end is what a computation on what went in gives.

use std::{collections::BTreeMap, sync::atomic::AtomicU64};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use support::{Host, Random, host, records::Record, wait};

use crate::{
    kill::{content, counted, round_of_load},
    load::{self, Ledger},
};

/// How often the host is killed.
const KILLS: usize = 50;
/// Seconds of a window.
const WINDOW: u64 = 1;

#[test]
fn sums_counts_and_windows_of_three_stages_survive_fifty_kills() -> Result<()> {
    let home = host::folder()?;
    let data = home.path().join("data");
    let mut random = Random::announced("dag kills");
    let mut ledger = Ledger::default();
    let next = AtomicU64::new(0);
    for round in 0..KILLS {
        let host = Host::start_on(&data, &[])?;
        if round == 0 {
            wire(&host)?;
        }
        ledger.extend(round_of_load(host, &next, &mut random)?);
    }
    let host = Host::start_on(&data, &[])?;
    for trigger in ["pass", "count", "totals"] {
        host.api.caught_up(trigger)?;
    }
    let stored = host.api.records("in")?;
    load::check(&ledger, &stored)?;
    let passed = host.api.records("middle")?;
    let contents = |records: &[Record]| records.iter().map(content).collect::<Vec<_>>();
    ensure!(
        contents(&stored) == contents(&passed),
        "the first stage differs from its input"
    );
    counted(&host, &contents(&passed))?;
    let counts = host.api.records("counts")?;
    let totals = totals(&host)?;
    let expected = expected(&counts)?;
    ensure!(
        totals == expected,
        "windows: {totals:?}, expected {expected:?}"
    );
    let windows = totals.len();
    println!("{KILLS} kills: {} records, {windows} windows", stored.len());
    ensure!(windows > 1 && !stored.is_empty(), "nothing was tried");
    ensure!(host.stop()?.success(), "the host did not end well");
    Ok(())
}

/// `in` -> `pass` -> `middle` -> `count` -> `counts` -> `totals` -> `totals`, each with two shards.
fn wire(host: &Host) -> Result<()> {
    for stream in ["in", "middle", "counts", "totals"] {
        host.api.stream(stream, 2)?;
    }
    host.api
        .deploy("pass", "fixture", "config.mode=pass&config.to=middle")?;
    host.api
        .deploy("count", "fixture", "config.mode=count&config.to=counts")?;
    host.api
        .deploy("totals", "totals", "config.STREAM=totals")?;
    host.api.trigger(
        "pass",
        json!({"stream": "in", "function": "pass", "batch_size": 40}),
    )?;
    let count = json!({"stream": "middle", "function": "count", "batch_size": 30});
    host.api.trigger("count", count)?;
    windows(host, WINDOW)
}

fn windows(host: &Host, seconds: u64) -> Result<()> {
    let settings = json!({
        "stream": "counts", "function": "totals", "batch_size": 20,
        "tumbling_window_in_seconds": seconds,
    });
    host.api.trigger("totals", settings).map(drop)
}

/// By shard and beginning of a window: how many records, and their sum.
type Totals = BTreeMap<(String, String), (u64, u64)>;

/// What the last stage told, each window once.
fn totals(host: &Host) -> Result<Totals> {
    // The windows that are open end when there are none any more.
    windows(host, 0)?;
    let is_open = |lane: &Value| lane["window"].is_object();
    wait::until("the last windows", || {
        let lanes = host.api.lanes("totals")?;
        let lanes = lanes["shards"].as_array().context("no lanes")?;
        Ok((!lanes.iter().any(is_open)).then_some(()))
    })?;
    let mut totals = Totals::new();
    for told in host.api.events("totals")? {
        let text = |name: &str| told[name].as_str().map(str::to_owned).context("no text");
        let count = |name: &str| told[name].as_u64().context("no number");
        let key = (text("shard")?, text("start")?);
        let before = totals.insert(key, (count("records")?, count("sum")?));
        ensure!(before.is_none(), "{told} is told twice");
    }
    Ok(totals)
}

/// The same, computed from the records of the stage before.
fn expected(counts: &[Record]) -> Result<Totals> {
    let mut totals = Totals::new();
    for record in counts {
        let seconds = record.arrival_ms / 1000 / WINDOW * WINDOW;
        let start = jiff::Timestamp::from_second(i64::try_from(seconds)?)?;
        let key = (record.shard.clone(), start.to_string());
        let total = totals.entry(key).or_default();
        let count = record.json()?["count"].as_u64().context("no count")?;
        *total = (total.0 + 1, total.1 + count);
    }
    Ok(totals)
}
