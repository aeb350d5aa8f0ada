//! ListTagsForResource.

use serde::{Deserialize, Serialize};

use super::TagView;
use crate::{
    error::Fault,
    kinesis::call::Call,
    wire::{
        answer::Answer,
        schema::{self, Member},
    },
};

const INPUT: &[Member] = &[schema::RESOURCE_ARN.required(), schema::STREAM_ID];

#[derive(Deserialize)]
struct Input {
    #[serde(rename = "ResourceARN")]
    resource: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output<'a> {
    tags: Vec<TagView<'a>>,
}

pub(in crate::kinesis) async fn answer(call: &Call<'_>) -> Result<Answer, Fault> {
    let input: Input = call.input(INPUT)?;
    let tags = call.tags_of(&call.resource_of(&input.resource)?);
    Ok(call.output(&Output {
        tags: tags.iter().map(TagView::of).collect(),
    }))
}
