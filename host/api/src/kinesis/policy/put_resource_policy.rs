//! PutResourcePolicy. Callers have one account here, so a policy is kept and shown.

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

const INPUT: &[Member] = &[
    schema::RESOURCE_ARN.required(),
    schema::STREAM_ID,
    Member::new("Policy", schema::text(0, usize::MAX)).required(),
];

#[derive(Deserialize)]
struct Input {
    #[serde(rename = "ResourceARN")]
    resource: String,
    #[serde(rename = "Policy")]
    policy: String,
}

pub(in crate::kinesis) async fn answer(call: &Call<'_>) -> Result<Answer, Fault> {
    let Input { resource, policy } = call.input(INPUT)?;
    replace(call, &resource, Some(policy)).await?;
    Ok(Answer::empty())
}
