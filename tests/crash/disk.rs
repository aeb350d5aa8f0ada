//! A full disk: puts are refused for the time being, reads go on, and with room all goes on.

use std::{path::Path, process::Command};

use anyhow::{Result, ensure};
use serde_json::json;
use support::{Host, host, process};

/// A file system of a given size, which goes with its value.
struct Small<'a>(&'a Path);

impl<'a> Small<'a> {
    /// Mounts it. None where this process may not.
    fn mount(at: &'a Path, size: &str) -> Result<Option<Self>> {
        std::fs::create_dir(at)?;
        let mounted = process::is_root() && mount(at, &format!("size={size}"))?;
        Ok(mounted.then_some(Self(at)))
    }

    fn resize(&self, size: &str) -> Result<()> {
        ensure!(
            mount(self.0, &format!("remount,size={size}"))?,
            "the remount failed"
        );
        Ok(())
    }
}

impl Drop for Small<'_> {
    fn drop(&mut self) {
        // Lazily, for a host may not be gone for good; there is nothing to do about an error here.
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

fn mount(at: &Path, options: &str) -> Result<bool> {
    let mut command = Command::new("mount");
    Ok(command
        .args(["-t", "tmpfs", "-o", options, "tmpfs"])
        .arg(at)
        .status()?
        .success())
}

#[test]
fn a_full_disk_refuses_puts_until_there_is_room() -> Result<()> {
    let home = host::folder()?;
    let data = home.path().join("data");
    let Some(disk) = Small::mount(&data, "48m")? else {
        println!("skipped: this process may not mount a file system of a limited size");
        return Ok(());
    };
    let host = Host::start_on(&data, &[])?;
    wire(&host)?;
    let acknowledged = fill(&host)?;
    ensure!(
        host.api.get("/livez")?.status == 200,
        "the host does not serve any more"
    );
    ensure!(
        host.api.records("in")?.len() == acknowledged,
        "acknowledged records are not served"
    );
    let over_kinesis = host.api.kinesis(
        "PutRecord",
        &json!({ "StreamName": "in", "PartitionKey": "k", "Data": "eHh4".repeat(200_000) }),
    )?;
    ensure!(
        over_kinesis.status >= 500,
        "AWS clients would not retry: {over_kinesis:?}"
    );
    disk.resize("256m")?;
    support::until("puts to be taken again", || {
        let answer = put(&host)?;
        Ok((answer.status == 200).then_some(()))
    })?;
    host.api.caught_up("copy")?;
    ensure!(
        host.api.records("in")?.len() == acknowledged + 1,
        "records came or went"
    );
    ensure!(
        host.api.records("out")?.len() == acknowledged + 1,
        "outputs came or went"
    );
    ensure!(
        host.api.records("dead")?.is_empty(),
        "a full disk is not a record's fault"
    );
    ensure!(host.stop()?.success(), "the host did not end well");
    Ok(())
}

fn wire(host: &Host) -> Result<()> {
    for stream in ["in", "out", "dead"] {
        host.api.stream(stream, 1)?;
    }
    host.api.deploy("copy", "fixture", "config.to=out")?;
    let settings = json!({
        "stream": "in", "function": "copy", "maximum_retry_attempts": 0, "on_failure_stream": "dead",
    });
    host.api.trigger("copy", settings)?;
    Ok(())
}

fn put(host: &Host) -> Result<support::api::Answer> {
    host.api.send(
        "/v1/streams/in/records?key=k",
        "application/octet-stream",
        &[b'x'; 500_000],
    )
}

/// Puts until the host has no room; how many records it took.
fn fill(host: &Host) -> Result<usize> {
    for taken in 0..1000 {
        let answer = put(host)?;
        if answer.status != 200 {
            ensure!(
                answer.headers.contains_key("retry-after"),
                "no Retry-After: {answer:?}"
            );
            let message = answer.refused(503, "disk_full")?;
            ensure!(message.contains("space"), "unclear: {message}");
            return Ok(taken);
        }
    }
    anyhow::bail!("the disk never filled up")
}
