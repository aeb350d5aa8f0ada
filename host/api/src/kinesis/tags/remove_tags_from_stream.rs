//! RemoveTagsFromStream.

use millstream_core::catalog::stream::tags::Change;
use serde::Deserialize;

use crate::{
    error::Fault,
    kinesis::{
        call::{Call, Which},
        resource::Resource,
    },
    wire::{
        answer::Answer,
        schema::{self, Member},
    },
};

const INPUT: &[Member] = &[
    schema::STREAM_NAME,
    schema::TAG_KEYS.required(),
    schema::STREAM_ARN,
    schema::STREAM_ID,
];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    #[serde(flatten)]
    which: Which,
    tag_keys: Vec<String>,
}

pub(in crate::kinesis) async fn answer(call: &Call<'_>) -> Result<Answer, Fault> {
    let Input { which, tag_keys } = call.input(INPUT)?;
    let stream = Resource::Stream(call.stream(&which)?.name.clone());
    call.tag(stream, Change::Remove(tag_keys)).await?;
    Ok(Answer::empty())
}
