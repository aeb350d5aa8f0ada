//! RegisterStreamConsumer.

use millstream_core::{
    catalog::{
        Request, StreamChange,
        stream::{ConsumerChange, Tags},
    },
    name::ConsumerName,
};
use serde::{Deserialize, Serialize};

use super::{CONSUMER_NAME, ConsumerView};
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
    CONSUMER_NAME.required(),
    schema::STREAM_ID,
    schema::TAGS,
];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    #[serde(flatten)]
    which: Which,
    consumer_name: String,
    #[serde(default)]
    tags: Tags,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output<'a> {
    consumer: ConsumerView<'a>,
}

pub(in crate::kinesis) async fn answer(call: &Call<'_>) -> Result<Answer, Fault> {
    let input: Input = call.input(INPUT)?;
    let stream = call.stream(&input.which)?;
    let name = input.consumer_name.as_str();
    let consumer = ConsumerName::try_from(name).expect("the constraints are those of a name");
    let request = Request::ChangeStream {
        name: stream.name.clone(),
        change: StreamChange::Consumer(consumer, ConsumerChange::Register(input.tags)),
    };
    let changed = call.apply(request).await?;
    let stream = changed.catalog.stream(stream.name.as_str());
    let stream = stream.expect("it was just changed");
    Ok(call.output(&Output {
        consumer: ConsumerView::of(call, stream, &stream.consumers[name]),
    }))
}
