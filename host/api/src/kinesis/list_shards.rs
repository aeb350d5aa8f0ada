//! ListShards: shards of a stream that pass a filter, a page at a time.

use std::sync::Arc;

use millstream_core::{
    catalog::{Shard, Stream},
    limit,
    name::StreamName,
    time::Millis,
};
use serde::{Deserialize, Serialize};

use super::{
    call::{Call, Which},
    shard::ShardView,
};
use crate::{
    error::Fault,
    wire::{
        answer::Answer,
        schema::{self, Kind, Member},
        timestamp::millis,
    },
};

const INPUT: &[Member] = &[
    Member::new("NextToken", schema::NEXT_TOKEN),
    Member::new("ExclusiveStartShardId", schema::NAME),
    Member::new("MaxResults", schema::PAGE),
    schema::STREAM_NAME,
    Member::new("StreamCreationTimestamp", Kind::Timestamp),
    Member::new("ShardFilter", Kind::Structure(FILTER)),
    schema::STREAM_ARN,
    schema::STREAM_ID,
];
const FILTER: &[Member] = &[
    Member::new(
        "Type",
        schema::one_of(&[
            "AFTER_SHARD_ID",
            "AT_TRIM_HORIZON",
            "FROM_TRIM_HORIZON",
            "AT_LATEST",
            "AT_TIMESTAMP",
            "FROM_TIMESTAMP",
        ]),
    )
    .required(),
    Member::new("ShardId", schema::NAME),
    Member::new("Timestamp", Kind::Timestamp),
];
/// Kinesis: shards of one page, asked for or not.
const PAGE: usize = 1000;
const PURPOSE: &str = "list-shards";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    #[serde(flatten)]
    which: Which,
    next_token: Option<String>,
    exclusive_start_shard_id: Option<String>,
    max_results: Option<usize>,
    stream_creation_timestamp: Option<f64>,
    shard_filter: Option<FilterInput>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct FilterInput {
    r#type: FilterType,
    shard_id: Option<String>,
    timestamp: Option<f64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum FilterType {
    AfterShardId,
    AtTrimHorizon,
    FromTrimHorizon,
    AtLatest,
    AtTimestamp,
    FromTimestamp,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output {
    shards: Vec<ShardView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

/// What is listed, from where on.
#[derive(Clone, Serialize, Deserialize)]
struct Listing {
    stream: StreamName,
    filter: Filter,
    after: Option<u32>,
    created: Millis,
}

/// Which shards. Closed shards stay until their records have expired, so that all that are there lie
/// within the trim horizon.
#[derive(Clone, Copy, Serialize, Deserialize)]
enum Filter {
    All,
    Open,
    OpenAt(Millis),
    OpenFrom(Millis),
}

impl Filter {
    fn passes(self, shard: &Shard) -> bool {
        match self {
            Self::All => true,
            Self::Open => shard.closed.is_none(),
            Self::OpenAt(at) => {
                shard.created <= at && shard.closed.is_none_or(|closed| closed > at)
            }
            Self::OpenFrom(at) => shard.closed.is_none_or(|closed| closed >= at),
        }
    }
}

pub(super) async fn answer(call: &Call<'_>) -> Result<Answer, Fault> {
    let input: Input = call.input(INPUT)?;
    let key = call.kinesis.token_key().await?;
    let now = call.now();
    let page = input.max_results.unwrap_or(PAGE).min(PAGE);
    let (stream, listing) = match &input.next_token {
        None => call.begin(&input, now)?,
        Some(token) => {
            alone(&input)?;
            let listing: Listing = key.open(PURPOSE, token).ok_or(Fault::InvalidToken)?;
            if now.since(listing.created) > limit::ITERATOR_LIFE_MS {
                return Err(Fault::ExpiredToken);
            }
            if listing.stream.region() != call.region() {
                return Err(Fault::InvalidToken);
            }
            let catalog = call.catalog();
            let stream = catalog.stream(listing.stream.as_str()).cloned();
            let gone = || Fault::NoStream(call.named(listing.stream.name()));
            let stream = stream.filter(|s| !s.is_gone(now)).ok_or_else(gone)?;
            (stream, listing)
        }
    };
    let mut left = stream.shards.iter().filter(|shard| {
        listing.after.is_none_or(|after| shard.index > after) && listing.filter.passes(shard)
    });
    let shards: Vec<&Shard> = left.by_ref().take(page).collect();
    let last = shards.last().filter(|_| left.next().is_some());
    let next = last.map(|last| Listing {
        after: Some(last.index),
        created: now,
        ..listing.clone()
    });
    Ok(call.output(&Output {
        next_token: next.map(|listing| key.seal(PURPOSE, &listing)),
        shards: shards.into_iter().map(ShardView::new).collect(),
    }))
}

/// A token says everything; what else is given could only contradict it.
fn alone(input: &Input) -> Result<(), Fault> {
    let others = [
        ("StreamName", input.which.stream_name.is_some()),
        ("StreamARN", input.which.stream_arn.is_some()),
        ("StreamId", input.which.stream_id.is_some()),
        (
            "ExclusiveStartShardId",
            input.exclusive_start_shard_id.is_some(),
        ),
        (
            "StreamCreationTimestamp",
            input.stream_creation_timestamp.is_some(),
        ),
        ("ShardFilter", input.shard_filter.is_some()),
    ];
    match others.into_iter().find(|(_, given)| *given) {
        Some((name, _)) => Err(Fault::TokenAnd(name)),
        None => Ok(()),
    }
}

impl Call<'_> {
    fn begin(&self, input: &Input, now: Millis) -> Result<(Arc<Stream>, Listing), Fault> {
        if input.which.is_empty() {
            return Err(Fault::NeitherTokenNorName);
        }
        let stream = self.stream(&input.which)?;
        let asked = input.stream_creation_timestamp.map(millis);
        // Clients may have kept whole seconds only.
        if asked.is_some_and(|asked| asked.seconds() != stream.created.seconds()) {
            return Err(Fault::NoStream(self.named(stream.name.name())));
        }
        let (filter, filter_after) = match &input.shard_filter {
            None => (Filter::All, None),
            Some(filter) => self.filter(filter, &stream, now)?,
        };
        let after = input.exclusive_start_shard_id.as_deref();
        let after = after.map(|id| self.shard_index(&stream, id)).transpose()?;
        let listing = Listing {
            stream: stream.name.clone(),
            filter,
            after: after.max(filter_after),
            created: now,
        };
        Ok((stream, listing))
    }

    fn filter(
        &self,
        input: &FilterInput,
        stream: &Stream,
        now: Millis,
    ) -> Result<(Filter, Option<u32>), Fault> {
        let needs = |filter, member| Fault::FilterNeeds { filter, member };
        let timestamp = |filter| {
            let given = input.timestamp.map(millis);
            given.ok_or_else(|| needs(filter, "a Timestamp"))
        };
        let horizon = stream.horizon(now).max(stream.created);
        let filter = match input.r#type {
            FilterType::AtLatest => Filter::Open,
            FilterType::FromTrimHorizon => Filter::All,
            FilterType::AtTrimHorizon => Filter::OpenAt(horizon),
            FilterType::AtTimestamp => Filter::OpenAt(timestamp("AT_TIMESTAMP")?),
            FilterType::FromTimestamp => Filter::OpenFrom(timestamp("FROM_TIMESTAMP")?),
            FilterType::AfterShardId => {
                let id = input.shard_id.as_deref();
                let id = id.ok_or_else(|| needs("AFTER_SHARD_ID", "a ShardId"))?;
                return Ok((Filter::All, Some(self.shard_index(stream, id)?)));
            }
        };
        Ok((filter, None))
    }
}
