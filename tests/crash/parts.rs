//! kill -9 while several batches of each shard are worked at once, and while their number changes.

use std::{collections::BTreeMap, sync::atomic::AtomicU64};

use anyhow::{Result, ensure};
use serde_json::json;
use support::{Host, Random, host, records::Record};

use crate::{
    kill::{content, counted, round_of_load},
    load::{self, Ledger},
};

/// How often the host is killed.
const KILLS: usize = 20;

#[test]
fn kills_with_batches_side_by_side_lose_and_repeat_nothing() -> Result<()> {
    let home = host::folder()?;
    let data = home.path().join("data");
    let mut random = Random::announced("part kills");
    let mut ledger = Ledger::default();
    let next = AtomicU64::new(0);
    for round in 0..KILLS {
        let host = Host::start_on(&data, &[])?;
        if round == 0 {
            for stream in ["in", "out", "counts"] {
                host.api.stream(stream, 2)?;
            }
            host.api
                .deploy("copy", "fixture", "config.mode=pass&config.to=out")?;
            host.api
                .deploy("count", "fixture", "config.mode=count&config.to=counts")?;
        }
        if round % 3 == 0 {
            divide(&host, 1 + random.below(10))?;
        }
        ledger.extend(round_of_load(host, &next, &mut random)?);
    }
    let host = Host::start_on(&data, &[])?;
    host.api.caught_up("copy")?;
    host.api.caught_up("count")?;
    let stored = host.api.records("in")?;
    load::check(&ledger, &stored)?;
    ensure!(
        by_key(&stored) == by_key(&host.api.records("out")?),
        "the copy differs from the original, or the order of a key does"
    );
    let stored: Vec<_> = stored.iter().map(content).collect();
    counted(&host, &stored)?;
    ensure!(host.stop()?.success(), "the host did not end well");
    Ok(())
}

/// Both triggers work so many batches of a shard at once from now on.
fn divide(host: &Host, factor: u64) -> Result<()> {
    for function in ["copy", "count"] {
        let settings = json!({
            "stream": "in", "function": function, "batch_size": 10,
            "parallelization_factor": factor,
        });
        let trigger = host.api.trigger(function, settings)?;
        ensure!(trigger["parallelization_factor"] == factor, "{trigger}");
    }
    Ok(())
}

/// What a stream holds of each key, in order.
fn by_key(records: &[Record]) -> BTreeMap<&str, Vec<&[u8]>> {
    let mut keys: BTreeMap<&str, Vec<&[u8]>> = BTreeMap::new();
    for record in records {
        keys.entry(&record.key).or_default().push(&record.data);
    }
    keys
}
