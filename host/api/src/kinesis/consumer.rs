//! Registered consumers (enhanced fan-out).

pub(super) mod deregister_stream_consumer;
pub(super) mod describe_stream_consumer;
pub(super) mod list_stream_consumers;
pub(super) mod register_stream_consumer;

use millstream_core::catalog::{Status, Stream, stream::Consumer, trigger::Seconds};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

use super::call::{Call, Names};
use crate::{
    error::Fault,
    wire::schema::{self, Member},
};

/// `ConsumerName`.
const CONSUMER_NAME: Member = Member::new("ConsumerName", schema::NAME);

/// A consumer as answers show it.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ConsumerView<'a> {
    consumer_name: &'a str,
    #[serde(rename = "ConsumerARN")]
    consumer_arn: String,
    consumer_status: Status,
    consumer_creation_timestamp: Seconds,
    #[serde(rename = "StreamARN", skip_serializing_if = "Option::is_none")]
    stream_arn: Option<String>,
}

impl<'a> ConsumerView<'a> {
    fn of(call: &Call<'_>, stream: &Stream, consumer: &'a Consumer) -> Self {
        Self {
            consumer_name: consumer.name.as_str(),
            consumer_arn: call.consumer_arn(stream, consumer),
            consumer_status: consumer.status(call.now()),
            consumer_creation_timestamp: Seconds(consumer.created),
            stream_arn: None,
        }
    }
}

/// The members that say which consumer is meant.
const WHICH: &[Member] = &[
    schema::STREAM_ARN,
    CONSUMER_NAME,
    schema::CONSUMER_ARN,
    schema::STREAM_ID,
];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    #[serde(rename = "StreamARN")]
    stream_arn: Option<String>,
    consumer_name: Option<String>,
    #[serde(rename = "ConsumerARN")]
    consumer_arn: Option<String>,
    stream_id: Option<String>,
}

/// The consumer that is meant: by its ARN, or by its stream's and its name, or by all of them.
fn find(call: &Call<'_>) -> Result<(Arc<Stream>, Consumer), Fault> {
    let input: Input = call.input(WHICH)?;
    let names = Names {
        name: None,
        arn: input.stream_arn.as_deref(),
        id: input.stream_id.as_deref(),
    };
    let stream_is_named = names.arn.is_some() || names.id.is_some();
    if let Some(arn) = &input.consumer_arn {
        let found = call.consumer_of(arn)?;
        let other_stream = stream_is_named && call.stream_of(names)?.name != found.0.name;
        let name = input.consumer_name.as_deref();
        if other_stream || name.is_some_and(|name| name != found.1.name.as_str()) {
            return Err(Fault::Argument(
                "ConsumerARN, StreamARN and ConsumerName are not of the same consumer.".into(),
            ));
        }
        return Ok(found);
    }
    let (true, Some(name)) = (stream_is_named, &input.consumer_name) else {
        return Err(Fault::Argument(
            "Either ConsumerARN or both StreamARN and ConsumerName should be provided.".into(),
        ));
    };
    let stream = call.stream_of(names)?;
    let now = call.now();
    let found = stream.consumers.get(name.as_str());
    let found = found.filter(|consumer| !consumer.is_gone(now)).cloned();
    let consumer = found.ok_or_else(|| {
        let account = &call.caller.account;
        Fault::NotFound(format!(
            "Consumer {name} under account {account} not found."
        ))
    })?;
    Ok((stream, consumer))
}
