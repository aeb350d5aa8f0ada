//! DeleteResourcePolicy.

use serde::Deserialize;

use super::replace;
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

pub(in crate::kinesis) async fn answer(call: &Call<'_>) -> Result<Answer, Fault> {
    let input: Input = call.input(INPUT)?;
    replace(call, &input.resource, None).await?;
    Ok(Answer::empty())
}
