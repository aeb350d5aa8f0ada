//! Child processes: their signals, their end, and what the kernel says of them.

use std::{
    process::{Child, Command, ExitStatus, Output, Stdio},
    time::Duration,
};

use anyhow::{Context, Result};
pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process};

use crate::{build, wait::within};

/// Sends a signal to one process.
pub fn signal(child: &Child, signal: Signal) -> Result<()> {
    let pid = i32::try_from(child.id())
        .ok()
        .and_then(Pid::from_raw)
        .context("process id")?;
    Ok(kill_process(pid, signal)?)
}

/// Waits for a process to end.
pub fn ended(child: &mut Child, limit: Duration) -> Result<ExitStatus> {
    within(limit, "the process to end", || Ok(child.try_wait()?))
}

/// A field of `/proc/PID/status` in bytes, as `VmRSS` or `VmHWM`.
pub fn memory(pid: u32, field: &str) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status
        .lines()
        .find(|line| line.starts_with(field))
        .context("no such field")?;
    let kib: u64 = line
        .split_whitespace()
        .nth(1)
        .context("no value")?
        .parse()?;
    Ok(kib * 1024)
}

/// Whether the kernel knows a process of this id.
#[must_use]
pub fn exists(pid: u32) -> bool {
    std::path::Path::new(&format!("/proc/{pid}")).exists()
}

/// Whether this process may mount file systems.
#[must_use]
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Runs a command of the binary under test to its end.
pub fn millstream(args: &[&str]) -> Result<Output> {
    let mut command = Command::new(build::binary()?);
    command
        .args(args)
        .stdin(Stdio::null())
        .env_remove("RUST_LOG");
    command.output().with_context(|| format!("run {command:?}"))
}

/// Processes whose command line contains `text`.
pub fn mentioning(text: &str) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc")? {
        // A process may end while it is looked at.
        let Ok(line) = std::fs::read(entry?.path().join("cmdline")) else {
            continue;
        };
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if line.contains(text) {
            found.push(line);
        }
    }
    Ok(found)
}
