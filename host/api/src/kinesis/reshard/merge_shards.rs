//! MergeShards: two neighbours become one.

use millstream_core::catalog::stream::reshard::Reshard;
use serde::Deserialize;

use crate::{
    error::Fault,
    kinesis::call::{Call, Which},
    wire::{
        answer::Answer,
        schema::{self, Member},
    },
};

const INPUT: &[Member] = &[
    schema::STREAM_NAME,
    Member::new("ShardToMerge", schema::NAME).required(),
    Member::new("AdjacentShardToMerge", schema::NAME).required(),
    schema::STREAM_ARN,
    schema::STREAM_ID,
];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    #[serde(flatten)]
    which: Which,
    shard_to_merge: String,
    adjacent_shard_to_merge: String,
}

pub(in crate::kinesis) async fn answer(call: &Call<'_>) -> Result<Answer, Fault> {
    let input: Input = call.input(INPUT)?;
    let stream = call.stream(&input.which)?;
    let shard = call.changed_shard(&stream, &input.shard_to_merge)?;
    let adjacent = call.changed_shard(&stream, &input.adjacent_shard_to_merge)?;
    let merge = Reshard::Merge { shard, adjacent };
    call.reshard(&stream, merge).await?;
    Ok(Answer::empty())
}
