//! Clients that others wrote, unmodified: an SDK for JavaScript, and two consumers that share the
//! shards of a stream among their workers.

mod relay;
mod worker;

use std::process::Command;

use anyhow::{Result, ensure};
use support::{Host, build};

use self::{relay::Relay, worker::Worker};

#[test]
fn the_sdk_for_javascript_finds_what_it_expects() -> Result<()> {
    let mut host = Host::start()?;
    let status = node("sdk.test.js", &host.api.url)?
        .arg("--test-reporter=dot")
        .status()?;
    host.alive()?;
    ensure!(status.success(), "node ended with {status}");
    ensure!(host.stop()?.success(), "the host did not end well");
    Ok(())
}

#[test]
fn async_kinesis_loses_nothing() -> Result<()> {
    Relay::start()?.run(|place, name| {
        let script = build::root().join("tests/clients/python/async_worker.py");
        let mut command = Command::new(build::consumers_python()?);
        command
            .arg(script)
            .args([&place.stream, name])
            .arg(place.folder.join("leases.sqlite"))
            .env("PYTHONDONTWRITEBYTECODE", "1");
        Ok(command)
    })
}

#[test]
fn lifion_kinesis_loses_nothing() -> Result<()> {
    let leases = dynamodb()?;
    Relay::start()?.run(|place, _| {
        let mut command = node("lifion-worker.js", &place.url)?;
        command.args([&place.stream, &leases.first]);
        Ok(command)
    })
}

/// A service that is not ours, for leases; its first line is its address.
fn dynamodb() -> Result<Worker> {
    let script = build::root().join("tests/clients/python/dynamodb.py");
    Worker::awaited(Command::new(build::python()?).arg(script))
}

fn node(script: &str, url: &str) -> Result<Command> {
    let mut command = Command::new("node");
    command
        .arg(build::root().join("tests/clients/node").join(script))
        .env("NODE_PATH", build::node_modules()?)
        .env("MILLSTREAM_URL", url);
    Ok(command)
}
