//! DeleteQueue. Its receipts are good for nothing from now on.

use millstream_core::catalog::{Request, queue};
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
    let name = call.queue(&input.queue_arn)?.name.clone();
    call.apply(Request::Queue(queue::Request::Delete { name }))
        .await?;
    Ok(Answer::empty())
}
