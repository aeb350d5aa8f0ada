//! `make bench`: measures the release binary from outside, in one run, and prints ratios.
//!
//! Rates on shared machines drift, so each rate stands beside another one of the same run, and cost is
//! given as the server's CPU time a record. Nothing here knows the host but by HTTP and by /proc.

mod body;
mod cbor;
mod connection;
mod fanout;
mod functions;
mod host;
mod latency;
mod load;
mod puts;
mod queues;
mod raw;
mod reads;
mod report;
mod shards;
mod singles;
mod triggers;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Parser, builder::PossibleValuesParser};

use crate::report::Report;

type Measure = fn(&Options, &mut Report) -> Result<()>;

/// What is measured, in this order.
const SECTIONS: [(&str, Measure); 11] = [
    ("idle", host::measure_idle),
    ("put", puts::measure),
    ("cbor", cbor::measure),
    ("singles", singles::measure),
    ("latency", latency::measure),
    ("functions", functions::measure),
    ("triggers", triggers::measure),
    ("reads", reads::measure),
    ("fanout", fanout::measure),
    ("shards", shards::measure),
    ("queues", queues::measure),
];

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
    /// Only these sections, separated by commas.
    #[arg(
        long,
        value_name = "SECTIONS",
        value_delimiter = ',',
        value_parser = PossibleValuesParser::new(SECTIONS.map(|(name, _)| name))
    )]
    only: Vec<String>,
}

impl Options {
    fn wants(&self, section: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == section)
    }
}

fn main() -> Result<()> {
    let options = Options::parse();
    let mut report = Report::default();
    for (name, measure) in SECTIONS.into_iter().filter(|(name, _)| options.wants(name)) {
        measure(&options, &mut report).context(name)?;
    }
    report.print();
    report.write(&options.json)
}
