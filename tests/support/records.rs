//! All that a stream holds, read as any Kinesis client would read it.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::api::Api;

/// A record as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// As in `shardId-000000000000`.
    pub shard: String,
    /// 56 digits.
    pub sequence: String,
    /// The partition key.
    pub key: String,
    /// The data.
    pub data: Vec<u8>,
    /// When it arrived, in milliseconds since 1970.
    pub arrival_ms: u64,
}

impl Record {
    /// The data as text.
    pub fn text(&self) -> Result<&str> {
        Ok(std::str::from_utf8(&self.data)?)
    }

    /// The data as JSON.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.data).with_context(|| format!("not JSON: {:?}", self.text()))
    }
}

impl Api {
    /// Every record of a stream, shard after shard, each in order.
    pub fn records(&self, stream: &str) -> Result<Vec<Record>> {
        let listed = self
            .kinesis("ListShards", &json!({ "StreamName": stream }))?
            .ok()?;
        let mut all = Vec::new();
        for shard in listed["Shards"].as_array().context("no shards")? {
            let shard = shard["ShardId"].as_str().context("no shard id")?;
            self.read_shard(stream, shard, &mut all)?;
        }
        Ok(all)
    }

    /// Every record of a stream as JSON.
    pub fn events(&self, stream: &str) -> Result<Vec<Value>> {
        self.records(stream)?.iter().map(Record::json).collect()
    }

    fn read_shard(&self, stream: &str, shard: &str, into: &mut Vec<Record>) -> Result<()> {
        let from = json!({
            "StreamName": stream, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON",
        });
        let mut iterator = self.kinesis("GetShardIterator", &from)?.ok()?["ShardIterator"].take();
        loop {
            let asked = json!({ "ShardIterator": iterator });
            let mut page = self.kinesis("GetRecords", &asked)?.ok()?;
            let records = page["Records"].as_array().context("no records")?;
            for record in records {
                into.push(parse(shard, record)?);
            }
            if records.is_empty() && page["MillisBehindLatest"] == 0 {
                return Ok(());
            }
            iterator = page["NextShardIterator"].take();
        }
    }
}

fn parse(shard: &str, record: &Value) -> Result<Record> {
    let text = |field: &str| {
        record[field]
            .as_str()
            .with_context(|| format!("no {field}"))
    };
    let data = base64_simd::STANDARD.decode_to_vec(text("Data")?)?;
    let arrival = record["ApproximateArrivalTimestamp"].as_f64();
    let arrival = arrival.context("no ApproximateArrivalTimestamp")?;
    Ok(Record {
        arrival_ms: (arrival * 1000.0).round() as u64,
        shard: shard.to_owned(),
        sequence: text("SequenceNumber")?.to_owned(),
        key: text("PartitionKey")?.to_owned(),
        data,
    })
}
