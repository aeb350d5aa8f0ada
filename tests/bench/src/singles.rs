//! PutRecord, a record a request: what waiting for the disk costs when many wait together.

use anyhow::Result;

use crate::{
    Options,
    load::{Load, Outcome, Put},
    report::{Report, Target},
};

pub(crate) fn measure(options: &Options, report: &mut Report) -> Result<()> {
    for connections in [8, 64] {
        let load = Load {
            connections,
            put: Put::One,
            bytes: 1024,
        };
        let (mut durable, mut off) = (vec![], vec![]);
        for _ in 0..options.rounds {
            durable.push(load.alone(options, &[])?);
            // It writes all the same, and leaves it to the kernel when that reaches the disk.
            off.push(load.alone(options, &["--fsync", "off"])?);
        }
        let section = format!("PutRecord 1 KB, {connections} connections");
        let (rate, cpu) = (Outcome::rate, Outcome::cpu_us);
        report.tell(&section, "durable", rate(&durable), "records/s");
        report.tell(&section, "syncs off", rate(&off), "records/s");
        let (name, ratio) = ("durable / syncs off", rate(&durable) / rate(&off));
        if connections == 64 {
            report.judge(&section, name, (ratio, "ratio"), Target::AtLeast(0.5));
        } else {
            report.tell(&section, name, ratio, "ratio");
        }
        report.tell(&section, "server CPU, durable", cpu(&durable), "us/record");
        report.tell(&section, "server CPU, syncs off", cpu(&off), "us/record");
        let latency = |q| Outcome::latency(&durable, q);
        report.tell(&section, "request p50", latency(0.5), "ms");
        report.tell(&section, "request p99", latency(0.99), "ms");
    }
    Ok(())
}
