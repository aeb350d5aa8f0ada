//! SubscribeToShard: from a wish to a stream of events that lives for five minutes.

mod event;
mod feed;
mod seat;
mod subscription;

use std::{convert::Infallible, sync::Arc};

use axum::body::Body;
use futures_util::{StreamExt as _, stream};
use millstream_core::catalog::{Status, Stream, stream::Consumer};
use serde::Deserialize;
use tokio::sync::Semaphore;

use self::{
    feed::Feeds,
    seat::{Seats, Who},
    subscription::{Place, Subscription},
};
use super::{
    call::Call,
    get_shard_iterator::{IteratorType, Start},
};
use crate::{
    error::Fault,
    wire::{
        answer::Answer,
        eventstream,
        schema::{self, Kind, Member},
    },
};

const INPUT: &[Member] = &[
    schema::CONSUMER_ARN.required(),
    schema::STREAM_ID,
    Member::new("ShardId", schema::NAME).required(),
    Member::new("StartingPosition", Kind::Structure(POSITION)).required(),
    schema::DRY_RUN,
];

const POSITION: &[Member] = &[
    Member::new(
        "Type",
        schema::one_of(&[
            "AT_SEQUENCE_NUMBER",
            "AFTER_SEQUENCE_NUMBER",
            "TRIM_HORIZON",
            "LATEST",
            "AT_TIMESTAMP",
        ]),
    )
    .required(),
    Member::new("SequenceNumber", schema::SEQUENCE_NUMBER),
    Member::new("Timestamp", Kind::Timestamp),
];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    #[serde(rename = "ConsumerARN")]
    consumer_arn: String,
    shard_id: String,
    starting_position: StartingPosition,
    dry_run: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StartingPosition {
    #[serde(rename = "Type")]
    kind: IteratorType,
    sequence_number: Option<String>,
    timestamp: Option<f64>,
}

/// What all subscriptions share.
#[derive(Debug)]
pub(crate) struct Subscriptions {
    seats: Arc<Seats>,
    feeds: Arc<Feeds>,
    /// KiB of big frames that are held at once.
    room: Arc<Semaphore>,
}

impl Default for Subscriptions {
    fn default() -> Self {
        Self {
            seats: Arc::default(),
            feeds: Arc::default(),
            room: Arc::new(Semaphore::new(event::ROOM_KIB)),
        }
    }
}

pub(super) async fn answer(call: &Call<'_>) -> Result<Answer, Fault> {
    let input: Input = call.input(INPUT)?;
    let (stream, consumer) = call.consumer_of(&input.consumer_arn)?;
    call.reads(&stream, &consumer)?;
    let shard = call.shard(&stream, &input.shard_id)?;
    let start = Start {
        kind: input.starting_position.kind,
        number: input.starting_position.sequence_number.as_deref(),
        timestamp: input.starting_position.timestamp,
    };
    let position = call.start(&stream, shard, start).await?;
    let who = Who {
        shard: shard.number,
        consumer: consumer.name.clone(),
        created: consumer.created,
    };
    let shared = &call.kinesis.subscriptions;
    let early = |_early| {
        Fault::InUse(format!(
            "Consumer {} subscribed to shard {} less than five seconds ago.",
            input.consumer_arn, input.shard_id
        ))
    };
    if input.dry_run == Some(true) {
        shared.seats.check(&who).map_err(early)?;
        return Err(Fault::DryRun);
    }
    let place = Place {
        seat: shared.seats.take(who).map_err(early)?,
        feed: shared.feeds.join(shard.number),
        room: Arc::clone(&shared.room),
        stream: stream.name.clone(),
        shard: shard.clone(),
        arn: input.consumer_arn,
        position,
    };
    let subscription = Subscription::new(call.kinesis.app.clone(), call.form, place);
    let opening = eventstream::initial_response(call.form);
    let opening = stream::once(async { Ok::<_, Infallible>(opening) });
    let events = stream::unfold(subscription, async |mut subscription| {
        let frame = subscription.next().await?;
        Some((Ok(frame), subscription))
    });
    Ok(Answer::Events(Body::from_stream(opening.chain(events))))
}

impl Call<'_> {
    /// Refuses a consumer that cannot read yet, or not any more.
    fn reads(&self, stream: &Stream, consumer: &Consumer) -> Result<(), Fault> {
        let now = self.now();
        if !matches!(stream.status(now), Status::Active | Status::Updating) {
            return Err(Fault::NoStream(self.named(stream.name.name())));
        }
        match consumer.status(now) {
            Status::Active | Status::Updating => Ok(()),
            status => Err(Fault::InUse(format!(
                "Consumer {} of stream {} not ACTIVE, instead in state {}",
                consumer.name,
                self.named(stream.name.name()),
                status.name()
            ))),
        }
    }
}
