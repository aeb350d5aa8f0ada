//! An on-demand stream on a running host: it is given the shards that its records need.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use support::{Host, host};

/// With as many bytes of base64 as a record of 900 KiB has.
const DATA_CHARACTERS: usize = 1_200 << 10;

#[test]
fn a_busy_on_demand_stream_is_given_more_shards() -> Result<()> {
    let home = host::folder()?;
    let arguments = ["--state-change-delay", "0", "--demand-period", "500ms"];
    let host = Host::start_on(&home.path().join("data"), &arguments)?;
    for (name, mode) in [("busy", "ON_DEMAND"), ("fixed", "PROVISIONED")] {
        let mode = json!({ "StreamMode": mode });
        let mut stream = json!({ "StreamName": name, "StreamModeDetails": mode });
        if name == "fixed" {
            stream["ShardCount"] = json!(4);
        }
        host.api.kinesis("CreateStream", &stream)?.ok()?;
    }
    ensure!(open_shards(&host, "busy")? == 4, "it begins with four");
    // One key, so that one shard takes all of it: far more than a shard is for.
    let data = "A".repeat(DATA_CHARACTERS);
    support::until("a shard was halved", || {
        for name in ["busy", "fixed"] {
            let put = json!({ "StreamName": name, "PartitionKey": "k", "Data": data });
            host.api.kinesis("PutRecord", &put)?.ok()?;
        }
        Ok((open_shards(&host, "busy")? > 4).then_some(()))
    })?;
    ensure!(open_shards(&host, "fixed")? == 4, "its owner decides");
    Ok(())
}

fn open_shards(host: &Host, stream: &str) -> Result<u64> {
    let named = json!({ "StreamName": stream });
    let shown: Value = host.api.kinesis("DescribeStreamSummary", &named)?.ok()?;
    let count = &shown["StreamDescriptionSummary"]["OpenShardCount"];
    count.as_u64().context("a count")
}
