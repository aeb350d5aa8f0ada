//! UpdateStreamWarmThroughput: what an on-demand stream shall always take.

use millstream_core::catalog::stream::Setting;
use serde::{Deserialize, Serialize};

use super::{WARM, change};
use crate::{
    error::Fault,
    kinesis::{
        call::{Call, Which},
        describe_stream_summary::WarmThroughput,
    },
    wire::{
        answer::Answer,
        schema::{self, Member},
    },
};

const INPUT: &[Member] = &[
    schema::STREAM_ARN,
    schema::STREAM_NAME,
    schema::STREAM_ID,
    WARM.required(),
];

#[derive(Deserialize)]
struct Input {
    #[serde(flatten)]
    which: Which,
    #[serde(rename = "WarmThroughputMiBps")]
    warm: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output<'a> {
    stream_name: &'a str,
    #[serde(rename = "StreamARN")]
    stream_arn: String,
    warm_throughput: Option<WarmThroughput>,
}

pub(in crate::kinesis) async fn answer(call: &Call<'_>) -> Result<Answer, Fault> {
    let Input { which, warm } = call.input(INPUT)?;
    let stream = change(call, &which, Setting::Warm(warm)).await?;
    Ok(call.output(&Output {
        stream_name: stream.name.name(),
        stream_arn: call.arn(&stream),
        warm_throughput: WarmThroughput::of(&stream),
    }))
}
