//! ListStreamConsumers: consumers by name, a page at a time.

use millstream_core::{
    catalog::{Stream, stream::Consumer},
    limit,
    name::StreamName,
    time::Millis,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

use super::ConsumerView;
use crate::{
    error::Fault,
    kinesis::call::{Call, Which},
    wire::{
        answer::Answer,
        schema::{self, Kind, Member},
        timestamp::millis,
    },
};

const INPUT: &[Member] = &[
    schema::STREAM_ARN.required(),
    Member::new("NextToken", schema::NEXT_TOKEN),
    Member::new("MaxResults", schema::PAGE),
    Member::new("StreamCreationTimestamp", Kind::Timestamp),
    schema::STREAM_ID,
];
/// Kinesis: consumers of one page, asked for or not.
const PAGE: usize = 100;
const PURPOSE: &str = "list-consumers";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    #[serde(flatten)]
    which: Which,
    next_token: Option<String>,
    max_results: Option<usize>,
    stream_creation_timestamp: Option<f64>,
}

/// Where a list goes on.
#[derive(Serialize, Deserialize)]
struct Token {
    stream: StreamName,
    after: String,
    created: Millis,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output<'a> {
    consumers: Vec<ConsumerView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

pub(in crate::kinesis) async fn answer(call: &Call<'_>) -> Result<Answer, Fault> {
    let input: Input = call.input(INPUT)?;
    let (stream, now) = (stream(call, &input)?, call.now());
    let key = call.kinesis.token_key().await?;
    let after = match &input.next_token {
        None => String::new(),
        Some(token) => {
            let token: Token = key.open(PURPOSE, token).ok_or(Fault::InvalidToken)?;
            if now.since(token.created) > limit::ITERATOR_LIFE_MS {
                return Err(Fault::ExpiredToken);
            }
            if token.stream != stream.name {
                return Err(Fault::InvalidToken);
            }
            token.after
        }
    };
    let page = input.max_results.unwrap_or(PAGE).min(PAGE);
    let shown =
        |consumer: &&Consumer| !consumer.is_gone(now) && consumer.name.as_str() > after.as_str();
    let mut left = stream.consumers.values().filter(shown);
    let consumers: Vec<&Consumer> = left.by_ref().take(page).collect();
    let last = consumers.last().filter(|_| left.next().is_some());
    let next = last.map(|last| Token {
        stream: stream.name.clone(),
        after: last.name.to_string(),
        created: now,
    });
    Ok(call.output(&Output {
        consumers: consumers
            .iter()
            .map(|c| ConsumerView::of(call, &stream, c))
            .collect(),
        next_token: next.map(|token| key.seal(PURPOSE, &token)),
    }))
}

fn stream(call: &Call<'_>, input: &Input) -> Result<Arc<Stream>, Fault> {
    let stream = call.stream(&input.which)?;
    let asked = input.stream_creation_timestamp.map(millis);
    // Clients may have kept whole seconds only.
    if asked.is_some_and(|asked| asked.seconds() != stream.created.seconds()) {
        return Err(Fault::NoStream(call.named(stream.name.name())));
    }
    Ok(stream)
}
