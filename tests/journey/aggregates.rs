//! Records that Amazon's producer library would have packed: whole for whoever reads the stream,
//! unpacked for a function whose trigger says so.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use support::Host;

/// Made by `aws_kinesis_agg`: `one`, `{"reject":"chosen"}` and `three` of ann, bob and cid.
const REJECTED: &str = "f3899ac20a03616e6e0a03626f620a036369641a0708001a036f6e651a1708011a137b22\
    72656a656374223a2263686f73656e227d1a0908021a057468726565f915e13ed6cf7ab200c6cae81b68af74";
/// The same of `four` and `{"fail":"once","attempts":1}`, of dan and eve.
const RETRIED: &str = "f3899ac20a0364616e0a036576651a0808001a04666f75721a2008011a1c7b226661696c\
    223a226f6e6365222c22617474656d707473223a317dc7c5ae2ac03de5998059c2c3cd1f9148";

fn bytes(hex: &str) -> Result<Vec<u8>> {
    let pairs = (0..hex.len()).step_by(2).map(|at| &hex[at..at + 2]);
    Ok(pairs
        .map(|pair| u8::from_str_radix(pair, 16))
        .collect::<Result<_, _>>()?)
}

fn put(host: &Host, data: &[&[u8]]) -> Result<()> {
    let record = |data: &&[u8]| {
        json!({
            "PartitionKey": "outer", "Data": base64_simd::STANDARD.encode_to_string(data),
        })
    };
    let records: Vec<Value> = data.iter().map(record).collect();
    let body = json!({ "StreamName": "in", "Records": records });
    host.api.kinesis("PutRecords", &body)?.ok().map(drop)
}

/// Keys and texts of a stream's records.
fn seen(host: &Host, stream: &str) -> Result<Vec<(String, String)>> {
    let records = host.api.records(stream)?;
    let of =
        |record: &support::records::Record| Ok((record.key.clone(), record.text()?.to_owned()));
    records.iter().map(of).collect()
}

fn host() -> Result<Host> {
    let host = Host::start()?;
    for stream in ["in", "out", "dead"] {
        host.api.stream(stream, 1)?;
    }
    host.api.deploy("copy", "fixture", "config.to=out")?;
    Ok(host)
}

#[test]
fn a_trigger_that_unpacks_gives_user_records_their_own_fate() -> Result<()> {
    let host = host()?;
    let (rejected, retried) = (bytes(REJECTED)?, bytes(RETRIED)?);
    put(&host, &[b"before", &rejected, &retried, b"after"])?;
    let settings = json!({
        "stream": "in", "function": "copy", "on_failure_stream": "dead",
        "unpack_aggregated_records": true,
    });
    let trigger = host.api.trigger("t", settings)?;
    ensure!(trigger["unpack_aggregated_records"] == true, "{trigger}");
    let lanes = host.api.caught_up("t")?;
    let through = seen(&host, "out")?;
    let expected = [
        ("outer", "before"),
        ("ann", "one"),
        ("cid", "three"),
        ("dan", "four"),
        ("eve", "{\"fail\":\"once\",\"attempts\":1}"),
        ("outer", "after"),
    ];
    let expected = expected.map(|(key, text)| (key.to_owned(), text.to_owned()));
    ensure!(through == expected, "through came {through:?}");
    // Whole records are what counts: one of four is given up.
    let lane = &lanes["shards"][0];
    ensure!(lane["records"] == 3 && lane["dead_letters"] == 1, "{lane}");
    let dead = host.api.events("dead")?;
    let [letter] = &dead[..] else {
        anyhow::bail!("{dead:?}");
    };
    ensure!(letter["partition_key"] == "outer", "{letter}");
    ensure!(letter["error"] == "user record 1 of 3: chosen", "{letter}");
    let data = letter["data"].as_str().context("no data")?;
    let data = base64_simd::STANDARD.decode_to_vec(data)?;
    ensure!(data == rejected, "the record is not as it was: {letter}");
    Ok(())
}

#[test]
fn a_trigger_that_does_not_unpack_gives_records_as_they_are() -> Result<()> {
    let host = host()?;
    let rejected = bytes(REJECTED)?;
    put(&host, &[&rejected])?;
    let trigger = json!({ "stream": "in", "function": "copy" });
    let trigger = host.api.trigger("t", trigger)?;
    ensure!(trigger["unpack_aggregated_records"] == false, "{trigger}");
    host.api.caught_up("t")?;
    for stream in ["in", "out"] {
        let records = host.api.records(stream)?;
        let data: Vec<_> = records.iter().map(|record| &record.data).collect();
        ensure!(data == [&rejected], "{stream} holds {data:?}");
    }
    Ok(())
}
