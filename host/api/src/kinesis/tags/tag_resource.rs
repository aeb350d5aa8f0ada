//! TagResource.

use millstream_core::catalog::stream::{Tags, tags::Change};
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
    schema::TAGS.required(),
    schema::RESOURCE_ARN.required(),
    schema::STREAM_ID,
];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    #[serde(rename = "ResourceARN")]
    resource: String,
    tags: Tags,
}

pub(in crate::kinesis) async fn answer(call: &Call<'_>) -> Result<Answer, Fault> {
    let Input { resource, tags } = call.input(INPUT)?;
    let resource = call.resource_of(&resource)?;
    call.tag(resource, Change::Add(tags)).await?;
    Ok(Answer::empty())
}
