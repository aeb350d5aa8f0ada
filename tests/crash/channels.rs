//! kill -9 while a channel delivers: every acknowledged record is in some object.

use std::{collections::BTreeSet, fs, path::Path, sync::atomic::AtomicU64};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use support::{Host, Random, host, wait};

use crate::{kill, load::Ledger};

/// How often the host is killed.
const KILLS: usize = 10;

#[test]
fn kills_while_delivering_lose_no_record() -> Result<()> {
    let home = host::folder()?;
    let data = home.path().join("data");
    let buckets = home.path().join("buckets");
    let arguments = [
        "--channel-directory",
        buckets.to_str().context("a path that is not text")?,
        "--channel-freshness",
        "20ms",
        "--state-change-delay",
        "0",
    ];
    let mut random = Random::announced("channel kills");
    let mut ledger = Ledger::default();
    let next = AtomicU64::new(0);
    for round in 0..KILLS {
        let host = Host::start_on(&data, &arguments)?;
        if round == 0 {
            create(&host)?;
        }
        ledger.extend(kill::round_of_load(host, &next, &mut random)?);
    }
    let host = Host::start_on(&data, &arguments)?;
    let records = buckets.join("records");
    let wanted: BTreeSet<&str> = ledger.acknowledged.iter().map(String::as_str).collect();
    ensure!(
        wanted.len() > KILLS,
        "only {} records were put",
        wanted.len()
    );
    let delivered = wait::until("every record to be in an object", || {
        let delivered = delivered(&records)?;
        let all = wanted.iter().all(|id| delivered.contains(*id));
        Ok(all.then_some(delivered))
    })?;
    let unknown: BTreeSet<&str> = ledger.unknown.iter().map(String::as_str).collect();
    let strange = delivered
        .iter()
        .find(|id| !wanted.contains(id.as_str()) && !unknown.contains(id.as_str()));
    ensure!(strange.is_none(), "nobody put {strange:?}");
    ensure!(host.stop()?.success(), "the host did not end well");
    Ok(())
}

/// The stream `in`, and a channel that delivers it as lines.
fn create(host: &Host) -> Result<()> {
    let stream = json!({ "StreamName": "in", "StreamModeDetails": { "StreamMode": "ON_DEMAND" } });
    host.api.kinesis("CreateStream", &stream)?.ok()?;
    let name = json!({ "StreamName": "in" });
    let summary = host.api.kinesis("DescribeStreamSummary", &name)?.ok()?;
    let channel = json!({
        "ChannelName": "archive",
        "ServiceExecutionRoleARN": "arn:aws:iam::123456789012:role/delivery",
        "StreamConfigurationList": [{
            "StreamARN": summary["StreamDescriptionSummary"]["StreamARN"],
            "RecordConfiguration": { "RecordFormatType": "STRING" },
        }],
        "S3DestinationConfiguration": { "StorageConfiguration": {
            "BucketARN": "arn:aws:s3:::records",
            "ExpectedBucketOwner": "123456789012",
            "OutputKeyTemplate": "all/!{stream-name}",
            "CompressionType": "NONE",
        }},
    });
    host.api.kinesis("CreateChannel", &channel)?.ok()?;
    Ok(())
}

/// The lines of all objects. A hash is in the names of those that were not finished.
fn delivered(records: &Path) -> Result<BTreeSet<String>> {
    let mut lines = BTreeSet::new();
    let Ok(entries) = fs::read_dir(records.join("all")) else {
        return Ok(lines);
    };
    for entry in entries {
        let path = entry?.path();
        if path.to_string_lossy().contains('#') {
            continue;
        }
        let text = fs::read_to_string(&path).with_context(|| format!("{}", path.display()))?;
        lines.extend(text.lines().map(str::to_owned));
    }
    Ok(lines)
}
