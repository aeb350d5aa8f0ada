//! UntagResource.

use millstream_core::catalog::stream::tags::Change;
use serde::Deserialize;

use crate::{
    error::Fault,
    kinesis::call::Call,
    wire::{
        answer::Answer,
        schema::{self, Member},
    },
};

const INPUT: &[Member] = &[
    schema::TAG_KEYS.required(),
    schema::RESOURCE_ARN.required(),
    schema::STREAM_ID,
];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    #[serde(rename = "ResourceARN")]
    resource: String,
    tag_keys: Vec<String>,
}

pub(in crate::kinesis) async fn answer(call: &Call<'_>) -> Result<Answer, Fault> {
    let Input { resource, tag_keys } = call.input(INPUT)?;
    let resource = call.resource_of(&resource)?;
    call.tag(resource, Change::Remove(tag_keys)).await?;
    Ok(Answer::empty())
}
