//! PutRecords over CBOR, beside the same records as JSON.

use anyhow::Result;

use crate::{
    Options,
    load::{Load, Outcome, Put},
    report::Report,
};

pub(crate) fn measure(options: &Options, report: &mut Report) -> Result<()> {
    let load = |put| Load {
        connections: 8,
        put,
        bytes: 1024,
    };
    let (mut cbor, mut json) = (vec![], vec![]);
    for _ in 0..options.rounds {
        cbor.push(load(Put::Cbor(500)).alone(options, &[])?);
        json.push(load(Put::Json(500)).alone(options, &[])?);
    }
    let section = "put 1 KB x 500 over CBOR";
    let (rate, cpu) = (Outcome::rate, Outcome::cpu_us);
    report.tell(section, "CBOR", rate(&cbor), "records/s");
    report.tell(section, "JSON", rate(&json), "records/s");
    report.tell(section, "CBOR / JSON", rate(&cbor) / rate(&json), "ratio");
    report.tell(section, "server CPU, CBOR", cpu(&cbor), "us/record");
    report.tell(section, "server CPU, JSON", cpu(&json), "us/record");
    Ok(())
}
