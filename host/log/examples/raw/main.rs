//! What the log costs beside what it is made of: a bare SQLite writer and a file, with the same syncs.
//!
//! `cargo run --release -p millstream-log --example raw -- [write|scan|open] [--bytes N] [--seconds N]
//! [--rounds N] [--records N] [--callers N] [--page BYTES] [--variant NAME] [--json]`
//! Blocks of `--records` records; `--seconds` in all for a writer. Compare within one run only.

mod measured;
mod open;
mod scan;
mod write;

use std::{path::Path, time::Duration};

use anyhow::{Context as _, Result};
use millstream_core::block::{Block, BlockBuilder};
use millstream_log::Options;
use rusqlite::Connection;

#[derive(Debug, Clone)]
struct Setting {
    part: Option<String>,
    page: u32,
    seconds: f64,
    rounds: u32,
    sizes: Vec<usize>,
    records: usize,
    callers: u32,
    variant: Option<String>,
    json: bool,
}

impl Setting {
    fn parse() -> Result<Self> {
        let mut setting = Self {
            part: None,
            page: Options::new("").page_bytes,
            seconds: 9.0,
            rounds: 3,
            sizes: vec![1024, 100],
            records: 500,
            callers: 8,
            variant: None,
            json: false,
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(name) = arguments.next() {
            let mut value = || {
                let value = arguments.next();
                value.with_context(|| format!("{name} needs a value"))
            };
            match name.as_str() {
                "write" | "scan" | "open" => setting.part = Some(name),
                "--json" => setting.json = true,
                "--page" => setting.page = value()?.parse()?,
                "--seconds" => setting.seconds = value()?.parse()?,
                "--rounds" => setting.rounds = value()?.parse()?,
                "--bytes" => setting.sizes = vec![value()?.parse()?],
                "--records" => setting.records = value()?.parse()?,
                "--callers" => setting.callers = value()?.parse()?,
                "--variant" => setting.variant = Some(value()?),
                _ => anyhow::bail!("unknown option {name}"),
            }
        }
        anyhow::ensure!(setting.rounds > 0, "no rounds");
        if setting.json && setting.part.as_deref() == Some("scan") {
            setting.sizes.truncate(1);
        }
        Ok(setting)
    }

    /// How long one round of one writer takes.
    fn run(&self) -> Duration {
        Duration::from_secs_f64(self.seconds / f64::from(self.rounds))
    }
}

fn block(records: usize, size: usize) -> Block {
    let mut builder = BlockBuilder::with_capacity(records, records * size);
    let data: Vec<u8> = (0..size).map(|i| (i * 31 % 251) as u8).collect();
    for i in 0..records {
        builder.push(&format!("key-{i:012}"), &data);
    }
    builder.finish().expect("there are records")
}

fn database(dir: &Path, page: u32) -> Result<Connection> {
    let connection = Connection::open(dir.join("bare.db"))?;
    connection.pragma_update(None, "page_size", page)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cache_size", -16384)?;
    connection.pragma_update(None, "wal_autocheckpoint", (32 << 20) / page)?;
    Ok(connection)
}

fn main() -> Result<()> {
    let setting = Setting::parse()?;
    let wanted = |part| setting.part.as_deref().is_none_or(|only| only == part);
    if wanted("write") {
        write::writes(&setting)?;
    }
    if wanted("scan") {
        scan::scans(&setting)?;
    }
    if wanted("open") {
        open::opens(&setting)?;
    }
    Ok(())
}
