//! Receiving, as it is for records and for dead letters.

use millstream_core::{
    catalog::{Status, trigger::Seconds},
    limit,
    port::{Handed, Receive},
    read::token::TokenKey,
};
use serde::{Deserialize, Serialize};

use super::members;
use crate::{
    error::Fault,
    kinesis::{call::Call, records},
    wire::{
        answer::{Answer, Shared},
        schema::{Kind, Member},
    },
};

const INPUT: &[Member] = &[
    members::QUEUE_ARN,
    Member::new("Limit", Kind::Integer { min: 1, max: 10 }),
    Member::new("WaitTimeSeconds", Kind::Integer { min: 1, max: 20 }),
    members::VISIBILITY,
];
/// Bytes of a record's answer beside its data and key, at most.
const OVERHEAD: usize = 512;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    #[serde(rename = "QueueARN")]
    queue_arn: String,
    limit: Option<usize>,
    wait_time_seconds: Option<u64>,
    visibility_timeout_seconds: Option<u32>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output<'a> {
    queue_records: Vec<Record<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Record<'a> {
    receipt_handle: String,
    record_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    partition_key: Option<&'a str>,
    data: String,
    approximate_arrival_timestamp: Seconds,
    first_receive_timestamp: Seconds,
    receive_count: u32,
}

pub(super) async fn answer(call: &Call<'_>, dead: bool) -> Result<Answer, Fault> {
    let input: Input = call.input(INPUT)?;
    let queue = call.queue(&input.queue_arn)?;
    match queue.status(call.now()) {
        Status::Active | Status::Updating => {}
        Status::Creating => {
            return Err(Fault::Argument(format!(
                "Queue {} under account {} not ACTIVE, instead in state CREATING",
                queue.name.name(),
                call.caller.account
            )));
        }
        Status::Deleting => return Err(call.no_queue(queue.name.name())),
    }
    let key = call.kinesis.token_key().await?;
    let wait = input.wait_time_seconds;
    let hidden = input.visibility_timeout_seconds;
    let receive = Receive {
        records: input.limit.unwrap_or(limit::RECEIVE_RECORDS),
        wait_ms: wait.unwrap_or(limit::RECEIVE_WAIT_DEFAULT_SECONDS) * 1000,
        hidden_ms: u64::from(hidden.unwrap_or(queue.attributes.visibility_seconds)) * 1000,
        dead,
    };
    let handed = call.kinesis.app.queues.receive(queue, receive).await?;
    let sizes = handed.iter().map(|h| h.slice.payload() * 4 / 3 + OVERHEAD);
    let share = call.kinesis.admission.room(sizes.sum()).await?;
    let output = Output {
        queue_records: handed.iter().map(|handed| record(handed, key)).collect(),
    };
    let bytes = call.form.render(&output);
    Ok(Answer::Shared(Shared { bytes, share }))
}

fn record<'a>(handed: &'a Handed, key: &TokenKey) -> Record<'a> {
    let Handed {
        receipt,
        entry,
        slice,
    } = handed;
    let at = slice.range.start;
    let place = receipt.place;
    Record {
        receipt_handle: receipt.seal(key),
        // A shard has its number in all of the cell, so every queue says the same.
        record_id: format!("{:08x}{:016x}", place.shard.0, place.position.0),
        partition_key: records::key(&slice.block, at),
        data: base64_simd::STANDARD.encode_to_string(slice.block.datum(at)),
        approximate_arrival_timestamp: Seconds(slice.arrival),
        first_receive_timestamp: Seconds(entry.first),
        receive_count: entry.received,
    }
}
