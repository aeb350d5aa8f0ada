//! ListStreams: streams by name, a page at a time.

use millstream_core::{
    catalog::{Stream, StreamStatus, trigger::Seconds},
    limit,
    name::StreamName,
    time::Millis,
};
use serde::{Deserialize, Serialize};

use super::{Kinesis, describe_stream::ModeDetails, json};
use crate::{
    error::Fault,
    wire::{
        decode::decode,
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
    stream_names: Vec<&'a StreamName>,
    has_more_streams: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
    stream_summaries: Vec<Summary<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Summary<'a> {
    stream_name: &'a StreamName,
    #[serde(rename = "StreamARN")]
    stream_arn: String,
    stream_status: StreamStatus,
    stream_mode_details: ModeDetails,
    stream_creation_timestamp: Seconds,
}

/// Where a list goes on.
#[derive(Serialize, Deserialize)]
struct Token {
    after: String,
    created: Millis,
}

pub(super) async fn answer(kinesis: &Kinesis, body: &[u8]) -> Result<Vec<u8>, Fault> {
    let input: Input = decode(body, INPUT)?;
    let key = kinesis.token_key().await?;
    let now = (kinesis.app.now)();
    let after = match input.next_token {
        Some(token) => {
            let token: Token = key.open(PURPOSE, &token).ok_or(Fault::InvalidToken)?;
            if now.since(token.created) > limit::ITERATOR_LIFE_MS {
                return Err(Fault::ExpiredToken);
            }
            token.after
        }
        None => input.exclusive_start_stream_name.unwrap_or_default(),
    };
    let page = input.limit.unwrap_or(PAGE).min(PAGE);
    let catalog = kinesis.app.control.catalog();
    let mut left = catalog.streams_after(&after);
    let streams: Vec<&Stream> = left.by_ref().take(page).map(AsRef::as_ref).collect();
    let more = left.next().is_some();
    let token = |last: &&Stream| Token {
        after: last.name.to_string(),
        created: now,
    };
    let next = streams.last().filter(|_| more).map(token);
    Ok(json(&Output {
        stream_names: streams.iter().map(|stream| &stream.name).collect(),
        has_more_streams: more,
        next_token: next.map(|token| key.seal(PURPOSE, &token)),
        stream_summaries: streams.iter().map(|s| kinesis.summary(s)).collect(),
    }))
}

impl Kinesis {
    fn summary<'a>(&self, stream: &'a Stream) -> Summary<'a> {
        Summary {
            stream_name: &stream.name,
            stream_arn: self.arn(stream),
            stream_status: stream.status,
            stream_mode_details: ModeDetails::PROVISIONED,
            stream_creation_timestamp: Seconds(stream.created),
        }
    }
}
