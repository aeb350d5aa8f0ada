//! A cheap producer: request bodies are made beforehand, so that the client's CPU does not count much.

use std::{
    fmt::Write as _,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

use crate::host::Host;

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

/// PutRecords requests of `records` records of `bytes` bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) connections: usize,
    pub(crate) records: usize,
    pub(crate) bytes: usize,
}

impl Load {
    /// Puts into `stream` for `seconds`.
    pub(crate) fn run(self, host: &Host, stream: &str, seconds: f64) -> Result<Outcome> {
        let stop = Arc::new(AtomicBool::new(false));
        let cpu = host.cpu()?;
        let begin = Instant::now();
        let workers: Vec<_> = (0..self.connections)
            .map(|i| {
                let (stop, address) = (Arc::clone(&stop), host.address.clone());
                let request = put_records(stream, self.records, self.bytes, i);
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
        let records = (latencies.len() * self.records) as f64;
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

/// A kept-alive HTTP/1.1 connection that looks at the status only.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
    body: Vec<u8>,
}

impl Connection {
    /// Connects.
    pub(crate) fn open(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream: BufReader::with_capacity(1 << 16, stream),
            body: Vec::new(),
        })
    }

    /// Sends a whole request and reads the whole answer, which must be a 200.
    pub(crate) fn send(&mut self, request: &[u8]) -> Result<&[u8]> {
        self.stream.get_mut().write_all(request)?;
        let (mut line, mut length, mut status) = (String::new(), 0, String::new());
        loop {
            line.clear();
            ensure!(
                self.stream.read_line(&mut line)? > 0,
                "the host closed the connection"
            );
            if status.is_empty() {
                line.trim_end().clone_into(&mut status);
            }
            if line == "\r\n" {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().context("content-length")?;
            }
        }
        self.body.resize(length, 0);
        self.stream.read_exact(&mut self.body)?;
        let body = String::from_utf8_lossy(&self.body[..length.min(300)]);
        ensure!(status.contains(" 200 "), "{status}: {body}");
        Ok(&self.body)
    }
}

/// A Kinesis request as the AWS SDKs send it, with a signature that is only well formed.
pub(crate) fn kinesis(action: &str, body: &[u8]) -> Vec<u8> {
    let mut request = format!(
        "POST / HTTP/1.1\r\nhost: localhost\r\nx-amz-target: Kinesis_20131202.{action}\r\n\
         content-type: application/x-amz-json-1.1\r\nx-amz-date: 20260101T000000Z\r\n\
         authorization: AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/kinesis/aws4_request, \
         SignedHeaders=host;x-amz-date, Signature={}\r\ncontent-length: {}\r\n\r\n",
        "0".repeat(64),
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    request
}

fn put_records(stream: &str, records: usize, bytes: usize, seed: usize) -> Vec<u8> {
    let data: Vec<u8> = (0..bytes)
        .map(|i| ((i * 31 + seed * 7) % 251) as u8)
        .collect();
    let data = base64_simd::STANDARD.encode_to_string(&data);
    let mut body = format!(r#"{{"StreamName":"{stream}","Records":["#);
    for i in 0..records {
        let comma = if i == 0 { "" } else { "," };
        // 16 characters, as long as a short identifier.
        let key = format!("key-{seed:04}-{i:07}");
        write!(body, r#"{comma}{{"Data":"{data}","PartitionKey":"{key}"}}"#)
            .expect("a string takes everything");
    }
    body.push_str("]}");
    kinesis("PutRecords", body.as_bytes())
}
