//! DescribeChannel.

use serde::Deserialize;

use super::members;
use crate::{
    error::Fault,
    kinesis::call::Call,
    wire::{answer::Answer, schema::Member},
};

const INPUT: &[Member] = &[members::CHANNEL_ARN.required()];

#[derive(Deserialize)]
struct Input {
    #[serde(rename = "ChannelARN")]
    channel_arn: String,
}

pub(in crate::kinesis) async fn answer(call: &Call<'_>) -> Result<Answer, Fault> {
    let input: Input = call.input(INPUT)?;
    let channel = call.channel(&input.channel_arn)?;
    Ok(call.output(&call.described(&channel)))
}
