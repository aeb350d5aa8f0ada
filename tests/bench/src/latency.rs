//! From a producer's send to the first line of the handler, against the commit's own sync.
//!
//! The sync is that of the same puts at the same pace before there is a trigger: a lane's commits
//! have others, and the longer a machine slept, the longer it takes to do anything.
//! The record holds the time at which it was sent; the fixture guest, in its mode `latency`, reads the
//! same clock when it is called and gives the difference to a stream.

use std::{
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::{
    Options,
    connection::Connection,
    functions,
    host::Host,
    reads,
    report::{Report, Target, quantile},
};

const RECORDS: usize = 2000;
/// Between a put and the next one: the first one's batch is through by then.
const PAUSE: Duration = Duration::from_millis(3);

pub(crate) fn measure(options: &Options, report: &mut Report) -> Result<()> {
    let host = Host::start(options, &[])?;
    host.stream("in", 1)?;
    host.stream("out", 1)?;
    let mut connection = Connection::open(&host.address)?;
    for _ in 0..RECORDS {
        put(&mut connection)?;
        thread::sleep(PAUSE);
    }
    let sync = host.commit_sync()?;

    let query = "&config.mode=latency&config.to=out";
    host.deploy("latency", &functions::component(options, "fixture"), query)?;
    let settings = json!({ "stream": "in", "function": "latency", "starting_position": "LATEST" });
    host.call("PUT", "/v1/triggers/latency", &settings)?;
    let mut acknowledged = Vec::with_capacity(RECORDS);
    for _ in 0..RECORDS {
        acknowledged.push(put(&mut connection)?);
        thread::sleep(PAUSE);
        host.caught_up("latency", Duration::from_secs(10))?;
    }
    let taken: Vec<f64> = reads::all(&host, "out")?
        .iter()
        .map(|data| {
            String::from_utf8_lossy(data)
                .trim()
                .parse::<f64>()
                .map(|ns| ns / 1000.0)
        })
        .collect::<Result<_, _>>()
        .context("latencies that the guest gave")?;
    ensure!(
        taken.len() == RECORDS,
        "{} latencies of {RECORDS}",
        taken.len()
    );

    let section = "put to handler, one record at a time";
    let p50 = quantile(taken.iter().copied(), 0.5);
    report.tell(section, "commit's own sync, p50", sync, "us");
    report.tell(
        section,
        "put acknowledged p50",
        quantile(acknowledged, 0.5),
        "us",
    );
    report.judge(
        section,
        "p50 beyond the sync",
        (p50 - sync, "us"),
        Target::AtMost(300.0),
    );
    report.tell(section, "p50", p50, "us");
    report.tell(section, "p99", quantile(taken, 0.99), "us");
    Ok(())
}

/// Puts a record that holds the time; how long that took, in microseconds.
fn put(connection: &mut Connection) -> Result<f64> {
    let sent = SystemTime::now()
        .duration_since(UNIX_EPOCH)?
        .as_nanos()
        .to_string();
    let data = base64_simd::STANDARD.encode_to_string(sent);
    let body = json!({ "StreamName": "in", "PartitionKey": "k", "Data": data });
    let begin = Instant::now();
    connection.ask("PutRecord", &body)?;
    Ok(begin.elapsed().as_secs_f64() * 1e6)
}
