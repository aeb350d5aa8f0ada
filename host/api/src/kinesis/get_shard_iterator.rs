//! GetShardIterator: from a wish to a place in a shard.

use millstream_core::{
    catalog::{Shard, Stream},
    position::Position,
    read::iterator::{ShardIterator, StartError, position_of},
};
use serde::{Deserialize, Serialize};

use super::call::{Call, Which};
use crate::{
    error::Fault,
    wire::{
        answer::Answer,
        schema::{self, Kind, Member},
        timestamp::millis,
    },
};

const INPUT: &[Member] = &[
    Member::new("ShardId", schema::NAME).required(),
    Member::new(
        "ShardIteratorType",
        schema::one_of(&[
            "AFTER_SEQUENCE_NUMBER",
            "LATEST",
            "AT_TIMESTAMP",
            "AT_SEQUENCE_NUMBER",
            "TRIM_HORIZON",
        ]),
    )
    .required(),
    Member::new("StartingSequenceNumber", schema::SEQUENCE_NUMBER),
    schema::STREAM_NAME,
    Member::new("Timestamp", Kind::Timestamp),
    schema::STREAM_ARN,
    schema::STREAM_ID,
    schema::DRY_RUN,
];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    #[serde(flatten)]
    which: Which,
    shard_id: String,
    shard_iterator_type: IteratorType,
    starting_sequence_number: Option<String>,
    timestamp: Option<f64>,
    dry_run: Option<bool>,
}

/// How a place is named.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum IteratorType {
    AtSequenceNumber,
    AfterSequenceNumber,
    AtTimestamp,
    TrimHorizon,
    Latest,
}

/// A place as it is asked for.
#[derive(Clone, Copy)]
pub(super) struct Start<'a> {
    pub(super) kind: IteratorType,
    pub(super) number: Option<&'a str>,
    /// In seconds.
    pub(super) timestamp: Option<f64>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output {
    shard_iterator: String,
}

pub(super) async fn answer(call: &Call<'_>) -> Result<Answer, Fault> {
    let input: Input = call.input(INPUT)?;
    let stream = call.stream(&input.which)?;
    let shard = call.shard(&stream, &input.shard_id)?;
    let start = Start {
        kind: input.shard_iterator_type,
        number: input.starting_sequence_number.as_deref(),
        timestamp: input.timestamp,
    };
    let position = call.start(&stream, shard, start).await?;
    if input.dry_run == Some(true) {
        return Err(Fault::DryRun);
    }
    let iterator = ShardIterator {
        stream: stream.name.clone(),
        shard: shard.number,
        position,
        created: call.now(),
    };
    Ok(call.output(&Output {
        shard_iterator: iterator.seal(call.kinesis.token_key().await?),
    }))
}

impl Call<'_> {
    /// Where reading begins.
    pub(super) async fn start(
        &self,
        stream: &Stream,
        shard: &Shard,
        start: Start<'_>,
    ) -> Result<Position, Fault> {
        let mismatch = |kind, given| Fault::StartMismatch { kind, given };
        match (start.kind, start.number) {
            (IteratorType::TrimHorizon, None) => Ok(Position::START),
            (IteratorType::TrimHorizon, Some(_)) => Err(mismatch("TRIM_HORIZON", true)),
            (IteratorType::Latest, None) => Ok(self.kinesis.app.log.span(shard.number).next),
            (IteratorType::Latest, Some(_)) => Err(mismatch("LATEST", true)),
            (IteratorType::AtTimestamp, None) => self.start_at(shard, start.timestamp).await,
            (IteratorType::AtTimestamp, Some(_)) => Err(mismatch("AT_TIMESTAMP", true)),
            (IteratorType::AtSequenceNumber, Some(number)) => self.numbered(stream, shard, number),
            (IteratorType::AtSequenceNumber, None) => Err(mismatch("AT_SEQUENCE_NUMBER", false)),
            (IteratorType::AfterSequenceNumber, Some(number)) => {
                Ok(self.numbered(stream, shard, number)?.plus(1))
            }
            (IteratorType::AfterSequenceNumber, None) => {
                Err(mismatch("AFTER_SEQUENCE_NUMBER", false))
            }
        }
    }

    async fn start_at(&self, shard: &Shard, timestamp: Option<f64>) -> Result<Position, Fault> {
        let asked = timestamp.map(millis).ok_or(Fault::NoTimestamp)?;
        let now = self.now();
        if asked > now {
            return Err(Fault::FutureTimestamp { asked, now });
        }
        Ok(self.kinesis.app.log.locate(shard.number, asked).await?)
    }

    fn numbered(&self, stream: &Stream, shard: &Shard, number: &str) -> Result<Position, Fault> {
        let span = self.kinesis.app.log.span(shard.number);
        let invalid = |why| Fault::InvalidStart {
            number: number.into(),
            shard: shard.id(),
            stream: self.named(stream.name.name()),
            why,
        };
        position_of(number, shard, span, self.now()).map_err(|error| match error {
            StartError::Invalid => invalid(""),
            StartError::OtherStream => invalid(" because it did not come from this stream"),
            StartError::End => {
                invalid(": SequenceNumber has reached max possible value for the shard")
            }
            StartError::OtherShard(encoded) => Fault::OtherShard {
                encoded,
                used: shard.id(),
            },
        })
    }
}
