//! A queue: how many records sixteen workers receive and acknowledge, ten at a time.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::{
    Options,
    connection::Connection,
    host::Host,
    load::{Load, Put},
    report::{Report, median, quantile},
};

const WORKERS: usize = 16;

pub(crate) fn measure(options: &Options, report: &mut Report) -> Result<()> {
    let runs = (0..options.rounds)
        .map(|_| run(options))
        .collect::<Result<Vec<_>>>()?;
    let section = "queue, 1 KB, 16 workers";
    let mid = |f: &dyn Fn(&Run) -> f64| median(runs.iter().map(f));
    report.tell(
        section,
        "received and acknowledged",
        mid(&|r| r.rate),
        "records/s",
    );
    report.tell(section, "server CPU", mid(&|r| r.cpu_us), "us/record");
    let receives = |q| mid(&|r| quantile(r.receives.iter().copied(), q));
    report.tell(section, "receive p50", receives(0.5), "ms");
    report.tell(section, "receive p99", receives(0.99), "ms");
    let settles = |q| mid(&|r| quantile(r.acknowledges.iter().copied(), q));
    report.tell(section, "acknowledge p50", settles(0.5), "ms");
    report.tell(section, "acknowledge p99", settles(0.99), "ms");
    Ok(())
}

/// What one round gave.
struct Run {
    /// Records a second.
    rate: f64,
    /// Server CPU microseconds a record.
    cpu_us: f64,
    /// Milliseconds of each call that gave records.
    receives: Vec<f64>,
    /// Milliseconds of each acknowledgement.
    acknowledges: Vec<f64>,
}

/// What one worker did.
#[derive(Default)]
struct Done {
    records: usize,
    receives: Vec<f64>,
    acknowledges: Vec<f64>,
    /// When it had its last answer.
    end: Option<Instant>,
}

fn run(options: &Options) -> Result<Run> {
    let host = Host::start(options, &[])?;
    let queue = create(&host)?;
    // More than can be worked off in that time.
    let load = Load {
        connections: 4,
        put: Put::Json(500),
        bytes: 1024,
    };
    load.run(&host, "work", options.seconds)?;
    let (cpu, begin) = (host.cpu()?, Instant::now());
    let until = begin + Duration::from_secs_f64(options.seconds);
    let workers: Vec<_> = (0..WORKERS)
        .map(|_| {
            let (address, queue) = (host.address.clone(), queue.clone());
            thread::spawn(move || work(&address, &queue, until))
        })
        .collect();
    let mut all = Done::default();
    for worker in workers {
        let done = worker.join().expect("a worker does not panic")?;
        all.records += done.records;
        all.receives.extend(done.receives);
        all.acknowledges.extend(done.acknowledges);
        all.end = all.end.max(done.end);
    }
    let end = all.end.context("nothing was received")?;
    Ok(Run {
        rate: all.records as f64 / (end - begin).as_secs_f64(),
        cpu_us: (host.cpu()? - cpu) * 1e6 / all.records as f64,
        receives: all.receives,
        acknowledges: all.acknowledges,
    })
}

/// Makes a stream and a queue of it; gives the queue's ARN.
fn create(host: &Host) -> Result<Value> {
    let mut connection = Connection::open(&host.address)?;
    let mode = json!({ "StreamMode": "ON_DEMAND" });
    let input = json!({ "StreamName": "work", "StreamModeDetails": mode });
    connection.ask("CreateStream", &input)?;
    let stream = "arn:aws:kinesis:us-east-1:123456789012:stream/work";
    let start = json!({ "StreamARN": stream, "StartingPosition": { "Type": "TRIM_HORIZON" } });
    let input = json!({ "QueueName": "work", "StreamConfigurationList": [start] });
    let created = connection.ask("CreateQueue", &input)?;
    Ok(created["QueueDescription"]["QueueARN"].clone())
}

fn work(address: &str, queue: &Value, until: Instant) -> Result<Done> {
    let mut connection = Connection::open(address)?;
    let receive = json!({ "QueueARN": queue, "Limit": 10, "WaitTimeSeconds": 1 });
    let mut done = Done::default();
    let ms = |since: Instant| since.elapsed().as_secs_f64() * 1000.0;
    while Instant::now() < until {
        let begin = Instant::now();
        let received = connection.ask("ReceiveQueueRecords", &receive)?;
        let taken = ms(begin);
        let records = received["QueueRecords"].as_array().context("a list")?;
        if records.is_empty() {
            break;
        }
        done.receives.push(taken);
        let entry = |record: &Value| json!({ "ReceiptHandle": record["ReceiptHandle"] });
        let entries: Vec<_> = records.iter().map(entry).collect();
        let input = json!({ "QueueARN": queue, "Entries": entries });
        let begin = Instant::now();
        let settled = connection.ask("AcknowledgeQueueRecords", &input)?;
        done.acknowledges.push(ms(begin));
        let failed = settled["Failed"].as_array().map_or(0, Vec::len);
        ensure!(failed == 0, "not acknowledged: {settled}");
        done.records += records.len();
        done.end = Some(Instant::now());
    }
    Ok(done)
}
