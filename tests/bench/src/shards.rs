//! Ten thousand shards on one host: what they cost while nothing happens, and how soon it starts.

use std::{path::Path, time::Instant};

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::{
    Options,
    connection::Connection,
    host::{self, Host},
    report::{Report, Target, median, quantile},
};

/// As many as a stream may have.
const SHARDS: u32 = 500;
const STREAMS: u32 = 20;
const ALL: u32 = STREAMS * SHARDS;
/// What an idle shard may cost, in KiB.
const SHARD_KIB: f64 = 4.0;
const SECTION: &str = "10,000 shards";

pub(crate) fn measure(options: &Options, report: &mut Report) -> Result<()> {
    let dir = host::directory()?;
    let empty = {
        let host = Host::start_on(options, dir.path(), &[])?;
        let empty = host.memory("VmRSS")?;
        for i in 0..STREAMS {
            host.stream(&name(i), SHARDS)?;
        }
        cost(&host, report, "memory of a new shard", empty)?;
        list(&host, report)?;
        for i in 0..STREAMS {
            put_everywhere(&host, &name(i))?;
        }
        cost(&host, report, "memory of a shard with a record", empty)?;
        empty
    };
    start(options, report, dir.path(), empty)
}

fn name(i: u32) -> String {
    format!("stream-{i}")
}

/// How much more memory the host has than when it was empty, in KiB a shard.
fn cost(host: &Host, report: &mut Report, name: &str, empty: f64) -> Result<()> {
    let kib = (host.memory("VmRSS")? - empty) * 1e6 / 1024.0 / f64::from(ALL);
    report.judge(SECTION, name, (kib, "KiB"), Target::AtMost(SHARD_KIB));
    Ok(())
}

fn list(host: &Host, report: &mut Report) -> Result<()> {
    let mut connection = Connection::open(&host.address)?;
    let (input, mut taken) = (json!({ "StreamName": name(0) }), Vec::new());
    for _ in 0..200 {
        let begin = Instant::now();
        let page = connection.ask("ListShards", &input)?;
        taken.push(begin.elapsed().as_secs_f64() * 1000.0);
        let count = page["Shards"].as_array().map_or(0, Vec::len);
        ensure!(count == SHARDS as usize, "{count} shards listed");
    }
    let p50 = quantile(taken, 0.5);
    report.tell(SECTION, "ListShards of 500, p50", p50, "ms");
    Ok(())
}

/// Puts a record into each shard of a stream.
fn put_everywhere(host: &Host, stream: &str) -> Result<()> {
    let width = u128::MAX / u128::from(SHARDS);
    let records = (0..SHARDS).map(|i| {
        let middle = width * u128::from(i) + width / 2;
        json!({ "Data": "eA==", "PartitionKey": "k", "ExplicitHashKey": middle.to_string() })
    });
    let input = json!({ "StreamName": stream, "Records": records.collect::<Vec<Value>>() });
    let answer = Connection::open(&host.address)?.ask("PutRecords", &input)?;
    ensure!(answer["FailedRecordCount"] == 0, "failed in part");
    Ok(())
}

/// Starts on what a killed host left.
fn start(options: &Options, report: &mut Report, dir: &Path, empty: f64) -> Result<()> {
    let mut taken = Vec::new();
    for round in 0..options.rounds {
        let begin = Instant::now();
        let host = Host::start_on(options, dir, &[])?;
        taken.push(begin.elapsed().as_secs_f64());
        if round + 1 == options.rounds {
            cost(&host, report, "memory of a shard after a restart", empty)?;
        }
    }
    let seconds = (median(taken), "s");
    report.judge(SECTION, "start-up", seconds, Target::AtMost(3.0));
    Ok(())
}
