//! DeleteStream. The records are gone when the answer goes out; their room is freed in the background.

use millstream_core::catalog::Request;
use serde::Deserialize;

use super::call::{Call, Which};
use crate::{
    error::Fault,
    wire::{
        answer::Answer,
        schema::{self, Kind, Member},
    },
};

const INPUT: &[Member] = &[
    schema::STREAM_NAME,
    Member::new("EnforceConsumerDeletion", Kind::Boolean),
    schema::STREAM_ARN,
    schema::STREAM_ID,
];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    #[serde(flatten)]
    which: Which,
    #[serde(default)]
    enforce_consumer_deletion: Option<bool>,
}

pub(super) async fn answer(call: &Call<'_>) -> Result<Answer, Fault> {
    let input: Input = call.input(INPUT)?;
    let stream = call.stream(&input.which)?;
    let request = Request::DeleteStream {
        name: stream.name.clone(),
        with_consumers: input.enforce_consumer_deletion == Some(true),
    };
    call.apply(request).await?;
    Ok(Answer::empty())
}
