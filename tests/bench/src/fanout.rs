//! SubscribeToShard: from a producer's send to the event at each of the consumers of a shard.
//!
//! The record holds the time at which it was sent; a consumer takes the clock once an event is whole,
//! and looks into it when all is over, so that it does not hold up the others.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{self, Thread},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::{
    Options,
    connection::{Chunks, Connection, kinesis},
    host::Host,
    report::{Report, Target, quantile},
};

const CONSUMERS: usize = 20;
const RECORDS: usize = 2000;
/// After which a record that did not arrive is lost.
const PATIENCE: Duration = Duration::from_secs(10);
const STREAM: &str = "arn:aws:kinesis:us-east-1:123456789012:stream/s";

pub(crate) fn measure(options: &Options, report: &mut Report) -> Result<()> {
    let host = Host::start(options, &[])?;
    host.stream("s", 1)?;
    let events = (0..CONSUMERS)
        .map(|i| subscribe(&host, &format!("consumer-{i}")))
        .collect::<Result<Vec<_>>>()?;
    let delivered = Arc::new(AtomicUsize::new(0));
    let consumers: Vec<_> = events
        .into_iter()
        .map(|events| {
            let (delivered, producer) = (Arc::clone(&delivered), thread::current());
            thread::spawn(move || consume(events, &delivered, &producer))
        })
        .collect();

    let cpu = host.cpu()?;
    let acknowledged = produce(&host, &delivered)?;
    let cpu_us = (host.cpu()? - cpu) * 1e6 / (RECORDS * CONSUMERS) as f64;
    let mut taken = Vec::with_capacity(RECORDS * CONSUMERS);
    for consumer in consumers {
        let arrivals = consumer.join().expect("a consumer does not panic")?;
        for arrival in arrivals {
            taken.push(arrival.latency_us()?);
        }
    }
    tell(report, &taken, acknowledged, host.commit_sync()?);
    report.tell(SECTION, "server CPU", cpu_us, "us/delivery");
    Ok(())
}

const SECTION: &str = "SubscribeToShard, 20 consumers, one record at a time";

fn tell(report: &mut Report, taken: &[f64], acknowledged: Vec<f64>, sync: f64) {
    let p = |q| quantile(taken.iter().copied(), q);
    report.tell(SECTION, "commit's own sync, p50", sync, "us");
    report.tell(
        SECTION,
        "put acknowledged p50",
        quantile(acknowledged, 0.5),
        "us",
    );
    report.judge(
        SECTION,
        "p50 beyond the sync",
        (p(0.5) - sync, "us"),
        Target::AtMost(500.0),
    );
    report.tell(SECTION, "p50", p(0.5), "us");
    report.tell(SECTION, "p99", p(0.99), "us");
}

/// Registers a consumer and subscribes it; it has read all there is when this returns.
fn subscribe(host: &Host, name: &str) -> Result<Events> {
    let mut connection = Connection::open(&host.address)?;
    let input = json!({ "StreamARN": STREAM, "ConsumerName": name });
    let registered = connection.ask("RegisterStreamConsumer", &input)?;
    let input = json!({
        "ConsumerARN": registered["Consumer"]["ConsumerARN"],
        "ShardId": "shardId-000000000000",
        "StartingPosition": { "Type": "LATEST" },
    });
    let request = kinesis("SubscribeToShard", input.to_string().as_bytes());
    let mut events = Events(connection.subscribe(&request)?);
    // The response, which has no members, and the event that tells where it stands.
    events.next()?;
    events.next()?;
    Ok(events)
}

/// Puts one record after another, each when the one before has arrived everywhere; gives how many
/// microseconds each put took.
fn produce(host: &Host, delivered: &AtomicUsize) -> Result<Vec<f64>> {
    let mut connection = Connection::open(&host.address)?;
    let mut acknowledged = Vec::with_capacity(RECORDS);
    for i in 1..=RECORDS {
        let data = base64_simd::STANDARD.encode_to_string(now()?.to_string());
        let body = json!({ "StreamName": "s", "PartitionKey": "k", "Data": data });
        let begin = Instant::now();
        connection.ask("PutRecord", &body)?;
        acknowledged.push(begin.elapsed().as_secs_f64() * 1e6);
        while delivered.load(Ordering::Acquire) < i * CONSUMERS {
            let waited = begin.elapsed();
            ensure!(waited < PATIENCE, "record {i} is not everywhere");
            thread::park_timeout(PATIENCE - waited);
        }
    }
    Ok(acknowledged)
}

/// An event, and when it was there.
struct Arrival {
    /// Nanoseconds since 1970.
    at: u128,
    payload: Vec<u8>,
}

impl Arrival {
    /// Microseconds since its one record was sent.
    fn latency_us(&self) -> Result<f64> {
        let event: Value = serde_json::from_slice(&self.payload)?;
        let records = event["Records"].as_array().context("Records")?;
        ensure!(records.len() == 1, "{} records at once", records.len());
        let data = records[0]["Data"].as_str().context("Data")?;
        let sent = String::from_utf8(base64_simd::STANDARD.decode_to_vec(data)?)?;
        let sent: u128 = sent.parse()?;
        Ok(self.at.saturating_sub(sent) as f64 / 1000.0)
    }
}

/// Takes all records; whoever has the last of a round wakes the producer.
fn consume(mut events: Events, delivered: &AtomicUsize, producer: &Thread) -> Result<Vec<Arrival>> {
    let mut arrivals = Vec::with_capacity(RECORDS);
    while arrivals.len() < RECORDS {
        let payload = events.next()?;
        let at = now()?;
        // A heartbeat has none.
        if !payload.windows(6).any(|part| part == b"\"Data\"") {
            continue;
        }
        arrivals.push(Arrival { at, payload });
        let before = delivered.fetch_add(1, Ordering::AcqRel);
        if (before + 1).is_multiple_of(CONSUMERS) {
            producer.unpark();
        }
    }
    Ok(arrivals)
}

/// The frames of an event stream.
struct Events(Chunks);

impl Events {
    /// The payload of the next one, which must not be an exception. Checksums are not looked at.
    fn next(&mut self) -> Result<Vec<u8>> {
        // Lengths of the whole and of the headers, and a checksum of these.
        let mut prelude = [0; 12];
        self.0.read_exact(&mut prelude)?;
        let number = |at: usize| -> usize {
            let bytes = [0, 1, 2, 3].map(|i| prelude[at + i]);
            u32::from_be_bytes(bytes) as usize
        };
        let (total, headers) = (number(0), number(4));
        let rest = total.checked_sub(prelude.len()).context("a short frame")?;
        let mut frame = vec![0; rest];
        self.0.read_exact(&mut frame)?;
        // A checksum of everything comes last.
        frame.truncate(rest.checked_sub(4).context("a short frame")?);
        ensure!(headers <= frame.len(), "headers beyond the frame");
        let payload = frame.split_off(headers);
        let headers = String::from_utf8_lossy(&frame);
        let body = String::from_utf8_lossy(&payload);
        ensure!(!headers.contains("exception"), "{headers}: {body}");
        Ok(payload)
    }
}

/// Nanoseconds since 1970.
fn now() -> Result<u128> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos())
}
