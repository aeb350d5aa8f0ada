//! Settings of streams and of the account.

mod account;
pub(super) mod decrease_stream_retention_period;
pub(super) mod describe_account_settings;
pub(super) mod describe_limits;
pub(super) mod disable_enhanced_monitoring;
pub(super) mod enable_enhanced_monitoring;
pub(super) mod increase_stream_retention_period;
pub(super) mod start_stream_encryption;
pub(super) mod stop_stream_encryption;
pub(super) mod update_account_settings;
pub(super) mod update_max_record_size;
pub(super) mod update_stream_mode;
pub(super) mod update_stream_record_distribution_strategy;
pub(super) mod update_stream_warm_throughput;

use std::{collections::BTreeSet, sync::Arc};

use millstream_core::catalog::{
    Request, Stream, StreamChange,
    stream::{Setting, ShardMetric},
};
use serde::{Deserialize, Serialize, de::IgnoredAny};

use super::call::{Call, Which};
use crate::{
    error::Fault,
    wire::{
        answer::Answer,
        schema::{self, Kind, Member},
    },
};

/// `WarmThroughputMiBps`.
pub(super) const WARM: Member = Member::new(
    "WarmThroughputMiBps",
    Kind::Integer {
        min: 0,
        max: i64::MAX,
    },
);

/// `RecordDistributionStrategy`.
pub(super) const DISTRIBUTION: Member = Member::new(
    "RecordDistributionStrategy",
    schema::one_of(&["AUTO", "USER_PARTITION_KEY"]),
);

/// Changes one setting; the stream as it is then.
async fn change(call: &Call<'_>, which: &Which, setting: Setting) -> Result<Arc<Stream>, Fault> {
    let name = call.stream(which)?.name.clone();
    let request = Request::ChangeStream {
        name: name.clone(),
        change: StreamChange::Setting(setting),
    };
    let changed = call.apply(request).await?;
    let stream = changed.catalog.stream(name.as_str());
    Ok(stream.cloned().expect("it was just changed"))
}

/// What both changes of the retention take.
fn retention(call: &Call<'_>) -> Result<(Which, u32), Fault> {
    const INPUT: &[Member] = &[
        schema::STREAM_NAME,
        Member::new(
            "RetentionPeriodHours",
            Kind::Integer {
                min: i64::MIN,
                max: i64::MAX,
            },
        )
        .required(),
        schema::STREAM_ARN,
        schema::STREAM_ID,
    ];
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Input {
        #[serde(flatten)]
        which: Which,
        retention_period_hours: i32,
    }
    let input: Input = call.input(INPUT)?;
    // What is negative is too short as well.
    let hours = u32::try_from(input.retention_period_hours).unwrap_or_default();
    Ok((input.which, hours))
}

/// What both changes of the encryption take.
fn key(call: &Call<'_>) -> Result<(Which, String), Fault> {
    const INPUT: &[Member] = &[
        schema::STREAM_NAME,
        Member::new("EncryptionType", schema::one_of(&["NONE", "KMS"])).required(),
        Member::new("KeyId", schema::text(1, 2048)).required(),
        schema::STREAM_ARN,
        schema::STREAM_ID,
    ];
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Input {
        #[serde(flatten)]
        which: Which,
        encryption_type: String,
        key_id: String,
    }
    let input: Input = call.input(INPUT)?;
    if input.encryption_type != "KMS" {
        return Err(Fault::Argument("EncryptionType must be KMS.".into()));
    }
    Ok((input.which, input.key_id))
}

/// What both changes of the monitoring do.
async fn monitoring(
    call: &Call<'_>,
    change_of: fn(BTreeSet<ShardMetric>) -> Setting,
) -> Result<Answer, Fault> {
    const METRICS: &[&str] = &[
        "IncomingBytes",
        "IncomingRecords",
        "OutgoingBytes",
        "OutgoingRecords",
        "WriteProvisionedThroughputExceeded",
        "ReadProvisionedThroughputExceeded",
        "IteratorAgeMilliseconds",
        "ALL",
    ];
    const INPUT: &[Member] = &[
        schema::STREAM_NAME,
        Member::new(
            "ShardLevelMetrics",
            Kind::List {
                of: &schema::one_of(METRICS),
                max: 7,
            },
        )
        .required(),
        schema::STREAM_ARN,
        schema::STREAM_ID,
    ];
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Named {
        One(ShardMetric),
        All(IgnoredAny),
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Input {
        #[serde(flatten)]
        which: Which,
        shard_level_metrics: Vec<Named>,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Output<'a> {
        stream_name: &'a str,
        #[serde(rename = "StreamARN")]
        stream_arn: String,
        current_shard_level_metrics: &'a BTreeSet<ShardMetric>,
        desired_shard_level_metrics: &'a BTreeSet<ShardMetric>,
    }
    let input: Input = call.input(INPUT)?;
    let metrics = input
        .shard_level_metrics
        .into_iter()
        .flat_map(|named| match named {
            Named::One(metric) => vec![metric],
            // The constraints leave nothing else.
            Named::All(_) => ShardMetric::ALL.to_vec(),
        });
    let before = call.stream(&input.which)?;
    let after = change(call, &input.which, change_of(metrics.collect())).await?;
    Ok(call.output(&Output {
        stream_name: after.name.name(),
        stream_arn: call.arn(&after),
        current_shard_level_metrics: &before.monitored,
        desired_shard_level_metrics: &after.monitored,
    }))
}
