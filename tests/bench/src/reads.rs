//! GetRecords from the beginning, over HTTP and in the log alone.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::{
    Options,
    connection::Connection,
    host::Host,
    load::{Load, Put},
    raw,
    report::{Report, Target, median},
};

pub(crate) fn measure(options: &Options, report: &mut Report) -> Result<()> {
    let (mut rates, mut cpu) = (vec![], vec![]);
    for _ in 0..options.rounds {
        let host = Host::start(options, &["--tail-bytes", "0"])?;
        host.stream("s", 1)?;
        let load = Load {
            connections: 4,
            put: Put::Json(500),
            bytes: 1024,
        };
        load.run(&host, "s", options.seconds / 2.0)?;
        let before = host.cpu()?;
        let begin = std::time::Instant::now();
        let records = pages(&host, "s", |_| Ok(()))? as f64;
        rates.push(records / begin.elapsed().as_secs_f64());
        cpu.push((host.cpu()? - before) * 1e6 / records);
    }
    let section = "GetRecords from the beginning, 1 KB";
    report.tell(section, "over HTTP", median(rates), "records/s");
    report.judge(
        section,
        "over HTTP, CPU",
        (median(cpu), "us/record"),
        Target::AtMost(2.5),
    );
    let scans = (0..options.rounds)
        .map(|_| raw::scan(options))
        .collect::<Result<Vec<_>>>()?;
    let (block, row) = (
        median(scans.iter().map(|s| s.block_rate)),
        median(scans.iter().map(|s| s.row_rate)),
    );
    report.tell(section, "the log's read", block, "records/s");
    report.tell(section, "row-per-record table", row, "records/s");
    report.judge(
        section,
        "log / row table",
        (block / row, "ratio"),
        Target::AtLeast(3.0),
    );
    Ok(())
}

/// The data of all records of a stream with one shard.
pub(crate) fn all(host: &Host, stream: &str) -> Result<Vec<Vec<u8>>> {
    let mut data = Vec::new();
    pages(host, stream, |page| {
        for record in page["Records"].as_array().context("Records")? {
            let text = record["Data"].as_str().context("Data")?;
            data.push(base64_simd::STANDARD.decode_to_vec(text)?);
        }
        Ok(())
    })?;
    Ok(data)
}

/// Reads a stream with one shard to its end; gives the number of records.
fn pages(host: &Host, stream: &str, mut see: impl FnMut(&Value) -> Result<()>) -> Result<usize> {
    let mut connection = Connection::open(&host.address)?;
    let start = json!({
        "StreamName": stream,
        "ShardId": "shardId-000000000000",
        "ShardIteratorType": "TRIM_HORIZON",
    });
    let answer = connection.ask("GetShardIterator", &start)?;
    let mut iterator = answer["ShardIterator"]
        .as_str()
        .context("ShardIterator")?
        .to_owned();
    let mut records = 0;
    loop {
        let page = connection.ask("GetRecords", &json!({ "ShardIterator": iterator }))?;
        let count = page["Records"].as_array().context("Records")?.len();
        if count == 0 {
            return Ok(records);
        }
        records += count;
        see(&page)?;
        page["NextShardIterator"]
            .as_str()
            .context("NextShardIterator")?
            .clone_into(&mut iterator);
    }
}
