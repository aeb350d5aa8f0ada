//! SplitShard: one shard becomes two.

use millstream_core::{catalog::stream::reshard::Reshard, hash_key::HashKey};
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
    Member::new("ShardToSplit", schema::NAME).required(),
    Member::new("NewStartingHashKey", schema::HASH_KEY).required(),
    schema::STREAM_ARN,
    schema::STREAM_ID,
];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    #[serde(flatten)]
    which: Which,
    shard_to_split: String,
    new_starting_hash_key: String,
}

pub(in crate::kinesis) async fn answer(call: &Call<'_>) -> Result<Answer, Fault> {
    let input: Input = call.input(INPUT)?;
    let stream = call.stream(&input.which)?;
    let shard = call.changed_shard(&stream, &input.shard_to_split)?;
    // 39 digits reach further than any shard.
    let asked = input.new_starting_hash_key;
    let at = HashKey(asked.parse().unwrap_or(u128::MAX));
    let split = call.reshard(&stream, Reshard::Split { shard, at }).await;
    split.map_err(|fault| as_asked(fault, asked))?;
    Ok(Answer::empty())
}

/// The refusal of a key, with the text that was sent.
fn as_asked(fault: Fault, asked: String) -> Fault {
    match fault {
        Fault::SplitKey {
            at: _,
            shard,
            stream,
            range,
        } => Fault::SplitKey {
            at: asked,
            shard,
            stream,
            range,
        },
        fault => fault,
    }
}
