//! PutRecord: one record, one commit.

use std::{borrow::Cow, time::Instant};

use millstream_core::{
    port::Appended, put::plan::Planned, read::iterator::place_of, sequence::SequenceNumber,
};
use serde::{Deserialize, Serialize};

use super::{
    call::{Call, Names},
    put,
    put::Entry,
};
use crate::{
    error::Fault,
    wire::{
        answer::Answer,
        decode::{checked, malformed},
        schema::{self, Member},
    },
};

const INPUT: &[Member] = &[
    Member::new("SequenceNumberForOrdering", schema::SEQUENCE_NUMBER),
    Member::new("PartitionKey", schema::PARTITION_KEY).required(),
    Member::new("ExplicitHashKey", schema::HASH_KEY),
    Member::new("Data", schema::DATA).required(),
    schema::STREAM_NAME,
    schema::STREAM_ARN,
    schema::STREAM_ID,
    schema::DRY_RUN,
];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input<'a> {
    #[serde(borrow)]
    data: Cow<'a, str>,
    #[serde(borrow)]
    partition_key: Cow<'a, str>,
    explicit_hash_key: Option<String>,
    sequence_number_for_ordering: Option<String>,
    stream_name: Option<String>,
    #[serde(rename = "StreamARN")]
    stream_arn: Option<String>,
    stream_id: Option<String>,
    dry_run: Option<bool>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output {
    shard_id: String,
    sequence_number: String,
}

pub(super) async fn answer(call: &Call<'_>) -> Result<Answer, Fault> {
    let started = Instant::now();
    // As in PutRecords: the schema is asked only about what is not as it should be.
    let prepare = || match call.quickly(|input| call.prepare_one(input)) {
        Some(planned) => Ok(planned),
        None => {
            let value = checked(call.form, call.body, INPUT)?;
            call.prepare_one(Input::deserialize(&value).map_err(malformed)?)
        }
    };
    let (planned, durable) = call.put(started, prepare).await?;
    let Appended { first, arrival } = durable[0];
    let shard = &planned.shards[0];
    Ok(call.output(&Output {
        shard_id: shard.id(),
        sequence_number: SequenceNumber::of(shard, first, arrival).to_string(),
    }))
}

impl Call<'_> {
    fn prepare_one(&self, input: Input<'_>) -> Result<Planned, Fault> {
        let stream = self.live_stream(Names {
            name: input.stream_name.as_deref(),
            arn: input.stream_arn.as_deref(),
            id: input.stream_id.as_deref(),
        })?;
        let entry = Entry::new(input.data, input.partition_key, input.explicit_hash_key);
        let planned = put::encode(&stream, &[entry], |_| "data".into())?;
        // Records are ordered as they come, so a number that was given out asks for nothing more.
        if let Some(number) = input.sequence_number_for_ordering {
            let now = self.now().seconds();
            let shard = &planned.shards[0];
            let span = self.kinesis.app.log.span(shard.number);
            let was_given = |number: SequenceNumber| {
                number.arrival <= now && place_of(number, shard, span).is_ok()
            };
            if !SequenceNumber::parse(&number).is_ok_and(was_given) {
                let stream = self.named(stream.name.name());
                return Err(Fault::InvalidOrdering { number, stream });
            }
        }
        match input.dry_run {
            Some(true) => Err(Fault::DryRun),
            _ => Ok(planned),
        }
    }
}
