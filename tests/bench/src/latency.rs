//! From a producer's send to the first line of the handler, against the commit's own sync.
//!
//! The record holds the time at which it was sent; the fixture guest, in its mode `latency`, reads the
//! same clock when it is called and gives the difference to a stream.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

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

pub(crate) fn measure(options: &Options, report: &mut Report) -> Result<()> {
    let host = Host::start(options, &[])?;
    host.stream("in", 1)?;
    host.stream("out", 1)?;
    let query = "&config.mode=latency&config.to=out";
    host.deploy("latency", &functions::component(options, "fixture"), query)?;
    let settings =
        json!({ "stream": "in", "function": "latency", "starting_position": "TRIM_HORIZON" });
    host.call("PUT", "/v1/triggers/latency", &settings)?;

    let mut connection = Connection::open(&host.address)?;
    let mut acknowledged = Vec::with_capacity(RECORDS);
    for _ in 0..RECORDS {
        let sent = SystemTime::now()
            .duration_since(UNIX_EPOCH)?
            .as_nanos()
            .to_string();
        let data = base64_simd::STANDARD.encode_to_string(sent);
        let body = json!({ "StreamName": "in", "PartitionKey": "k", "Data": data });
        let begin = Instant::now();
        connection.ask("PutRecord", &body)?;
        acknowledged.push(begin.elapsed().as_secs_f64() * 1e6);
        // One record at a time: the next one is sent when this one's batch is through.
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

    let sync = host.commit_sync()?;
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
