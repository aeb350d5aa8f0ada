//! From a producer's send to the first line of the handler, against the commit's own sync.
//!
//! The record holds the time at which it was sent; the fixture guest, in its mode `latency`, reads the
//! same clock when it is called and gives the difference to a stream.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::{
    Options, functions,
    host::Host,
    load::{Connection, kinesis},
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
        let body = json!({ "StreamName": "in", "PartitionKey": "k", "Data": data }).to_string();
        let begin = Instant::now();
        connection.send(&kinesis("PutRecord", body.as_bytes()))?;
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

    let sync = commit_sync(&host)?;
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

/// Median microseconds of a transaction with its sync, from the host's own histogram.
fn commit_sync(host: &Host) -> Result<f64> {
    let metrics = host.call("GET", "/metrics", &Value::Null)?;
    let text = metrics.as_str().context("metrics are text")?;
    let bucket = |line: &str| -> Option<(f64, f64)> {
        let rest = line.strip_prefix("millstream_log_transaction_seconds_bucket{le=\"")?;
        let (edge, count) = rest.split_once("\"} ")?;
        Some((edge.parse().ok()?, count.parse().ok()?))
    };
    let buckets: Vec<(f64, f64)> = text.lines().filter_map(bucket).collect();
    let half = buckets
        .last()
        .context("buckets of the transactions' histogram")?
        .1
        / 2.0;
    let mut below = (0.0, 0.0);
    for (edge, count) in buckets {
        if count >= half {
            // Spread evenly over its bucket, which is as wide as its lower edge.
            let part = (half - below.1) / (count - below.1);
            return Ok((below.0 + (edge - below.0) * part) * 1e6);
        }
        below = (edge, count);
    }
    unreachable!("the last bucket holds more than half")
}
