//! PutRecords: up to 500 records in one commit, all of them durable or none.
//!
//! A body that is as it should be is decoded by [`Input`] straight from its bytes. Anything else is
//! looked at again by the schema, which knows what Amazon says of it.

mod entries;

use std::{borrow::Cow, time::Instant};

use millstream_core::{
    limit,
    port::Appended,
    put::plan::Planned,
    sequence::{Digits, SequenceNumber},
};
use serde::Deserialize;

use self::entries::Entries;
use super::{
    call::{Call, Names},
    put,
};
use crate::{
    error::Fault,
    wire::{
        answer::Answer,
        decode::{checked, malformed},
        schema::{self, Kind, Member},
    },
};

const INPUT: &[Member] = &[
    Member::new(
        "Records",
        Kind::List {
            of: &Kind::Structure(&[
                Member::new("PartitionKey", schema::PARTITION_KEY).required(),
                Member::new("Data", schema::DATA).required(),
                Member::new("ExplicitHashKey", schema::HASH_KEY),
            ]),
            max: limit::PUT_RECORDS_COUNT,
        },
    )
    .required(),
    schema::STREAM_NAME,
    schema::STREAM_ARN,
    schema::STREAM_ID,
    schema::DRY_RUN,
];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input<'a> {
    #[serde(borrow)]
    records: Entries<'a>,
    #[serde(borrow, default)]
    stream_name: Option<Cow<'a, str>>,
    #[serde(borrow, default, rename = "StreamARN")]
    stream_arn: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    stream_id: Option<Cow<'a, str>>,
    #[serde(default)]
    dry_run: Option<bool>,
}

pub(super) async fn answer(call: &Call<'_>) -> Result<Answer, Fault> {
    let started = Instant::now();
    let prepare = || match call.quickly(|input| call.prepare(&input)) {
        Some(planned) => Ok(planned),
        None => call.prepare_slowly(),
    };
    let (planned, durable) = call.put(started, prepare).await?;
    Ok(Answer::Whole(render(&planned, &durable)))
}

impl Call<'_> {
    fn prepare(&self, input: &Input<'_>) -> Result<Planned, Fault> {
        let stream = self.live_stream(Names {
            name: input.stream_name.as_deref(),
            arn: input.stream_arn.as_deref(),
            id: input.stream_id.as_deref(),
        })?;
        let planned = put::encode(&stream, &input.records.0, |index| {
            format!("records.{}.member.data", index + 1)
        })?;
        match input.dry_run {
            Some(true) => Err(Fault::DryRun),
            _ => Ok(planned),
        }
    }

    #[cold]
    fn prepare_slowly(&self) -> Result<Planned, Fault> {
        let value = checked(self.form, self.body, INPUT)?;
        self.prepare(&Input::deserialize(&value).map_err(malformed)?)
    }
}

/// A shard's part of the answer: the next record's number, and what stands behind each number.
struct Lane {
    number: Digits,
    rest: String,
}

fn render(planned: &Planned, appended: &[Appended]) -> Vec<u8> {
    const HEAD: &[u8] = br#"{"FailedRecordCount":0,"Records":["#;
    const FRONT: &[u8] = br#"{"SequenceNumber":""#;
    let mut lanes: Vec<Lane> = planned
        .shards
        .iter()
        .zip(appended)
        .map(|(shard, &Appended { first, arrival })| Lane {
            number: SequenceNumber::of(shard, first, arrival).digits(),
            rest: format!(r#"","ShardId":"{}"}},"#, shard.id()),
        })
        .collect();
    let each = FRONT.len() + millstream_core::sequence::DIGITS + 40;
    let mut out = Vec::with_capacity(HEAD.len() + planned.lane_of.len() * each + 2);
    out.extend_from_slice(HEAD);
    for &lane in &planned.lane_of {
        let lane = &mut lanes[lane as usize];
        out.extend_from_slice(FRONT);
        out.extend_from_slice(lane.number.as_bytes());
        out.extend_from_slice(lane.rest.as_bytes());
        lane.number.advance();
    }
    // The last record's comma.
    out.pop();
    out.extend_from_slice(b"]}");
    out
}
