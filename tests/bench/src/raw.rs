//! The programs that measure one crate without the host; they answer in JSON.

use std::{path::Path, process::Command};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, de::DeserializeOwned};

use crate::Options;

/// What the bare writers reach with blocks of 500 records from 8 callers.
#[derive(Debug, Deserialize)]
pub(crate) struct Write {
    /// SQLite, a block a request, the log's page size and syncs; records a second.
    pub(crate) block_rate: f64,
    /// Its CPU time a record, in microseconds.
    pub(crate) block_cpu_us: f64,
    /// An append-only file with the same syncs; records a second.
    pub(crate) file_rate: f64,
}

/// What bare reads from the beginning reach.
#[derive(Debug, Deserialize)]
pub(crate) struct Scan {
    /// The log; records a second.
    pub(crate) block_rate: f64,
    /// A table with a row a record; records a second.
    pub(crate) row_rate: f64,
}

pub(crate) fn write(options: &Options, bytes: usize) -> Result<Write> {
    let seconds = options.seconds.to_string();
    run(
        &options.raw,
        &[
            "write",
            "--bytes",
            &bytes.to_string(),
            "--seconds",
            &seconds,
            "--json",
        ],
    )
}

pub(crate) fn scan(options: &Options) -> Result<Scan> {
    // One scan takes less than a tenth of a second.
    run(&options.raw, &["scan", "--rounds", "15", "--json"])
}

fn run<T: DeserializeOwned>(program: &Path, args: &[&str]) -> Result<T> {
    let output = Command::new(program)
        .args(args)
        .output()
        .with_context(|| format!("start {}", program.display()))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{} failed: {errors}",
        program.display()
    );
    serde_json::from_slice(&output.stdout)
        .with_context(|| format!("what {} printed", program.display()))
}
