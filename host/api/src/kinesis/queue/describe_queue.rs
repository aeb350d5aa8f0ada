//! DescribeQueue.

use serde::Deserialize;

use super::members;
use crate::{
    error::Fault,
    kinesis::call::Call,
    wire::{answer::Answer, schema::Member},
};

const INPUT: &[Member] = &[members::QUEUE_ARN];

#[derive(Deserialize)]
struct Input {
    #[serde(rename = "QueueARN")]
    queue_arn: String,
}

pub(in crate::kinesis) async fn answer(call: &Call<'_>) -> Result<Answer, Fault> {
    let input: Input = call.input(INPUT)?;
    let queue = call.queue(&input.queue_arn)?;
    Ok(call.output(&call.described_queue(&queue)))
}
