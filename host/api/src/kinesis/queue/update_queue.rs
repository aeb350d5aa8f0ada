//! UpdateQueue. Records that are in flight keep the timeout that they were received with.

use millstream_core::catalog::{Request, queue};
use serde::Deserialize;

use super::{description::QueueAttributes, members};
use crate::{
    error::Fault,
    kinesis::call::Call,
    wire::{answer::Answer, schema::Member},
};

const INPUT: &[Member] = &[members::QUEUE_ARN, members::ATTRIBUTES.required()];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    #[serde(rename = "QueueARN")]
    queue_arn: String,
    queue_attributes: QueueAttributes,
}

pub(in crate::kinesis) async fn answer(call: &Call<'_>) -> Result<Answer, Fault> {
    let input: Input = call.input(INPUT)?;
    let name = call.queue(&input.queue_arn)?.name.clone();
    let request = queue::Request::Update {
        name: name.clone(),
        visibility_seconds: input.queue_attributes.visibility_seconds(),
        max_receives: input.queue_attributes.max_receives()?,
    };
    let change = call.apply(Request::Queue(request)).await?;
    let queue = change.catalog.queue(name.as_str());
    let queue = queue.expect("the change left this queue there");
    Ok(call.output(&call.described_queue(queue)))
}
