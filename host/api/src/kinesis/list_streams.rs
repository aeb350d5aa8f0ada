//! ListStreams: streams by name, a page at a time.

use millstream_core::{
    catalog::{Status, Stream, trigger::Seconds},
    limit,
    time::Millis,
};
use serde::{Deserialize, Serialize};

use super::{call::Call, describe_stream::ModeDetails};
use crate::{
    error::Fault,
    wire::{
        answer::Answer,
        schema::{self, Member},
    },
};

const INPUT: &[Member] = &[
    Member::new("Limit", schema::PAGE),
    Member::new("ExclusiveStartStreamName", schema::NAME),
    Member::new("NextToken", schema::NEXT_TOKEN),
];
/// Kinesis: streams of one page, asked for or not.
const PAGE: usize = 100;
const PURPOSE: &str = "list-streams";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    limit: Option<usize>,
    exclusive_start_stream_name: Option<String>,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output<'a> {
    stream_names: Vec<&'a str>,
    has_more_streams: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
    stream_summaries: Vec<Summary<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Summary<'a> {
    stream_name: &'a str,
    #[serde(rename = "StreamARN")]
    stream_arn: String,
    stream_status: Status,
    stream_mode_details: ModeDetails,
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

pub(super) async fn answer(call: &Call<'_>) -> Result<Answer, Fault> {
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
            token.after
        }
        None => input.exclusive_start_stream_name.unwrap_or_default(),
    };
    let page = input.limit.unwrap_or(PAGE).min(PAGE);
    let catalog = call.catalog();
    let mut left = catalog
        .streams_of(call.region(), now)
        .filter(|stream| stream.name.name() > after.as_str());
    let streams: Vec<&Stream> = left.by_ref().take(page).map(AsRef::as_ref).collect();
    let more = left.next().is_some();
    let token = |last: &&Stream| Token {
        region: call.region().map(str::to_owned),
        after: last.name.name().to_owned(),
        created: now,
    };
    let next = streams.last().filter(|_| more).map(token);
    Ok(call.output(&Output {
        stream_names: streams.iter().map(|stream| stream.name.name()).collect(),
        has_more_streams: more,
        next_token: next.map(|token| key.seal(PURPOSE, &token)),
        stream_summaries: streams.iter().map(|s| call.summary(s)).collect(),
    }))
}

impl Call<'_> {
    fn summary<'a>(&self, stream: &'a Stream) -> Summary<'a> {
        Summary {
            stream_name: stream.name.name(),
            stream_arn: self.arn(stream),
            stream_status: stream.status(self.now()),
            stream_mode_details: ModeDetails {
                stream_mode: stream.mode,
            },
            stream_creation_timestamp: Seconds(stream.created),
        }
    }
}
