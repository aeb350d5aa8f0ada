//! `make bench`: measures the release binary from outside, in one run, and prints ratios.
//!
//! Rates on shared machines drift, so each rate stands beside another one of the same run, and cost is
//! given as the server's CPU time a record. Nothing here knows the host but by HTTP and by /proc.

mod functions;
mod host;
mod latency;
mod load;
mod puts;
mod raw;
mod reads;
mod report;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Parser;

/// Measures a Millstream binary.
#[derive(Debug, Parser)]
pub(crate) struct Options {
    /// The binary to measure.
    #[arg(long, default_value = "target/release/millstream")]
    bin: PathBuf,
    /// The folder with the guests' components.
    #[arg(long, default_value = "target/wasm32-wasip2/guest")]
    guests: PathBuf,
    /// The program that measures the log without the host.
    #[arg(long, default_value = "target/release/examples/raw")]
    raw: PathBuf,
    /// Seconds for each measurement of a rate.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// How often each pair of rates is measured, in turns; the median counts.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Where the figures go as JSON.
    #[arg(long, default_value = "target/bench.json")]
    json: PathBuf,
    /// A real access log for the `access-log` function; generated lines where it is missing.
    #[arg(long, default_value = "../shared/data/apache_access.log")]
    log_lines: PathBuf,
    /// Only these sections: put, latency, functions, reads, idle.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
}

impl Options {
    fn wants(&self, section: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == section)
    }
}

fn main() -> Result<()> {
    let options = Options::parse();
    let mut report = report::Report::default();
    if options.wants("idle") {
        host::measure_idle(&options, &mut report).context("idle memory")?;
    }
    if options.wants("put") {
        puts::measure(&options, &mut report).context("puts")?;
    }
    if options.wants("latency") {
        latency::measure(&options, &mut report).context("put-to-handler latency")?;
    }
    if options.wants("functions") {
        functions::measure(&options, &mut report).context("functions")?;
    }
    if options.wants("reads") {
        reads::measure(&options, &mut report).context("reads")?;
    }
    report.print();
    report.write(&options.json)
}
