//! PutRecords over HTTP: durable, with the log switched off, and what the writer alone reaches.

use anyhow::Result;

use crate::{
    Options,
    load::{Load, Outcome, Put},
    raw,
    report::{Report, Target, median},
};

/// Bytes of a record, with the CPU target of issue and README where there is one.
const SIZES: [(usize, &str, Option<f64>); 3] = [
    (100, "100 B", Some(0.7)),
    (1024, "1 KB", Some(1.8)),
    (10_240, "10 KB", None),
];

pub(crate) fn measure(options: &Options, report: &mut Report) -> Result<()> {
    for (bytes, size, cpu_target) in SIZES {
        let load = Load {
            connections: 8,
            put: Put::Json(500),
            bytes,
        };
        let (mut durable, mut off, mut raws) = (vec![], vec![], vec![]);
        // In turns, so that a slow minute of the machine hits all of them.
        for _ in 0..options.rounds {
            durable.push(load.alone(options, &[])?);
            off.push(load.alone(options, &["--fsync", "null"])?);
            raws.push(raw::write(options, bytes)?);
        }
        let section = format!("put {size} x 500");
        let (rate, cpu) = (Outcome::rate, Outcome::cpu_us);
        let bare = |figure: fn(&raw::Write) -> f64| median(raws.iter().map(figure));
        let (block, file) = (bare(|raw| raw.block_rate), bare(|raw| raw.file_rate));
        report.tell(&section, "durable", rate(&durable), "records/s");
        report.tell(&section, "log switched off", rate(&off), "records/s");
        report.tell(&section, "raw block writer", block, "records/s");
        report.tell(&section, "raw append-only file", file, "records/s");
        report.tell(
            &section,
            "durable / log off",
            rate(&durable) / rate(&off),
            "ratio",
        );
        let ratio = rate(&durable) / block;
        report.judge(
            &section,
            "durable / raw block writer",
            (ratio, "ratio"),
            Target::AtLeast(0.6),
        );
        report.tell(
            &section,
            "durable / append-only file",
            rate(&durable) / file,
            "ratio",
        );
        report.tell(&section, "server CPU, log off", cpu(&off), "us/record");
        match cpu_target {
            Some(t) => {
                let value = (cpu(&durable), "us/record");
                report.judge(&section, "server CPU, durable", value, Target::AtMost(t));
            }
            None => report.tell(&section, "server CPU, durable", cpu(&durable), "us/record"),
        }
        // SQLite is handed finished blocks there: what it takes itself is the least that a put costs.
        let block_cpu = bare(|raw| raw.block_cpu_us);
        report.tell(&section, "raw block writer, CPU", block_cpu, "us/record");
        let latency = |q| Outcome::latency(&durable, q);
        report.tell(&section, "request p50", latency(0.5), "ms");
        report.tell(&section, "request p99", latency(0.99), "ms");
    }
    Ok(())
}
