//! CreateQueue. The queue delivers records as soon as it is ACTIVE.

use std::collections::BTreeMap;

use millstream_core::{
    catalog::{
        Request, StartingPosition, Stream,
        queue::{self, Attributes, Start},
        stream::Tags,
    },
    name::QueueName,
    position::{Position, ShardNumber},
    time::Millis,
};
use serde::Deserialize;

use super::{description::QueueAttributes, members};
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
    Member::new("QueueName", schema::NAME).required(),
    Member::new(
        "StreamConfigurationList",
        Kind::List {
            of: &STREAM_CONFIGURATION,
            max: 10_000,
        },
    )
    .required(),
    members::ATTRIBUTES,
    schema::TAGS,
];
const STREAM_CONFIGURATION: Kind = Kind::Structure(&[
    members::STREAM_ARN,
    Member::new("StartingPosition", Kind::Structure(STARTING_POSITION)),
]);
const STARTING_POSITION: &[Member] = &[
    Member::new(
        "Type",
        schema::one_of(&["TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"]),
    )
    .required(),
    Member::new("Timestamp", Kind::Timestamp),
];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    queue_name: String,
    stream_configuration_list: Vec<StreamConfiguration>,
    #[serde(default)]
    queue_attributes: QueueAttributes,
    #[serde(default)]
    tags: Tags,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StreamConfiguration {
    #[serde(rename = "StreamARN")]
    stream_arn: String,
    starting_position: Option<AskedPosition>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AskedPosition {
    r#type: StartingPosition,
    timestamp: Option<f64>,
}

pub(in crate::kinesis) async fn answer(call: &Call<'_>) -> Result<Answer, Fault> {
    let input: Input = call.input(INPUT)?;
    let name = QueueName::within(call.region(), &input.queue_name)
        .expect("the constraints are those of a name");
    let [configuration] = <[_; 1]>::try_from(input.stream_configuration_list).map_err(|list| {
        let count = list.len();
        let text = format!("StreamConfigurationList must contain exactly one entry, not {count}.");
        Fault::Invalid(text)
    })?;
    let defaults = Attributes::default();
    let attributes = Attributes {
        visibility_seconds: input
            .queue_attributes
            .visibility_seconds()
            .unwrap_or(defaults.visibility_seconds),
        max_receives: input
            .queue_attributes
            .max_receives()?
            .unwrap_or(defaults.max_receives),
    };
    let (at, asked) = position(configuration.starting_position)?;
    let stream = call.stream(&Which {
        stream_arn: Some(configuration.stream_arn),
        ..Which::default()
    })?;
    let change = call
        .apply(Request::Queue(queue::Request::Create {
            stream: stream.name.clone(),
            start: start(&stream, at, asked, call.now()),
            starts: call.starts(&stream, at, asked).await?,
            attributes,
            tags: input.tags,
            name: name.clone(),
        }))
        .await?;
    let queue = change.catalog.queue(name.as_str());
    let queue = queue.expect("the change put this queue there");
    Ok(call.output(&call.described_queue(queue)))
}

fn position(asked: Option<AskedPosition>) -> Result<(StartingPosition, Option<Millis>), Fault> {
    let invalid = |text: &str| Err(Fault::Invalid(text.into()));
    let Some(AskedPosition { r#type, timestamp }) = asked else {
        return Ok((StartingPosition::Latest, None));
    };
    match (r#type, timestamp) {
        (StartingPosition::AtTimestamp, None) => {
            invalid("Timestamp is required when the Type of StartingPosition is AT_TIMESTAMP.")
        }
        (StartingPosition::TrimHorizon | StartingPosition::Latest, Some(_)) => {
            invalid("Timestamp is allowed only when the Type of StartingPosition is AT_TIMESTAMP.")
        }
        (at, timestamp) => Ok((at, timestamp.map(millis))),
    }
}

fn start(stream: &Stream, at: StartingPosition, asked: Option<Millis>, now: Millis) -> Start {
    let earliest = stream.horizon(now).max(stream.created);
    Start {
        at,
        asked,
        effective: match at {
            StartingPosition::Latest => now,
            StartingPosition::TrimHorizon | StartingPosition::AtTimestamp => {
                earliest.max(asked.unwrap_or_default())
            }
        },
    }
}

impl Call<'_> {
    /// Where the shards begin that there are; the others do at their oldest record.
    async fn starts(
        &self,
        stream: &Stream,
        at: StartingPosition,
        asked: Option<Millis>,
    ) -> Result<BTreeMap<ShardNumber, Position>, Fault> {
        let log = &self.kinesis.app.log;
        let mut starts = BTreeMap::new();
        for shard in &stream.shards {
            let start = match (at, asked) {
                (StartingPosition::TrimHorizon, _) => continue,
                (StartingPosition::AtTimestamp, Some(asked)) => {
                    log.locate(shard.number, asked).await?
                }
                _ => log.span(shard.number).next,
            };
            starts.insert(shard.number, start);
        }
        Ok(starts)
    }
}
