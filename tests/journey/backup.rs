//! A backup that is made while everything runs, and a host that goes on from it.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use support::{Host, Random, host, process, records::Record};

use crate::cli::Cli;

fn contents(host: &Host, stream: &str) -> Result<Vec<(String, String, Vec<u8>)>> {
    let all = host.api.records(stream)?.into_iter();
    Ok(all
        .map(
            |Record {
                 shard, key, data, ..
             }| (shard, key, data),
        )
        .collect())
}

#[test]
fn a_copy_made_under_load_is_a_consistent_prefix_and_goes_on() -> Result<()> {
    let home = host::folder()?;
    let copy = home.path().join("copy");
    let original = Host::start()?;
    original.api.stream("in", 2)?;
    original.api.stream("out", 2)?;
    original.api.deploy("copy", "fixture", "config.to=out")?;
    original.api.trigger(
        "copy",
        json!({ "stream": "in", "function": "copy", "batch_size": 20 }),
    )?;
    let (stop, put) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| -> Result<()> {
        let producer = scope.spawn(|| produce(&original, &stop, &put));
        support::until("some load", || {
            Ok((put.load(Ordering::Relaxed) > 500).then_some(()))
        })?;
        let before = put.load(Ordering::Relaxed);
        let to = copy.to_str().context("the path is text")?;
        let made = Cli::of(&original).json(&["backup", "--to", to]);
        let after = put.load(Ordering::Relaxed);
        stop.store(true, Ordering::Relaxed);
        producer
            .join()
            .map_err(|_| anyhow::anyhow!("the producer panicked"))??;
        made?;
        println!("{before} records before the backup, {after} after it");
        Ok(())
    })?;
    original.api.caught_up("copy")?;
    let whole = contents(&original, "in")?;
    let checked = process::millstream(&["check", "--data", &copy.to_string_lossy()])?;
    ensure!(
        checked.status.success(),
        "the copy is not sound: {checked:?}"
    );
    let restored = Host::start_on(&copy, &[])?;
    let kept = contents(&restored, "in")?;
    ensure!(kept.len() > 500, "{} records in the copy", kept.len());
    for shard in ["shardId-000000000000", "shardId-000000000001"] {
        let of = |all: &[(String, String, Vec<u8>)]| -> Vec<_> {
            all.iter()
                .filter(|(at, _, _)| at == shard)
                .cloned()
                .collect()
        };
        ensure!(
            of(&whole).starts_with(&of(&kept)),
            "{shard} of the copy is no prefix"
        );
    }
    // Its triggers go on where they were in the copy: every record once, in order.
    restored.api.caught_up("copy")?;
    ensure!(
        contents(&restored, "out")? == kept,
        "outputs were lost or repeated"
    );
    never_the_same_number(&original, &restored)
}

fn produce(host: &Host, stop: &AtomicBool, put: &AtomicU64) -> Result<()> {
    let mut random = Random::seeded(7);
    while !stop.load(Ordering::Relaxed) {
        let begin = put.load(Ordering::Relaxed);
        let count = 1 + random.below(100);
        let lines: String = (begin..begin + count)
            .map(|n| format!("k{} {n}\n", n % 9))
            .collect();
        host.api.lines("in", "key_field=1", &lines)?;
        put.fetch_add(count, Ordering::Relaxed);
    }
    Ok(())
}

/// What both go on to write is told apart by its sequence numbers.
fn never_the_same_number(original: &Host, restored: &Host) -> Result<()> {
    let common: BTreeSet<String> = restored
        .api
        .records("in")?
        .into_iter()
        .map(|record| record.sequence)
        .collect();
    let mut later = BTreeSet::new();
    for host in [original, restored] {
        for n in 0..20 {
            let put = json!({ "StreamName": "in", "PartitionKey": format!("{n}"), "Data": "eA==" });
            let put = host.api.kinesis("PutRecord", &put)?.ok()?;
            let number = put["SequenceNumber"]
                .as_str()
                .context("no number")?
                .to_owned();
            ensure!(
                !common.contains(&number),
                "{number} was given before the backup"
            );
            ensure!(later.insert(number.clone()), "{number} was given twice");
        }
    }
    Ok(())
}

#[test]
fn a_backup_goes_nowhere_where_something_is() -> Result<()> {
    let home = host::folder()?;
    let host = Host::start()?;
    host.api.stream("s", 1)?;
    let taken = home.path().join("taken");
    std::fs::create_dir(&taken)?;
    std::fs::write(taken.join("precious"), "mine")?;
    let answer = host.api.post("/v1/backup", &json!({ "path": taken }))?;
    ensure!((400..500).contains(&answer.status), "{answer:?}");
    let into_itself = host
        .api
        .post("/v1/backup", &json!({ "path": host.data() }))?;
    ensure!((400..500).contains(&into_itself.status), "{into_itself:?}");
    ensure!(
        std::fs::read_to_string(taken.join("precious"))? == "mine",
        "overwritten"
    );
    host.api.lines("s", "", "a\n")?;
    Ok(())
}
