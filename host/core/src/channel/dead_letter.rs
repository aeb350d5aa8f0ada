//! Dead letters of a channel: a record that cannot be delivered, with why, as a line of JSON.

use serde::Serialize;

use super::record::{Source, Undeliverable};
use crate::{block::Slice, sequence::SequenceNumber};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Letter<'a> {
    channel_name: &'a str,
    channel_id: &'a str,
    stream_name: &'a str,
    shard_id: String,
    sequence_number: String,
    partition_key: &'a str,
    arrival_timestamp: u64,
    error_code: &'static str,
    error_message: String,
    /// The record's data in base64.
    raw_data: String,
}

/// Adds the letter of record `index` of `slice`'s block to `lines`.
pub(super) fn write(
    slice: &Slice,
    index: u32,
    reason: &Undeliverable,
    source: &Source<'_>,
    lines: &mut Vec<u8>,
) {
    let position = slice.base.plus(index.into());
    let letter = Letter {
        channel_name: source.channel,
        channel_id: source.channel_id,
        stream_name: source.stream,
        shard_id: source.shard.id(),
        sequence_number: SequenceNumber::of(source.shard, position, slice.arrival).to_string(),
        partition_key: slice.block.key(index),
        arrival_timestamp: slice.arrival.0,
        error_code: match reason {
            Undeliverable::NotText(_) => "InvalidUtf8",
            Undeliverable::NotJson(_) => "InvalidJson",
        },
        error_message: reason.to_string(),
        raw_data: base64_simd::STANDARD.encode_to_string(slice.block.datum(index)),
    };
    serde_json::to_writer(&mut *lines, &letter)
        .expect("text and numbers always encode into memory");
    lines.push(b'\n');
}

/// Where a channel's dead letters go when nothing else is said.
#[must_use]
pub fn default_prefix(channel: &str, channel_id: &str) -> String {
    format!("kinesis-channel/errors/{channel}/{channel_id}/")
}
