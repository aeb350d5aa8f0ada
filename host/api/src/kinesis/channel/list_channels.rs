//! ListChannels: channels by name, a page at a time.

use millstream_core::{
    catalog::{Channel, trigger::Seconds},
    limit,
    time::Millis,
};
use serde::{Deserialize, Serialize};

use super::description::{Identifier, State};
use crate::{
    error::Fault,
    kinesis::call::Call,
    wire::{
        answer::Answer,
        schema::{self, Kind, Member},
    },
};

const INPUT: &[Member] = &[
    Member::new(
        "StreamFilter",
        Kind::List {
            of: &Kind::Structure(&[
                schema::STREAM_ARN.required(),
                Member::new("StreamCreationTimestamp", Kind::Timestamp),
            ]),
            max: 10_000,
        },
    ),
    Member::new("MaxResults", schema::PAGE),
    Member::new("NextToken", schema::NEXT_TOKEN),
];
/// Kinesis: channels of one page, asked for or not.
const PAGE: usize = 100;
const PURPOSE: &str = "list-channels";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    #[serde(default)]
    stream_filter: Vec<Filter>,
    max_results: Option<usize>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Filter {
    #[serde(rename = "StreamARN")]
    stream_arn: String,
    stream_creation_timestamp: Option<Seconds>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output<'a> {
    channel_summaries: Vec<Summary<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Summary<'a> {
    #[serde(flatten)]
    state: State<'a>,
    channel_destination_type: &'static str,
    streams: [Identifier; 1],
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
            token.after
        }
        None => String::new(),
    };
    let page = input.max_results.unwrap_or(PAGE).min(PAGE);
    let catalog = call.catalog();
    let wanted = |channel: &Channel| {
        let filters = &input.stream_filter;
        filters.is_empty() || filters.iter().any(|filter| filter.takes(call, channel))
    };
    let mut left = catalog.channels().filter(|channel| {
        channel.name.region() == call.region()
            && channel.name.name() > after.as_str()
            && !channel.is_gone(now)
            && wanted(channel)
    });
    let channels: Vec<&Channel> = left.by_ref().take(page).map(AsRef::as_ref).collect();
    let more = left.next().is_some();
    let token = |last: &&Channel| Token {
        region: call.region().map(str::to_owned),
        after: last.name.name().to_owned(),
        created: now,
    };
    let next = channels.last().filter(|_| more).map(token);
    Ok(call.output(&Output {
        channel_summaries: channels
            .iter()
            .map(|channel| summary(call, channel))
            .collect(),
        next_token: next.map(|token| key.seal(PURPOSE, &token)),
    }))
}

fn summary<'a>(call: &Call<'_>, channel: &'a Channel) -> Summary<'a> {
    Summary {
        state: call.channel_state(channel),
        channel_destination_type: "S3",
        streams: [call.channel_stream(channel)],
    }
}

impl Filter {
    fn takes(&self, call: &Call<'_>, channel: &Channel) -> bool {
        let created = self.stream_creation_timestamp;
        // Another account's or region's stream has no channel here.
        let name = call.resource(&self.stream_arn, ":stream/").ok();
        name == Some(channel.stream.name())
            && created.is_none_or(|created| created.0.seconds() == channel.stream_created.seconds())
    }
}
