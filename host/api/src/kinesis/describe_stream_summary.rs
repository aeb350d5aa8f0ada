//! DescribeStreamSummary: a stream without its shards.

use millstream_core::limit;
use serde::{Deserialize, Serialize};

use super::{Kinesis, describe_stream::Common, json};
use crate::{
    error::Fault,
    wire::{
        decode::decode,
        schema::{self, Member},
    },
};

const INPUT: &[Member] = &[schema::STREAM_NAME, schema::STREAM_ARN];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    stream_name: Option<String>,
    #[serde(rename = "StreamARN")]
    stream_arn: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output<'a> {
    stream_description_summary: Summary<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Summary<'a> {
    #[serde(flatten)]
    common: Common<'a>,
    open_shard_count: usize,
    consumer_count: usize,
    #[serde(rename = "MaxRecordSizeInKiB")]
    max_record_size_in_kib: usize,
}

pub(super) fn answer(kinesis: &Kinesis, body: &[u8]) -> Result<Vec<u8>, Fault> {
    let input: Input = decode(body, INPUT)?;
    let stream = kinesis.stream(input.stream_name.as_deref(), input.stream_arn.as_deref())?;
    Ok(json(&Output {
        stream_description_summary: Summary {
            common: Common::new(kinesis, &stream),
            open_shard_count: stream.open_shards().count(),
            consumer_count: 0,
            max_record_size_in_kib: limit::RECORD_BYTES / 1024,
        },
    }))
}
