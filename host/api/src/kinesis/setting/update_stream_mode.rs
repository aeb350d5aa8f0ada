//! UpdateStreamMode: who decides how many shards a stream has.

use millstream_core::catalog::stream::Setting;
use serde::Deserialize;

use super::{WARM, change};
use crate::{
    error::Fault,
    kinesis::{
        call::{Call, Which},
        describe_stream::{MODE, ModeDetails},
    },
    wire::{
        answer::Answer,
        schema::{self, Member},
    },
};

const INPUT: &[Member] = &[
    schema::STREAM_ARN.required(),
    schema::STREAM_ID,
    MODE.required(),
    WARM,
];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    #[serde(flatten)]
    which: Which,
    stream_mode_details: ModeDetails,
    #[serde(rename = "WarmThroughputMiBps")]
    warm: Option<u32>,
}

pub(in crate::kinesis) async fn answer(call: &Call<'_>) -> Result<Answer, Fault> {
    let input: Input = call.input(INPUT)?;
    let setting = Setting::Mode(input.stream_mode_details.stream_mode, input.warm);
    change(call, &input.which, setting).await?;
    Ok(Answer::empty())
}
