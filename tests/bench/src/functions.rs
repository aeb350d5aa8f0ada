//! Records through functions: as fast as the log, the guest and the log again allow.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::{
    Options,
    connection::{Connection, kinesis},
    host::Host,
    load::{Load, Put},
    report::{Report, Target, median},
};

/// Where a guest's component lies.
pub(crate) fn component(options: &Options, guest: &str) -> PathBuf {
    options
        .guests
        .join(format!("guest_{}.wasm", guest.replace('-', "_")))
}

pub(crate) fn measure(options: &Options, report: &mut Report) -> Result<()> {
    let mut pass = Vec::new();
    let mut logs = Vec::new();
    for _ in 0..options.rounds {
        pass.push(pass_through(options)?);
        logs.push(access_log(options)?);
    }
    let section = "through a function";
    let mid = |runs: &[Run], f: fn(&Run) -> f64| median(runs.iter().map(f));
    report.tell(
        section,
        "pass-through 100 B",
        mid(&pass, |r| r.rate),
        "records/s",
    );
    let cpu = (mid(&pass, |r| r.cpu_us), "us/record");
    report.judge(section, "pass-through 100 B, CPU", cpu, Target::AtMost(0.8));
    report.tell(section, "access-log", mid(&logs, |r| r.rate), "records/s");
    report.tell(
        section,
        "access-log, CPU",
        mid(&logs, |r| r.cpu_us),
        "us/record",
    );
    report.tell(
        section,
        "fresh instance, 1 record, wall",
        fresh_instance(options)?,
        "us",
    );
    Ok(())
}

/// What the host says that a call takes, from making the instance to dropping it: the median.
fn fresh_instance(options: &Options) -> Result<f64> {
    let host = Host::start(options, &[])?;
    let query = "&config.mode=pass&config.to=out";
    host.deploy("pass", &component(options, "fixture"), query)?;
    let records = json!({ "records": [{ "partition_key": "k", "text": "x" }] });
    let call = |_| {
        let answer = host.call("POST", "/v1/functions/pass/invoke", &records)?;
        answer["time_us"]
            .as_f64()
            .with_context(|| format!("time of {answer}"))
    };
    let times = (0..1000).map(call).collect::<Result<Vec<_>>>()?;
    Ok(median(times))
}

struct Run {
    rate: f64,
    cpu_us: f64,
}

fn pass_through(options: &Options) -> Result<Run> {
    let host = Host::start(options, &[])?;
    host.stream("in", 1)?;
    host.stream("out", 1)?;
    let query = "&config.mode=pass&config.to=out&output_bytes=67108864&output_records=1000000";
    host.deploy("pass", &component(options, "fixture"), query)?;
    Load {
        connections: 4,
        put: Put::Json(500),
        bytes: 100,
    }
    .run(&host, "in", options.seconds / 2.0)?;
    drain(&host, "pass", "in")
}

fn access_log(options: &Options) -> Result<Run> {
    let host = Host::start(options, &[])?;
    for stream in ["access-log", "events", "unparsable"] {
        host.stream(stream, 1)?;
    }
    host.deploy("access-log", &component(options, "access-log"), "")?;
    let requests = log_requests(&options.log_lines)?;
    let mut connection = Connection::open(&host.address)?;
    let end = Instant::now() + Duration::from_secs_f64(options.seconds / 2.0);
    while Instant::now() < end {
        for request in &requests {
            connection.send(request)?;
        }
    }
    drain(&host, "access-log", "access-log")
}

/// Puts a trigger on a stream that is full already and measures until it is through.
fn drain(host: &Host, function: &str, stream: &str) -> Result<Run> {
    let status = host.call("GET", &format!("/v1/streams/{stream}"), &Value::Null)?;
    let records = status["records"]
        .as_f64()
        .context("records of the stream")?;
    let settings = json!({
        "stream": stream,
        "function": function,
        "starting_position": "TRIM_HORIZON",
        "batch_size": 10_000,
    });
    let (cpu, begin) = (host.cpu()?, Instant::now());
    host.call("PUT", "/v1/triggers/drain", &settings)?;
    host.caught_up("drain", Duration::from_secs(120))?;
    let rate = records / begin.elapsed().as_secs_f64();
    Ok(Run {
        rate,
        cpu_us: (host.cpu()? - cpu) * 1e6 / records,
    })
}

fn log_requests(file: &Path) -> Result<Vec<Vec<u8>>> {
    let text = std::fs::read_to_string(file).unwrap_or_else(|_| generated());
    let lines: Vec<&str> = text.lines().collect();
    let request = |chunk: &[&str]| {
        let record = |line: &&str| {
            let key = line.split(' ').next().unwrap_or("-");
            let data = base64_simd::STANDARD.encode_to_string(line);
            json!({ "Data": data, "PartitionKey": key })
        };
        let records: Vec<Value> = chunk.iter().map(record).collect();
        let body = json!({ "StreamName": "access-log", "Records": records }).to_string();
        kinesis("PutRecords", body.as_bytes())
    };
    Ok(lines.chunks(500).map(request).collect())
}

fn generated() -> String {
    let line = |i: usize| {
        format!(
            "10.0.{}.{} - - [17/May/2015:10:{:02}:{:02} +0000] \"GET /page/{} HTTP/1.1\" 200 {} \
             \"-\" \"Mozilla/5.0\"\n",
            i % 50,
            i % 200,
            i / 60 % 60,
            i % 60,
            i % 300,
            i * 7 % 50_000
        )
    };
    (0..10_000).map(line).collect()
}
