//! UpdateStreamRecordDistributionStrategy: whether keys or the host decide about shards.

use millstream_core::catalog::stream::{Distribution, Setting};
use serde::Deserialize;

use super::{DISTRIBUTION, change};
use crate::{
    error::Fault,
    kinesis::call::{Call, Which},
    wire::{
        answer::Answer,
        schema::{self, Member},
    },
};

const INPUT: &[Member] = &[
    schema::STREAM_ARN.required(),
    schema::STREAM_ID,
    DISTRIBUTION.required(),
];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    #[serde(flatten)]
    which: Which,
    record_distribution_strategy: Distribution,
}

pub(in crate::kinesis) async fn answer(call: &Call<'_>) -> Result<Answer, Fault> {
    let input: Input = call.input(INPUT)?;
    let setting = Setting::Distribution(input.record_distribution_strategy);
    change(call, &input.which, setting).await?;
    Ok(Answer::empty())
}
