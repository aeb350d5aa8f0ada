//! Triggers beside one another: what a thousand of them cost, whether one that fails holds others up,
//! and what it costs that effects and the position are one commit.

use std::{
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::{
    Options,
    connection::{Connection, kinesis},
    functions::component,
    host::Host,
    reads,
    report::{Report, Target, median, quantile},
};

/// Triggers, each on a shard of its own.
const TRIGGERS: usize = 1_000;
/// How long nothing happens while their cost is measured.
const IDLE: Duration = Duration::from_secs(5);
/// Shards beside one that fails.
const HEALTHY: u128 = 15;
/// Records to each healthy shard, with and without the failing one.
const TURNS: usize = 100;
/// Between a put and the next one.
const PAUSE: Duration = Duration::from_millis(2);
/// Records that are added up, and in how many requests they are put.
const NUMBERS: usize = 100_000;
const AT_ONCE: usize = 500;

pub(crate) fn measure(options: &Options, report: &mut Report) -> Result<()> {
    thousand(options, report)?;
    poison(options, report)?;
    exactly_once(options, report)
}

fn thousand(options: &Options, report: &mut Report) -> Result<()> {
    let section = "1,000 triggers on 1,000 shards";
    let host = Host::start(options, &[])?;
    host.stream("out", 1)?;
    let query = "&config.mode=latency&config.to=out";
    host.deploy("latency", &component(options, "fixture"), query)?;
    for i in 0..TRIGGERS {
        host.stream(&format!("in-{i}"), 1)?;
    }
    let before = host.memory("VmRSS")?;
    for i in 0..TRIGGERS {
        let settings = json!({
            "stream": format!("in-{i}"), "function": "latency", "starting_position": "LATEST",
        });
        host.call("PUT", &format!("/v1/triggers/t-{i}"), &settings)?;
    }
    let memory = host.memory("VmRSS")? - before;
    report.judge(section, "memory", (memory, "MB"), Target::AtMost(64.0));
    let (cpu, woken) = (host.cpu()?, host.switches()?);
    thread::sleep(IDLE);
    let share = (host.cpu()? - cpu) / IDLE.as_secs_f64() * 100.0;
    report.judge(
        section,
        "idle CPU",
        (share, "% of a core"),
        Target::AtMost(1.0),
    );
    let woken = (host.switches()? - woken) / IDLE.as_secs_f64();
    report.tell(section, "idle wake-ups", woken, "1/s");

    // One record for each, as fast as they can be put: none of them shall be forgotten over others.
    let mut connection = Connection::open(&host.address)?;
    for i in 0..TRIGGERS {
        put(&mut connection, &format!("in-{i}"), None)?;
    }
    let taken = latencies(&host, TRIGGERS)?;
    for (name, q) in [("p50", 0.5), ("p99", 0.99), ("the last", 1.0)] {
        let ms = quantile(taken.iter().copied(), q) / 1000.0;
        report.tell(section, &format!("a record for each, {name}"), ms, "ms");
    }
    Ok(())
}

fn poison(options: &Options, report: &mut Report) -> Result<()> {
    let section = "a failing shard beside 15 others";
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for _ in 0..options.rounds {
        let host = Host::start(options, &[])?;
        host.stream("in", 1 + HEALTHY as u32)?;
        host.stream("out", 1)?;
        let query = "&config.mode=latency&config.to=out";
        host.deploy("latency", &component(options, "fixture"), query)?;
        let settings =
            json!({ "stream": "in", "function": "latency", "starting_position": "LATEST" });
        host.call("PUT", "/v1/triggers/latency", &settings)?;
        let mut connection = Connection::open(&host.address)?;
        turns(&mut connection)?;
        let count = TURNS * HEALTHY as usize;
        let first = latencies(&host, count)?;
        // The function fails with it until it expires.
        let data = base64_simd::STANDARD.encode_to_string("poison");
        let input = json!({
            "StreamName": "in", "PartitionKey": "k", "Data": data, "ExplicitHashKey": "0",
        });
        connection.ask("PutRecord", &input)?;
        turns(&mut connection)?;
        let all = latencies(&host, 2 * count)?;
        ensure!(
            host.lag("latency")? == 1,
            "the failing record was not held up"
        );
        alone.push(quantile(first, 0.99));
        beside.push(quantile(all[count..].iter().copied(), 0.99));
    }
    report.tell(
        section,
        "p99 of the others without it",
        median(alone.clone()),
        "us",
    );
    report.tell(section, "p99 of the others", median(beside.clone()), "us");
    let ratio = median(beside) / median(alone);
    report.judge(section, "ratio", (ratio, ""), Target::AtMost(1.2));
    Ok(())
}

/// Puts records to all shards but the first, in turn.
fn turns(connection: &mut Connection) -> Result<()> {
    let width = u128::MAX / (HEALTHY + 1) + 1;
    for _ in 0..TURNS {
        for shard in 1..=HEALTHY {
            put(connection, "in", Some(width * shard))?;
            thread::sleep(PAUSE);
        }
    }
    Ok(())
}

/// Puts a record that holds the time.
fn put(connection: &mut Connection, stream: &str, hash_key: Option<u128>) -> Result<()> {
    let sent = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos();
    let data = base64_simd::STANDARD.encode_to_string(sent.to_string());
    let mut input = json!({ "StreamName": stream, "PartitionKey": "k", "Data": data });
    if let Some(hash_key) = hash_key {
        input["ExplicitHashKey"] = hash_key.to_string().into();
    }
    connection.ask("PutRecord", &input).map(drop)
}

/// The first so many latencies that functions gave to `out`, in microseconds, as soon as they are there.
fn latencies(host: &Host, count: usize) -> Result<Vec<f64>> {
    let end = Instant::now() + Duration::from_secs(30);
    let status = || host.call("GET", "/v1/streams/out", &Value::Null);
    while status()?["records"].as_u64().context("records")? < count as u64 {
        ensure!(Instant::now() < end, "less than {count} records came out");
        thread::sleep(Duration::from_millis(20));
    }
    let parse = |data: &Vec<u8>| {
        let ns: f64 = String::from_utf8_lossy(data).trim().parse()?;
        Ok(ns / 1000.0)
    };
    reads::all(host, "out")?.iter().map(parse).collect()
}

/// The rate of a function with an output and a state write a batch, against one with neither.
fn exactly_once(options: &Options, report: &mut Report) -> Result<()> {
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for _ in 0..options.rounds {
        without.push(adding(options, "add")?);
        with.push(adding(options, "sum")?);
    }
    let section = "exactly once, batches of 100";
    report.tell(
        section,
        "neither output nor state",
        median(without.clone()),
        "records/s",
    );
    report.tell(
        section,
        "an output and a state write",
        median(with.clone()),
        "records/s",
    );
    let ratio = median(with) / median(without);
    report.judge(section, "ratio", (ratio, ""), Target::AtLeast(0.8));
    Ok(())
}

fn adding(options: &Options, mode: &str) -> Result<f64> {
    let host = Host::start(options, &[])?;
    host.stream("in", 1)?;
    host.stream("out", 1)?;
    let query = format!("&config.mode={mode}&config.to=out");
    host.deploy("adding", &component(options, "fixture"), &query)?;
    let record = |i: usize| {
        let data = base64_simd::STANDARD.encode_to_string(format!("{i:012}"));
        json!({ "PartitionKey": "k", "Data": data })
    };
    let mut connection = Connection::open(&host.address)?;
    for from in (0..NUMBERS).step_by(AT_ONCE) {
        let records: Vec<_> = (from..from + AT_ONCE).map(record).collect();
        let body = json!({ "StreamName": "in", "Records": records }).to_string();
        connection.send(&kinesis("PutRecords", body.as_bytes()))?;
    }
    let settings = json!({
        "stream": "in", "function": "adding", "starting_position": "TRIM_HORIZON",
    });
    let begin = Instant::now();
    host.call("PUT", "/v1/triggers/adding", &settings)?;
    host.caught_up("adding", Duration::from_secs(120))?;
    Ok(NUMBERS as f64 / begin.elapsed().as_secs_f64())
}
