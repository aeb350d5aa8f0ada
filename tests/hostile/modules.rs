//! Uploads that are no functions: each is refused with what it is and what was expected, the version
//! before it goes on, and the host stays as it was.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use support::{Api, Host, build};

use crate::wire::Wire;

/// An empty component: valid, and of no world.
const EMPTY_COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
/// An empty core module.
const EMPTY_MODULE: &[u8] = b"\0asm\x01\0\0\0";
/// A core module as a C compiler for bare wasm makes them: `(module (func (export "_start")))`.
const COMMAND: &[u8] =
    b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x07\x0a\x01\x06_start\0\0\
    \x0a\x04\x01\x02\0\x0b";

fn refuse(api: &Api, name: &str, body: &[u8]) -> Result<String> {
    let answer = api.upload(&format!("/v1/functions/{name}?wait_ms=60000"), body)?;
    answer.refused(422, "module_refused")
}

#[test]
fn what_is_not_a_function_is_refused_with_what_it_is() -> Result<()> {
    let mut host = Host::start()?;
    let fixture = build::guest("fixture")?;
    let damaged = {
        let mut bytes = fixture.clone();
        let middle = bytes.len() / 2;
        bytes[middle..middle + 64].fill(0xff);
        bytes
    };
    let cases: &[(&str, &[u8], &[&str])] = &[
        ("text", b"hello there", &["not"]),
        ("html", b"<!doctype html><html>", &["not"]),
        ("wat", b"(component)", &["text"]),
        (
            "elf",
            b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0",
            &["precompiled"],
        ),
        ("magic-only", b"\0asm", &["truncated"]),
        ("truncated", &fixture[..fixture.len() / 2], &["truncated"]),
        ("damaged", &damaged, &[]),
        ("module", EMPTY_MODULE, &["component"]),
        ("command", COMMAND, &["component"]),
        ("no-world", EMPTY_COMPONENT, &["handle"]),
    ];
    for (name, body, words) in cases {
        let message = refuse(&host.api, name, body).with_context(|| (*name).to_owned())?;
        for word in *words {
            ensure!(
                message.contains(word),
                "{name} is refused without {word}: {message}"
            );
        }
        ensure!(
            message.len() < 4096,
            "{name} is refused at length: {message}"
        );
    }
    ensure!(refuse(&host.api, "no-bytes", b"").is_ok() || status_of_empty(&host.api)? == 400);
    let left = host.api.get("/v1/functions")?.ok()?;
    let active = left["functions"].as_array().context("no list")?;
    ensure!(
        active.iter().all(|function| function["status"] != "active"),
        "{left}"
    );
    host.alive()
}

fn status_of_empty(api: &Api) -> Result<u16> {
    Ok(api.upload("/v1/functions/no-bytes", b"")?.status)
}

#[test]
fn a_refused_upload_leaves_the_version_before_it_at_work() -> Result<()> {
    let host = Host::start()?;
    host.api.stream("in", 1)?;
    host.api.stream("out", 1)?;
    let first = host.api.deploy("f", "fixture", "config.to=out")?;
    host.api
        .trigger("t", json!({ "stream": "in", "function": "f" }))?;
    refuse(&host.api, "f", EMPTY_COMPONENT)?;
    host.api.lines("in", "", "a\nb\n")?;
    host.api.caught_up("t")?;
    ensure!(
        host.api.records("out")?.len() == 2,
        "the version before does not work"
    );
    let shown = host.api.get("/v1/functions/f")?.ok()?;
    ensure!(shown["version"] == first["version"], "{shown}");
    ensure!(
        shown["upload"]["status"] == "failed",
        "the failure is not shown: {shown}"
    );
    let error = shown["upload"]["error"].to_string();
    ensure!(
        error.contains("handle"),
        "what is missing is not shown: {shown}"
    );
    Ok(())
}

#[test]
fn an_upload_that_breaks_off_or_is_too_large_changes_nothing() -> Result<()> {
    let host = Host::start()?;
    let fixture = build::guest("fixture")?;
    let mut wire = Wire::open(&host.api)?;
    let length = fixture.len();
    wire.send(
        format!("PUT /v1/functions/f HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n")
            .as_bytes(),
    );
    wire.send(&fixture[..length / 2]);
    wire.finish();
    let status = wire.status()?;
    ensure!(
        status.is_none_or(|status| (400..500).contains(&status)),
        "{status:?}"
    );
    host.api
        .get("/v1/functions/f")?
        .refused(404, "no_such_function")?;
    let large = vec![0; (32 << 20) + 1];
    let answer = host.api.upload("/v1/functions/f", &large);
    if let Ok(answer) = answer {
        answer.refused(413, "too_large")?;
    }
    host.api
        .get("/v1/functions/f")?
        .refused(404, "no_such_function")?;
    host.api.deploy("f", "fixture", "config.to=out")?;
    Ok(())
}

/// A component of nested loops with every local alive across all of them, which a register
/// allocator takes very long over.
fn bomb() -> Result<Vec<u8>> {
    const LOCALS: usize = 3_000;
    const LOOPS: usize = 150;
    let mut body = format!("(local{})", " i64".repeat(LOCALS));
    for i in 0..LOOPS {
        body += &format!("loop $l{i} ");
    }
    for i in 0..LOCALS {
        let other = (i * 7 + 1) % LOCALS;
        body += &format!("(local.set {i} (i64.add (local.get {other}) (local.get {i})))");
    }
    for i in (0..LOOPS).rev() {
        body += &format!("(br_if $l{i} (i64.eqz (local.get {i}))) end ");
    }
    Ok(wat::parse_str(format!(
        r#"(component
            (core module $m (func (export "f") {body}))
            (core instance $i (instantiate $m))
            (func (export "handle") (canon lift (core func $i "f"))))"#
    ))?)
}

#[test]
fn a_module_that_takes_too_much_to_compile_is_given_up() -> Result<()> {
    // Memory is limited to less than the smallest guest takes, so that every module is a bomb.
    let guest = build::guest("access-log")?;
    for (option, most, module) in [
        ("--compile-memory-bytes", "30000000", guest),
        ("--compile-cpu-seconds", "1", bomb()?),
        ("--compile-seconds", "1", bomb()?),
    ] {
        let home = support::host::folder()?;
        let mut host = Host::start_on(&home.path().join("data"), &[option, most])?;
        let begin = Instant::now();
        let message = refuse(&host.api, "bomb", &module)?;
        ensure!(
            begin.elapsed() < Duration::from_secs(45),
            "given up after {:?}",
            begin.elapsed()
        );
        ensure!(
            message.contains("limit") && message.contains(option),
            "the limit is not named: {message}"
        );
        ensure!(
            host.api.get("/livez")?.status == 200,
            "the host does not serve"
        );
        host.alive()?;
    }
    Ok(())
}

/// It was a fault of the host, by its status.
#[test]
fn a_module_with_too_many_instances_is_refused_by_the_limits_name() -> Result<()> {
    let mut host = Host::start()?;
    let instances = "(core instance (instantiate $m))".repeat(21);
    let module = wat::parse_str(format!(
        r#"(component (core module $m) {instances}
            (core module $f (func (export "f")))
            (core instance $i (instantiate $f))
            (func (export "handle") (canon lift (core func $i "f"))))"#
    ))?;
    let message = refuse(&host.api, "many", &module)?;
    ensure!(message.contains("`core_instances`"), "{message}");
    host.alive()
}

#[test]
fn a_module_is_tried_out_under_the_limits_of_its_calls() -> Result<()> {
    let host = Host::start()?;
    let fixture = build::guest("fixture")?;
    let upload = |limit: u32| {
        let path = format!("/v1/functions/f?wait_ms=60000&memory_bytes={limit}");
        host.api.upload(&path, &fixture)
    };
    let message = upload(65_536)?.refused(422, "module_refused")?;
    ensure!(message.contains("`memory_bytes`"), "{message}");
    ensure!(upload(268_435_456)?.status == 201, "it is refused");
    Ok(())
}

/// It showed as active, and no call of it came to anything.
#[test]
fn a_function_that_a_smaller_host_has_no_room_for_is_shown_as_that() -> Result<()> {
    let home = support::host::folder()?;
    let data = home.path().join("data");
    let host = Host::start_on(&data, &[])?;
    host.api.deploy("f", "fixture", "config.to=out")?;
    host.stop()?;
    let small = ["--instance-memory-bytes", "65536"];
    let host = Host::start_on(&data, &small)?;
    let shown = host.api.get("/v1/functions/f")?.ok()?;
    ensure!(shown["status"] == "unavailable", "{shown}");
    let reason = shown["reason"].as_str().context("no reason")?;
    ensure!(reason.contains("memory_bytes"), "{shown}");
    ensure!(shown["limits"]["memory_bytes"] == 65_536, "{shown}");
    host.stop()?;
    let host = Host::start_on(&data, &[])?;
    let shown = host.api.get("/v1/functions/f")?.ok()?;
    ensure!(shown["status"] == "active", "{shown}");
    drop(host);
    let (status, said) = support::host::refused(&data, &["--instance-memory-bytes", "1"])?;
    ensure!(status.code() == Some(2), "{status}: {said}");
    Ok(())
}

#[test]
fn modules_with_bytes_flipped_never_harm_the_host() -> Result<()> {
    let mut host = Host::start()?;
    let fixture = build::guest("fixture")?;
    let mut random = support::Random::announced("flipped modules");
    for _ in 0..12 {
        let mut bytes = fixture.clone();
        for _ in 0..8 {
            let at = random.below(bytes.len() as u64) as usize;
            bytes[at] ^= 1 << random.below(8);
        }
        let answer = host.api.upload("/v1/functions/f?wait_ms=60000", &bytes)?;
        // Some flips are in names or data and make another good module.
        ensure!([200, 201, 422].contains(&answer.status), "{answer:?}");
        host.alive()?;
    }
    Ok(())
}
