//! ListTagsForStream: tags by their keys, a page at a time.

use serde::{Deserialize, Serialize};

use super::TagView;
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
    Member::new("ExclusiveStartTagKey", schema::text(1, 128)),
    Member::new("Limit", Kind::Integer { min: 1, max: 50 }),
    schema::STREAM_ARN,
    schema::STREAM_ID,
];
/// Kinesis: tags of one page, where no other number is asked for.
const PAGE: usize = 10;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    #[serde(flatten)]
    which: Which,
    exclusive_start_tag_key: Option<String>,
    limit: Option<usize>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output<'a> {
    tags: Vec<TagView<'a>>,
    has_more_tags: bool,
}

pub(in crate::kinesis) async fn answer(call: &Call<'_>) -> Result<Answer, Fault> {
    let input: Input = call.input(INPUT)?;
    let stream = call.stream(&input.which)?;
    let after = input.exclusive_start_tag_key.as_deref().unwrap_or_default();
    let mut left = stream.tags.iter().filter(|(key, _)| key.as_str() > after);
    let page = left.by_ref().take(input.limit.unwrap_or(PAGE));
    Ok(call.output(&Output {
        tags: page.map(TagView::of).collect(),
        has_more_tags: left.next().is_some(),
    }))
}
