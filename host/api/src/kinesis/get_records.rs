//! GetRecords: a page of a shard, encoded straight from the log's blocks into the answer.

use std::sync::Arc;

use millstream_core::{
    catalog::{Shard, Stream},
    limit,
    port::{Page, ReadLimits},
    position::Position,
    read::{
        iterator::{IteratorError, ShardIterator},
        page::{begins_expired, goes_on, millis_behind},
    },
    time::Millis,
};
use serde::{Deserialize, Serialize};

use super::{
    call::{Call, Which, check_id},
    put::exceeded,
    records::{Records, payload, render, size},
    shard::ChildShard,
};
use crate::{
    error::Fault,
    native::metrics::shards::volume,
    wire::{
        answer::{Answer, Shared},
        schema::{self, Member},
    },
};

const INPUT: &[Member] = &[
    Member::new("ShardIterator", schema::text(1, 512)).required(),
    Member::new("Limit", schema::PAGE),
    schema::STREAM_ARN,
    schema::STREAM_ID,
    schema::DRY_RUN,
];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    shard_iterator: String,
    limit: Option<usize>,
    #[serde(flatten)]
    which: Which,
    dry_run: Option<bool>,
}

/// What follows the records.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Rest {
    /// None at the end of a closed shard.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_shard_iterator: Option<String>,
    millis_behind_latest: u64,
    /// Who goes on at the end of a closed shard.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    child_shards: Vec<ChildShard>,
}

pub(super) async fn answer(call: &Call<'_>) -> Result<Answer, Fault> {
    let input: Input = call.input(INPUT)?;
    let now = call.now();
    let key = call.kinesis.token_key().await?;
    let iterator = ShardIterator::open(&input.shard_iterator, key, now).map_err(|e| match e {
        IteratorError::Invalid => Fault::InvalidIterator,
        IteratorError::Expired { created } => Fault::ExpiredIterator { created, now },
    })?;
    let stream = call.iterated_stream(&iterator, &input.which)?;
    let shard = call.numbered_shard(&stream, &iterator)?;
    if input.dry_run == Some(true) {
        return Err(Fault::DryRun);
    }
    let watched = call.kinesis.app.metrics.shards();
    let quotas = call.kinesis.app.quotas.as_deref();
    if quotas.is_some_and(|quotas| !quotas.reads(shard.number, now)) {
        watched.refused_read(&stream, shard.number);
        let stream = call.named(stream.name.name());
        return Err(Fault::Throughput(exceeded(&shard.id(), &stream)));
    }
    let limits = ReadLimits {
        records: input.limit.unwrap_or(limit::GET_RECORDS_COUNT),
        bytes: limit::GET_RECORDS_BYTES,
    };
    let horizon = stream.horizon(now);
    let before = call.kinesis.app.log.span(shard.number);
    let (from, page) = call.page(shard, iterator.position, limits, horizon).await?;
    if let Some(quotas) = quotas {
        quotas.gave(shard.number, payload(&page), now);
    }
    let span = call.kinesis.app.log.span(shard.number);
    let position = goes_on(&page, from, before);
    let ended = shard.closed.is_some() && position.until(span.next) == 0;
    let next = (!ended).then(|| {
        let next = ShardIterator {
            position,
            created: now,
            ..iterator
        };
        next.seal(key)
    });
    let behind = millis_behind(&page, position, span, now);
    watched.gave(&stream, shard.number, || volume(&page));
    watched.aged(&stream, shard.number, behind);
    let rest = Rest {
        next_shard_iterator: next,
        millis_behind_latest: behind,
        child_shards: if ended {
            ChildShard::of(&stream, shard.index)
        } else {
            Vec::new()
        },
    };
    let share = call.kinesis.admission.room(size(&page)).await?;
    let records = Records {
        stream: &stream,
        shard,
        page: &page,
    };
    let bytes = render(call.form, &records, &rest);
    Ok(Answer::Shared(Shared { bytes, share }))
}

impl Call<'_> {
    /// The stream of an iterator, which may be named again.
    fn iterated_stream(
        &self,
        iterator: &ShardIterator,
        which: &Which,
    ) -> Result<Arc<Stream>, Fault> {
        let name = &iterator.stream;
        if name.region() != self.region() {
            return Err(Fault::InvalidIterator);
        }
        if self.said(which)?.is_some_and(|said| said != name.name()) {
            return Err(Fault::Argument(
                "The ShardIterator is not one of the stream that is named.".into(),
            ));
        }
        let catalog = self.catalog();
        let found = catalog.living(name.as_str()).cloned();
        let stream = found.ok_or_else(|| Fault::NoStream(self.named(name.name())))?;
        check_id(&stream, which.stream_id.as_deref())?;
        Ok(stream)
    }

    fn numbered_shard<'s>(
        &self,
        stream: &'s Stream,
        iterator: &ShardIterator,
    ) -> Result<&'s Shard, Fault> {
        let mut shards = stream.shards.iter();
        let found = shards.find(|shard| shard.number == iterator.shard);
        // The stream was deleted and created anew since.
        found.ok_or_else(|| Fault::NoStream(self.named(stream.name.name())))
    }

    /// The records from `from` on that have not expired, and where they begin.
    async fn page(
        &self,
        shard: &Shard,
        from: Position,
        limits: ReadLimits,
        horizon: Millis,
    ) -> Result<(Position, Page), Fault> {
        let log = &self.kinesis.app.log;
        let page = log.read(shard.number, from, limits).await?;
        if !begins_expired(&page, horizon) {
            return Ok((from, page));
        }
        let from = log.locate(shard.number, horizon).await?;
        Ok((from, log.read(shard.number, from, limits).await?))
    }
}
