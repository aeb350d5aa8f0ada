//! ListQueues: queues by name, a page at a time.

use millstream_core::{
    catalog::{Queue, Status, Stream, trigger::Seconds},
    limit,
    time::Millis,
};
use serde::{Deserialize, Serialize};

use super::members;
use crate::{
    error::Fault,
    kinesis::call::Call,
    wire::{
        answer::Answer,
        schema::{self, Kind, Member},
        timestamp::millis,
    },
};

const INPUT: &[Member] = &[
    Member::new("MaxResults", schema::PAGE),
    Member::new("NextToken", schema::NEXT_TOKEN),
    Member::new(
        "StreamFilter",
        Kind::List {
            of: &FILTER,
            max: 10_000,
        },
    ),
];
const FILTER: Kind = Kind::Structure(&[
    members::STREAM_ARN,
    Member::new("StreamCreationTimestamp", Kind::Timestamp),
]);
/// Queues of one page, where it is not asked for fewer.
const PAGE: usize = 100;
const PURPOSE: &str = "list-queues";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    max_results: Option<usize>,
    next_token: Option<String>,
    stream_filter: Option<Vec<Filter>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Filter {
    #[serde(rename = "StreamARN")]
    stream_arn: String,
    stream_creation_timestamp: Option<f64>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output<'a> {
    queue_summaries: Vec<Summary<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Summary<'a> {
    queue_name: &'a str,
    #[serde(rename = "QueueARN")]
    queue_arn: String,
    queue_status: Status,
    queue_creation_timestamp: Seconds,
    streams: [StreamIdentifier; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct StreamIdentifier {
    #[serde(rename = "StreamARN")]
    stream_arn: String,
    stream_creation_timestamp: Seconds,
}

/// Where a list goes on.
#[derive(Serialize, Deserialize)]
struct Token {
    /// None is the host's own.
    region: Option<String>,
    after: String,
    created: Millis,
}

pub(in crate::kinesis) async fn answer(call: &Call<'_>) -> Result<Answer, Fault> {
    let input: Input = call.input(INPUT)?;
    let key = call.kinesis.token_key().await?;
    let now = call.now();
    let after = match input.next_token {
        Some(token) => {
            let token: Token = key.open(PURPOSE, &token).ok_or(Fault::InvalidToken)?;
            if now.since(token.created) > limit::ITERATOR_LIFE_MS {
                return Err(Fault::ExpiredToken);
            }
            if token.region.as_deref() != call.region() {
                return Err(Fault::InvalidToken);
            }
            Some(token.after)
        }
        None => None,
    };
    let page = input.max_results.unwrap_or(PAGE).min(PAGE);
    let catalog = call.catalog();
    let is_next = |queue: &Queue| {
        after
            .as_deref()
            .is_none_or(|after| queue.name.name() > after)
    };
    let mut left = catalog
        .queues()
        .filter(|queue| queue.name.region() == call.region() && !queue.is_gone(now))
        .filter(|queue| is_next(queue))
        .filter_map(|queue| Some((queue, catalog.stream(queue.stream.as_str())?)))
        .filter(|(_, stream)| call.is_asked_for(stream, input.stream_filter.as_deref()));
    let queues: Vec<_> = left.by_ref().take(page).collect();
    let last = left.next().and_then(|_| queues.last());
    let next_token = last.map(|(queue, _)| {
        let token = Token {
            region: call.region().map(str::to_owned),
            after: queue.name.name().to_owned(),
            created: now,
        };
        key.seal(PURPOSE, &token)
    });
    let summaries = queues.iter().map(|(queue, stream)| Summary {
        queue_name: queue.name.name(),
        queue_arn: call.queue_arn(queue),
        queue_status: queue.status(now),
        queue_creation_timestamp: Seconds(queue.created),
        streams: [StreamIdentifier {
            stream_arn: call.arn(stream),
            stream_creation_timestamp: Seconds(stream.created),
        }],
    });
    Ok(call.output(&Output {
        queue_summaries: summaries.collect(),
        next_token,
    }))
}

impl Call<'_> {
    fn is_asked_for(&self, stream: &Stream, filters: Option<&[Filter]>) -> bool {
        let arn = self.arn(stream);
        let matches = |filter: &Filter| {
            let created = filter.stream_creation_timestamp.map(millis);
            filter.stream_arn == arn && created.is_none_or(|created| created == stream.created)
        };
        filters.is_none_or(|filters| filters.iter().any(matches))
    }
}
