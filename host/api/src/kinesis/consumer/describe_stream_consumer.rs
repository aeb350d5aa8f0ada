//! DescribeStreamConsumer.

use serde::Serialize;

use super::{ConsumerView, find};
use crate::{error::Fault, kinesis::call::Call, wire::answer::Answer};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output<'a> {
    consumer_description: ConsumerView<'a>,
}

pub(in crate::kinesis) async fn answer(call: &Call<'_>) -> Result<Answer, Fault> {
    let (stream, consumer) = find(call)?;
    Ok(call.output(&Output {
        consumer_description: ConsumerView {
            stream_arn: Some(call.arn(&stream)),
            ..ConsumerView::of(call, &stream, &consumer)
        },
    }))
}
