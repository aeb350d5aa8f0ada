//! DescribeStream: a stream and a page of its shards.

use std::collections::BTreeSet;

use millstream_core::catalog::{
    Status, Stream,
    stream::{ShardMetric, StreamMode},
    trigger::Seconds,
};
use serde::{Deserialize, Serialize};

use super::{
    call::{Call, Which},
    shard::ShardView,
};
use crate::{
    error::Fault,
    wire::{
        answer::Answer,
        schema::{self, Kind, Member},
    },
};

const INPUT: &[Member] = &[
    Member::new("Limit", schema::PAGE),
    Member::new("ExclusiveStartShardId", schema::NAME),
    schema::STREAM_NAME,
    schema::STREAM_ARN,
    schema::STREAM_ID,
];
/// Kinesis: shards of one page, asked for or not.
const PAGE: usize = 100;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    #[serde(flatten)]
    which: Which,
    limit: Option<usize>,
    exclusive_start_shard_id: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output<'a> {
    stream_description: Description<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Description<'a> {
    #[serde(flatten)]
    common: Common<'a>,
    has_more_shards: bool,
    shards: Vec<ShardView>,
}

/// What DescribeStream and DescribeStreamSummary both say.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Common<'a> {
    stream_name: &'a str,
    #[serde(rename = "StreamARN")]
    stream_arn: String,
    stream_status: Status,
    stream_mode_details: ModeDetails,
    retention_period_hours: u32,
    stream_creation_timestamp: Seconds,
    enhanced_monitoring: [Monitoring<'a>; 1],
    encryption_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_id: Option<&'a str>,
}

/// `StreamModeDetails`.
pub(super) const MODE: Member = Member::new(
    "StreamModeDetails",
    Kind::Structure(&[
        Member::new("StreamMode", schema::one_of(&["PROVISIONED", "ON_DEMAND"])).required(),
    ]),
);

/// How a stream's capacity is set.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ModeDetails {
    pub(super) stream_mode: StreamMode,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Monitoring<'a> {
    shard_level_metrics: &'a BTreeSet<ShardMetric>,
}

impl<'a> Common<'a> {
    pub(super) fn new(call: &Call<'_>, stream: &'a Stream) -> Self {
        let key_id = stream.encryption_key.as_deref();
        Self {
            stream_name: stream.name.name(),
            stream_arn: call.arn(stream),
            stream_status: stream.status(call.now()),
            stream_mode_details: ModeDetails {
                stream_mode: stream.mode,
            },
            retention_period_hours: stream.retention_hours,
            stream_creation_timestamp: Seconds(stream.created),
            enhanced_monitoring: [Monitoring {
                shard_level_metrics: &stream.monitored,
            }],
            encryption_type: if key_id.is_some() { "KMS" } else { "NONE" },
            key_id,
        }
    }
}

pub(super) async fn answer(call: &Call<'_>) -> Result<Answer, Fault> {
    let input: Input = call.input(INPUT)?;
    let stream = call.stream(&input.which)?;
    let after = input.exclusive_start_shard_id.as_deref();
    let after = after.map(|id| call.shard_index(&stream, id)).transpose()?;
    let mut left = stream
        .shards
        .iter()
        .filter(|shard| after.is_none_or(|after| shard.index > after));
    let page = input.limit.unwrap_or(PAGE).min(PAGE);
    let shards = left.by_ref().take(page).map(ShardView::new).collect();
    Ok(call.output(&Output {
        stream_description: Description {
            common: Common::new(call, &stream),
            shards,
            has_more_shards: left.next().is_some(),
        },
    }))
}
