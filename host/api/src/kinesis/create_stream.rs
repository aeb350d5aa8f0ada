//! CreateStream. The stream takes records as soon as it is ACTIVE.

use millstream_core::catalog::{
    NewStream, Request,
    stream::{Distribution, Tags},
};
use serde::Deserialize;

use super::{
    call::Call,
    describe_stream::{MODE, ModeDetails},
    setting::{DISTRIBUTION, WARM},
};
use crate::{
    error::Fault,
    wire::{
        answer::Answer,
        schema::{self, Kind, Member},
    },
};

const INPUT: &[Member] = &[
    Member::new(
        "ShardCount",
        Kind::Integer {
            min: 1,
            max: i64::MAX,
        },
    ),
    schema::STREAM_NAME.required(),
    MODE,
    schema::TAGS,
    WARM,
    Member::new(
        "MaxRecordSizeInKiB",
        Kind::Integer {
            min: 1024,
            max: 10_240,
        },
    ),
    DISTRIBUTION,
];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    stream_name: String,
    shard_count: Option<u32>,
    stream_mode_details: Option<ModeDetails>,
    #[serde(default)]
    tags: Tags,
    #[serde(rename = "WarmThroughputMiBps")]
    warm_mibps: Option<u32>,
    #[serde(rename = "MaxRecordSizeInKiB")]
    record_kib: Option<u32>,
    record_distribution_strategy: Option<Distribution>,
}

pub(super) async fn answer(call: &Call<'_>) -> Result<Answer, Fault> {
    let input: Input = call.input(INPUT)?;
    let name = call
        .scoped(&input.stream_name)
        .expect("the constraints are those of a name");
    let mode = input.stream_mode_details.map(|details| details.stream_mode);
    let settings = NewStream {
        shards: input.shard_count,
        mode: mode.unwrap_or_default(),
        record_kib: input.record_kib,
        warm_mibps: input.warm_mibps,
        distribution: input.record_distribution_strategy.unwrap_or_default(),
        tags: input.tags,
    };
    call.apply(Request::CreateStream { name, settings }).await?;
    Ok(Answer::empty())
}
