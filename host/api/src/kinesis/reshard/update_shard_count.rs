//! UpdateShardCount: as many shards as are asked for, all of the same width.

use millstream_core::catalog::stream::reshard::Reshard;
use serde::{Deserialize, Serialize};

use crate::{
    error::Fault,
    kinesis::call::{Call, Which},
    wire::{
        answer::Answer,
        schema::{self, Kind, Member},
    },
};

const INPUT: &[Member] = &[
    schema::STREAM_NAME,
    Member::new(
        "TargetShardCount",
        Kind::Integer {
            min: 1,
            max: i32::MAX as i64,
        },
    )
    .required(),
    Member::new("ScalingType", schema::one_of(&["UNIFORM_SCALING"])).required(),
    schema::STREAM_ARN,
    schema::STREAM_ID,
];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    #[serde(flatten)]
    which: Which,
    target_shard_count: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output<'a> {
    stream_name: &'a str,
    current_shard_count: usize,
    target_shard_count: u32,
    #[serde(rename = "StreamARN")]
    stream_arn: String,
}

pub(in crate::kinesis) async fn answer(call: &Call<'_>) -> Result<Answer, Fault> {
    let input: Input = call.input(INPUT)?;
    let stream = call.stream(&input.which)?;
    let target = input.target_shard_count;
    call.reshard(&stream, Reshard::Resize { target }).await?;
    Ok(call.output(&Output {
        stream_name: stream.name.name(),
        current_shard_count: stream.open_shards().count(),
        target_shard_count: target,
        stream_arn: call.arn(&stream),
    }))
}
