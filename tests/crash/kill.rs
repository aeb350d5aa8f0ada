//! kill -9 at random moments while records come in and a function passes them on.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::atomic::{AtomicBool, AtomicU64},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use support::{Host, Random, host, process, records::Record};

use crate::load::{self, Ledger};

/// How often the host is killed.
const KILLS: usize = 50;
/// Producers at a time.
const PRODUCERS: u64 = 3;

#[test]
fn fifty_kills_lose_and_repeat_nothing() -> Result<()> {
    let home = host::folder()?;
    let data = home.path().join("data");
    let mut random = Random::announced("kills");
    let mut ledger = Ledger::default();
    let next = AtomicU64::new(0);
    let mut restarts = Vec::new();
    for round in 0..KILLS {
        if random.below(4) == 0 {
            host::killed_while_starting(&data, Duration::from_millis(random.below(200)))?;
        }
        let host = Host::start_on(&data, &[])?;
        if round == 0 {
            wire(&host)?;
        } else {
            restarts.push(host.took);
        }
        ledger.extend(round_of_load(host, &next, &mut random)?);
    }
    report(&mut restarts, &ledger)?;
    let host = Host::start_on(&data, &[])?;
    verify(&host, &ledger)?;
    ensure!(host.stop()?.success(), "the host did not end well");
    check_directory(&data)
}

/// `in` -> `copy` -> `out`, and `in` -> `count` -> `counts`, each with two shards.
fn wire(host: &Host) -> Result<()> {
    for stream in ["in", "out", "counts"] {
        host.api.stream(stream, 2)?;
    }
    host.api
        .deploy("copy", "fixture", "config.mode=pass&config.to=out")?;
    host.api
        .deploy("count", "fixture", "config.mode=count&config.to=counts")?;
    for function in ["copy", "count"] {
        let settings = json!({ "stream": "in", "function": function, "batch_size": 40 });
        host.api.trigger(function, settings)?;
    }
    Ok(())
}

/// Producers run until the host is killed under them, at a random moment.
pub(crate) fn round_of_load(host: Host, next: &AtomicU64, random: &mut Random) -> Result<Ledger> {
    let api = host.api.clone();
    let life = Duration::from_millis(random.below(400));
    let seeds: Vec<u64> = (0..PRODUCERS).map(|_| random.draw()).collect();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let producers: Vec<_> = (0..PRODUCERS)
            .zip(seeds)
            .map(|(producer, seed)| {
                let (api, stop) = (&api, &stop);
                let mut random = Random::seeded(seed);
                scope.spawn(move || load::produce(api, producer, next, &mut random, stop))
            })
            .collect();
        // The moment of the kill is what this test draws lots for.
        thread::sleep(life);
        host.kill()?;
        let mut ledger = Ledger::default();
        for producer in producers {
            ledger.extend(
                producer
                    .join()
                    .map_err(|_| anyhow::anyhow!("a producer panicked"))??,
            );
        }
        Ok(ledger)
    })
}

fn verify(host: &Host, ledger: &Ledger) -> Result<()> {
    host.api.caught_up("copy")?;
    host.api.caught_up("count")?;
    let stored = host.api.records("in")?;
    load::check(ledger, &stored)?;
    let copied = host.api.records("out")?;
    // The same keys over as many shards: the copy is the original, record by record.
    let [stored, copied] = [&stored, &copied].map(|r| r.iter().map(content).collect::<Vec<_>>());
    ensure!(
        stored.len() == copied.len(),
        "{} in, {} out",
        stored.len(),
        copied.len()
    );
    ensure!(stored == copied, "the copy differs from the original");
    counted(host, &stored)
}

/// A record without its position: its shard, its key and its data.
pub(crate) type Content = (String, String, Vec<u8>);

pub(crate) fn content(record: &Record) -> Content {
    (
        record.shard.clone(),
        record.key.clone(),
        record.data.clone(),
    )
}

/// The counter's state was committed with its outputs: each shard's counts are 1, 2, 3, ... to the end.
pub(crate) fn counted(host: &Host, stored: &[Content]) -> Result<()> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for record in host.api.records("counts")? {
        let count = counts.entry(record.shard.clone()).or_default();
        *count += 1;
        let event = record.json()?;
        ensure!(
            event["count"] == *count,
            "{event} is number {count} of {}",
            record.shard
        );
    }
    for (shard, count) in counts {
        let expected = stored.iter().filter(|(of, _, _)| *of == shard).count() as u64;
        ensure!(
            count == expected,
            "counted {count} of {expected} in {shard}"
        );
    }
    Ok(())
}

/// Restarts are measured with all that a loaded machine adds, so the bounds are lenient.
fn report(restarts: &mut [Duration], ledger: &Ledger) -> Result<()> {
    restarts.sort();
    let median = restarts[restarts.len() / 2];
    let worst = *restarts.last().context("no restarts")?;
    println!(
        "{KILLS} kills: {} acknowledged, {} refused, {} unknown; restart median {median:?}, worst {worst:?}",
        ledger.acknowledged.len(),
        ledger.refused.len(),
        ledger.unknown.len(),
    );
    ensure!(
        !ledger.acknowledged.is_empty(),
        "no put was ever acknowledged"
    );
    ensure!(worst <= Duration::from_secs(2), "a restart took {worst:?}");
    Ok(())
}

fn check_directory(data: &Path) -> Result<()> {
    let data = data.to_str().context("the path is text")?;
    let checked = process::millstream(&["check", "--data", data])?;
    ensure!(checked.status.success(), "check found faults: {checked:?}");
    Ok(())
}
