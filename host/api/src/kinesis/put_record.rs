//! PutRecord: one record, one commit.

use std::time::Instant;

use millstream_core::{
    catalog::stream::Distribution, port::Appended, read::iterator::place_of,
    sequence::SequenceNumber,
};
use serde::{Deserialize, Serialize};

use super::{
    call::Call,
    put::{self, Asked, Entry, EntryScan, Ready},
    shard::shard_id,
};
use crate::{
    error::Fault,
    wire::{
        answer::Answer,
        decode::malformed,
        scan::{Scan, Scanned, once, scanned},
        schema::{self, Member, Pattern},
    },
};

const INPUT: &[Member] = &members(KEY.required());
/// The same for a stream that spreads its records.
const KEYLESS: &[Member] = &members(KEY);
const KEY: Member = Member::new("PartitionKey", schema::PARTITION_KEY);

const fn members(key: Member) -> [Member; 8] {
    [
        Member::new("SequenceNumberForOrdering", schema::SEQUENCE_NUMBER),
        key,
        Member::new("ExplicitHashKey", schema::HASH_KEY),
        Member::new("Data", schema::DATA).required(),
        schema::STREAM_NAME,
        schema::STREAM_ARN,
        schema::STREAM_ID,
        schema::DRY_RUN,
    ]
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input<'a> {
    #[serde(borrow, flatten)]
    entry: Entry<'a>,
    #[serde(borrow, flatten)]
    asked: Asked<'a>,
    sequence_number_for_ordering: Option<&'a str>,
}

impl Input<'_> {
    /// Whether members are of their patterns that are not looked at otherwise.
    fn is_plain(&self) -> bool {
        let number = self.sequence_number_for_ordering;
        number.is_none_or(|text| Pattern::SequenceNumber.matches(text)) && self.asked.is_plain()
    }
}

impl<'a> Scanned<'a> for Input<'a> {
    fn scan<S: Scan<'a>>(scan: &mut S) -> Option<Self> {
        let (mut entry, mut asked) = (EntryScan::default(), Asked::default());
        let mut sequence_number_for_ordering = None;
        scan.structure(|scan, name| match name {
            b"SequenceNumberForOrdering" => once(&mut sequence_number_for_ordering, scan.text()),
            b"Data" | b"PartitionKey" | b"ExplicitHashKey" => entry.member(scan, name),
            name => asked.member(scan, name),
        })?;
        Some(Self {
            entry: entry.entry()?,
            asked,
            sequence_number_for_ordering,
        })
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output {
    shard_id: String,
    sequence_number: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    encryption_type: Option<&'static str>,
}

pub(super) async fn answer(call: &Call<'_>) -> Result<Answer, Fault> {
    let started = Instant::now();
    // As in PutRecords: the schema is asked only about what is not as it should be.
    let prepare = || {
        let plain = scanned(call.form, call.body).filter(Input::is_plain);
        let quickly = plain.and_then(|input| call.prepare_one(input).ok());
        quickly.map_or_else(|| call.prepare_one_slowly(), Ok)
    };
    let (ready, durable) = call.put(started, prepare).await?;
    let Ready {
        stream,
        planned,
        encrypted,
        watched: _,
    } = ready;
    let Some(&Appended { first, arrival }) = durable.first() else {
        let shard = planned.refused.first().map(|&(_, shard)| shard_id(shard));
        let shard = shard.expect("a record that is not taken is refused");
        return Err(Fault::Throughput(put::exceeded(&shard, &stream)));
    };
    let shard = &planned.shards[0];
    Ok(call.output(&Output {
        shard_id: shard.id(),
        sequence_number: SequenceNumber::of(shard, first, arrival).to_string(),
        encryption_type: encrypted.then_some("KMS"),
    }))
}

impl Call<'_> {
    fn prepare_one(&self, input: Input<'_>) -> Result<Ready, Fault> {
        let stream = self.live_stream(input.asked.names())?;
        let app = &self.kinesis.app;
        let planned = put::encode(app, &stream, &[input.entry], |_| "data".into())?;
        // Records are ordered as they come, so a number that was given out asks for nothing more.
        // Where records go to any shard, they have no order.
        let by_key = stream.distribution == Distribution::UserPartitionKey;
        let shard = planned.shards.first().filter(|_| by_key);
        if let (Some(number), Some(shard)) = (input.sequence_number_for_ordering, shard) {
            let now = self.now();
            let span = self.kinesis.app.log.span(shard.number);
            let was_given = |number: SequenceNumber| {
                let given = place_of(number, shard, span, now).is_ok()
                    || stream.descends(shard, number.shard, number.created);
                number.arrival <= now.seconds() && given
            };
            if !SequenceNumber::parse(number).is_ok_and(was_given) {
                let stream = self.named(stream.name.name());
                let number = number.to_owned();
                return Err(Fault::InvalidOrdering { number, stream });
            }
        }
        input.asked.seriously()?;
        Ok(Ready {
            stream: self.named(stream.name.name()),
            planned,
            encrypted: stream.encryption_key.is_some(),
            watched: (!stream.monitored.is_empty()).then_some(stream),
        })
    }

    #[cold]
    fn prepare_one_slowly(&self) -> Result<Ready, Fault> {
        let value = put::checked(self, INPUT, KEYLESS)?;
        self.prepare_one(Input::deserialize(&value).map_err(malformed)?)
    }
}
