//! UpdateMaxRecordSize: how large a record may be, with its key.

use millstream_core::{catalog::stream::Setting, limit};
use serde::Deserialize;

use super::change;
use crate::{
    error::Fault,
    kinesis::call::{Call, Which},
    wire::{
        answer::Answer,
        schema::{self, Kind, Member},
    },
};

const INPUT: &[Member] = &[
    schema::STREAM_ARN,
    schema::STREAM_ID,
    Member::new(
        "MaxRecordSizeInKiB",
        Kind::Integer {
            min: *limit::RECORD_KIB.start() as i64,
            max: *limit::RECORD_KIB.end() as i64,
        },
    )
    .required(),
];

#[derive(Deserialize)]
struct Input {
    #[serde(flatten)]
    which: Which,
    #[serde(rename = "MaxRecordSizeInKiB")]
    kib: u32,
}

pub(in crate::kinesis) async fn answer(call: &Call<'_>) -> Result<Answer, Fault> {
    let Input { which, kib } = call.input(INPUT)?;
    change(call, &which, Setting::RecordKib(kib)).await?;
    Ok(Answer::empty())
}
