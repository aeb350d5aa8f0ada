//! Connections that do not speak HTTP, or speak it badly, too slowly, too much.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use support::{Api, Host, Random};

use crate::wire::Wire;

/// Checks that the host refused, and goes on serving others.
fn refused(api: &Api, what: &str, status: Option<u16>) -> Result<()> {
    let refused = status.is_none_or(|status| (400..500).contains(&status));
    ensure!(refused, "{what} was answered by {status:?}");
    ensure!(
        api.get("/livez")?.status == 200,
        "the host does not serve after {what}"
    );
    Ok(())
}

#[test]
fn what_is_no_http_is_refused_or_hung_up_on() -> Result<()> {
    let mut host = Host::start()?;
    let long = |count| "x".repeat(count);
    let garbage: &[(&str, String)] = &[
        ("a line of text", "hello there\r\n\r\n".into()),
        (
            "a version from the future",
            "GET /livez HTTP/9.9\r\n\r\n".into(),
        ),
        (
            "a method with a blank",
            "GE T /livez HTTP/1.1\r\nhost: x\r\n\r\n".into(),
        ),
        (
            "a header without a colon",
            "GET /livez HTTP/1.1\r\nhost x\r\n\r\n".into(),
        ),
        (
            "a NUL in a header",
            "GET /livez HTTP/1.1\r\nhost: a\0b\r\n\r\n".into(),
        ),
        (
            "a line of a mebibyte",
            format!("GET /{} HTTP/1.1\r\n\r\n", long(1 << 20)),
        ),
        (
            "a header of a mebibyte",
            format!("GET /livez HTTP/1.1\r\na: {}\r\n\r\n", long(1 << 20)),
        ),
        (
            "ten thousand headers",
            format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(10_000)),
        ),
        (
            "a negative length",
            "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n".into(),
        ),
        (
            "a length of words",
            "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: ten\r\n\r\n".into(),
        ),
        (
            "two lengths",
            "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab".into(),
        ),
        (
            "a chunk of no number",
            "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n\r\n".into(),
        ),
        (
            "a greeting of TLS",
            "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\u{fc}\u{3}\u{3}".into(),
        ),
    ];
    for (what, bytes) in garbage {
        let mut wire = Wire::open(&host.api)?;
        wire.send(bytes.as_bytes());
        wire.finish();
        refused(&host.api, what, wire.status()?)?;
    }
    host.alive()
}

#[test]
fn random_bytes_are_refused_or_hung_up_on() -> Result<()> {
    let mut host = Host::start()?;
    let mut random = Random::announced("random bytes");
    for _ in 0..100 {
        let mut wire = Wire::open(&host.api)?;
        let count = random.below(4096) as usize;
        wire.send(&random.bytes(count));
        wire.finish();
        refused(&host.api, "random bytes", wire.status()?)?;
    }
    host.alive()
}

#[test]
fn two_requests_cannot_hide_in_one() -> Result<()> {
    let host = Host::start()?;
    let mut wire = Wire::open(&host.api)?;
    wire.send(
        b"POST /v1/streams/none/records HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\
        transfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /livez HTTP/1.1\r\nhost: x\r\n\r\n",
    );
    wire.finish();
    let first = wire.status()?;
    ensure!(first != Some(200), "the hidden request was answered first");
    refused(&host.api, "length and chunks at once", first)
}

#[test]
fn a_body_that_says_it_is_too_large_is_refused_unread() -> Result<()> {
    let host = Host::start()?;
    host.api.stream("s", 1)?;
    for path in ["/", "/v1/streams/s/records", "/v1/functions/f"] {
        let method = if path.starts_with("/v1/functions") {
            "PUT"
        } else {
            "POST"
        };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\nx-amz-target: Kinesis_20131202.PutRecords\r\n\
            content-type: application/x-amz-json-1.1\r\ncontent-length: 1000000000000\r\n\r\n"
        );
        let mut wire = Wire::open(&host.api)?;
        ensure!(wire.send(head.as_bytes()), "the host closed too early");
        // Not one byte of the body is sent, and the answer is there.
        let status = wire
            .status()?
            .with_context(|| format!("no answer at {path}"))?;
        refused(&host.api, path, Some(status))?;
    }
    Ok(())
}

#[test]
fn a_body_without_an_end_is_cut() -> Result<()> {
    let host = Host::start()?;
    host.api.stream("s", 1)?;
    let before = support::process::memory(host.pid(), "VmRSS")?;
    for path in ["/", "/v1/streams/s/records"] {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nx-amz-target: Kinesis_20131202.PutRecords\r\n\
            content-type: application/x-amz-json-1.1\r\ntransfer-encoding: chunked\r\n\r\n"
        );
        let mut wire = Wire::open(&host.api)?;
        wire.send(head.as_bytes());
        let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
        let sent = (0..2000)
            .take_while(|_| wire.send(chunk.as_bytes()))
            .count();
        ensure!(sent < 2000, "the host took {sent} chunks at {path}");
        // The answer may be lost with the connection, since the host stopped reading.
        let status = wire.status().unwrap_or_default();
        refused(&host.api, path, status)?;
    }
    let grown = support::process::memory(host.pid(), "VmHWM")?.saturating_sub(before);
    ensure!(grown < 128 << 20, "endless bodies cost {} MiB", grown >> 20);
    ensure!(host.api.records("s")?.is_empty(), "a cut body was stored");
    Ok(())
}

#[test]
fn a_body_shorter_than_it_says_stores_nothing() -> Result<()> {
    let host = Host::start()?;
    host.api.stream("s", 1)?;
    let mut wire = Wire::open(&host.api)?;
    wire.send(
        b"POST /v1/streams/s/records?format=lines HTTP/1.1\r\nhost: x\r\n\
        content-length: 100\r\n\r\nonly this line\n",
    );
    wire.finish();
    refused(&host.api, "a short body", wire.status()?)?;
    ensure!(
        host.api.records("s")?.is_empty(),
        "a truncated body was stored"
    );
    Ok(())
}

#[test]
fn slow_headers_are_cut_while_others_are_served() -> Result<()> {
    let host = Host::start()?;
    let begin = Instant::now();
    let mut slow: Vec<Wire> = (0..50)
        .map(|_| Wire::open(&host.api))
        .collect::<Result<_>>()?;
    for wire in &mut slow {
        wire.send(b"GET /livez HTTP/1.1\r\nhost:");
    }
    ensure!(
        host.api.get("/livez")?.status == 200,
        "slow clients hold up the others"
    );
    for mut wire in slow {
        refused(&host.api, "slow headers", wire.status()?)?;
    }
    ensure!(
        begin.elapsed() > Duration::from_secs(1),
        "slow clients were not given any time"
    );
    ensure!(
        begin.elapsed() < Duration::from_secs(75),
        "cut after {:?}",
        begin.elapsed()
    );
    Ok(())
}
