//! DescribeStream: a stream and a page of its shards.

use millstream_core::{
    catalog::{Stream, StreamStatus, trigger::Seconds},
    name::StreamName,
};
use serde::{Deserialize, Serialize};

use super::{Kinesis, json, shard::ShardView};
use crate::{
    error::Fault,
    wire::{
        decode::decode,
        schema::{self, Member},
    },
};

const INPUT: &[Member] = &[
    Member::new("Limit", schema::PAGE),
    Member::new("ExclusiveStartShardId", schema::NAME),
    schema::STREAM_NAME,
    schema::STREAM_ARN,
];
/// Kinesis: shards of one page, asked for or not.
const PAGE: usize = 100;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    stream_name: Option<String>,
    #[serde(rename = "StreamARN")]
    stream_arn: Option<String>,
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
    stream_name: &'a StreamName,
    #[serde(rename = "StreamARN")]
    stream_arn: String,
    stream_status: StreamStatus,
    stream_mode_details: ModeDetails,
    retention_period_hours: u32,
    stream_creation_timestamp: Seconds,
    enhanced_monitoring: [Monitoring; 1],
    encryption_type: &'static str,
}

/// How a stream's capacity is set.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ModeDetails {
    stream_mode: &'static str,
}

impl ModeDetails {
    /// Its shards are those that it was given.
    pub(super) const PROVISIONED: Self = Self {
        stream_mode: "PROVISIONED",
    };
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Monitoring {
    shard_level_metrics: [(); 0],
}

impl<'a> Common<'a> {
    pub(super) fn new(kinesis: &Kinesis, stream: &'a Stream) -> Self {
        Self {
            stream_name: &stream.name,
            stream_arn: kinesis.arn(stream),
            stream_status: stream.status,
            stream_mode_details: ModeDetails::PROVISIONED,
            retention_period_hours: stream.retention_hours,
            stream_creation_timestamp: Seconds(stream.created),
            enhanced_monitoring: [Monitoring {
                shard_level_metrics: [],
            }],
            encryption_type: "NONE",
        }
    }
}

pub(super) fn answer(kinesis: &Kinesis, body: &[u8]) -> Result<Vec<u8>, Fault> {
    let input: Input = decode(body, INPUT)?;
    let stream = kinesis.stream(input.stream_name.as_deref(), input.stream_arn.as_deref())?;
    let after = input.exclusive_start_shard_id.as_deref();
    let after = after
        .map(|id| kinesis.shard_index(&stream, id))
        .transpose()?;
    let mut left = stream
        .shards
        .iter()
        .filter(|shard| after.is_none_or(|after| shard.index > after));
    let page = input.limit.unwrap_or(PAGE).min(PAGE);
    let shards = left.by_ref().take(page).map(ShardView::new).collect();
    Ok(json(&Output {
        stream_description: Description {
            common: Common::new(kinesis, &stream),
            shards,
            has_more_shards: left.next().is_some(),
        },
    }))
}
