//! A cheap producer: requests are made beforehand, so that the client's CPU does not count much.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::Result;

use crate::{
    Options, body,
    connection::Connection,
    host::Host,
    report::{median, quantile},
};

/// What a load was, and what came of it.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    /// Records a second.
    pub(crate) rate: f64,
    /// Server CPU microseconds a record.
    pub(crate) cpu_us: f64,
    /// Milliseconds of each request.
    pub(crate) latencies: Vec<f64>,
}

/// One request after another on each connection, with records of `bytes` bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) connections: usize,
    pub(crate) put: Put,
    pub(crate) bytes: usize,
}

/// What a request puts.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Put {
    /// PutRecord.
    One,
    /// PutRecords of so many records, as JSON.
    Json(usize),
    /// The same as CBOR.
    Cbor(usize),
}

impl Put {
    fn records(self) -> usize {
        match self {
            Self::One => 1,
            Self::Json(records) | Self::Cbor(records) => records,
        }
    }

    fn request(self, stream: &str, bytes: usize, seed: usize) -> Vec<u8> {
        match self {
            Self::One => body::put_record(stream, bytes, seed),
            Self::Json(records) => body::put_records(stream, records, bytes, seed),
            Self::Cbor(records) => body::put_records_cbor(stream, records, bytes, seed),
        }
    }
}

impl Outcome {
    /// The median rate.
    pub(crate) fn rate(outcomes: &[Self]) -> f64 {
        median(outcomes.iter().map(|outcome| outcome.rate))
    }

    /// The median of the server's CPU microseconds a record.
    pub(crate) fn cpu_us(outcomes: &[Self]) -> f64 {
        median(outcomes.iter().map(|outcome| outcome.cpu_us))
    }

    /// The median of the milliseconds below which `q` of a run's requests stayed.
    pub(crate) fn latency(outcomes: &[Self], q: f64) -> f64 {
        let one = |outcome: &Self| quantile(outcome.latencies.iter().copied(), q);
        median(outcomes.iter().map(one))
    }
}

impl Load {
    /// Puts into four shards of a host of its own, which has had half a second to warm up.
    pub(crate) fn alone(self, options: &Options, args: &[&str]) -> Result<Outcome> {
        let host = Host::start(options, args)?;
        host.stream("s", 4)?;
        self.run(&host, "s", 0.5)?;
        self.run(&host, "s", options.seconds)
    }

    /// Puts into `stream` for `seconds`.
    pub(crate) fn run(self, host: &Host, stream: &str, seconds: f64) -> Result<Outcome> {
        let stop = Arc::new(AtomicBool::new(false));
        let cpu = host.cpu()?;
        let begin = Instant::now();
        let workers: Vec<_> = (0..self.connections)
            .map(|i| {
                let (stop, address) = (Arc::clone(&stop), host.address.clone());
                let request = self.put.request(stream, self.bytes, i);
                thread::spawn(move || produce(&address, &request, &stop))
            })
            .collect();
        thread::sleep(Duration::from_secs_f64(seconds));
        stop.store(true, Ordering::Relaxed);
        let mut latencies = Vec::new();
        for worker in workers {
            latencies.extend(worker.join().expect("a producer does not panic")?);
        }
        let elapsed = begin.elapsed().as_secs_f64();
        let records = (latencies.len() * self.put.records()) as f64;
        let cpu_us = (host.cpu()? - cpu) * 1e6 / records;
        Ok(Outcome {
            rate: records / elapsed,
            cpu_us,
            latencies,
        })
    }
}

fn produce(address: &str, request: &[u8], stop: &AtomicBool) -> Result<Vec<f64>> {
    let mut connection = Connection::open(address)?;
    let mut latencies = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let begin = Instant::now();
        connection.send(request)?;
        latencies.push(begin.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(latencies)
}
