//! The failure record, in AWS's shape: which records were given up and why, without the records.

use jiff::Timestamp;
use serde::Serialize;

use crate::{
    batch::Columns,
    catalog::{Function, Qualifier, function::qualifier::LATEST},
    event::Event,
    time::Millis,
    trigger::{
        batch::{Batch, Record},
        discard::{Discards, Reason},
        effect::Lane,
    },
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure<'a> {
    request_context: RequestContext,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_context: Option<ResponseContext>,
    version: &'static str,
    timestamp: String,
    #[serde(rename = "KinesisBatchInfo")]
    batch: BatchInfo<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext {
    request_id: String,
    function_arn: String,
    condition: Reason,
    approximate_invoke_count: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResponseContext {
    status_code: u16,
    executed_version: String,
    function_error: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BatchInfo<'a> {
    shard_id: &'a str,
    start_sequence_number: &'a str,
    end_sequence_number: &'a str,
    approximate_arrival_of_first_record: String,
    approximate_arrival_of_last_record: String,
    batch_size: usize,
    stream_arn: &'a str,
}

/// Records of a batch that one failure record tells of.
#[derive(Debug)]
pub(super) struct Run<'a> {
    pub(super) first: Record<'a>,
    pub(super) last: Record<'a>,
    pub(super) records: Vec<Record<'a>>,
}

impl<'a> Run<'a> {
    /// Of records that are in order; nothing of none.
    pub(super) fn of(records: Vec<Record<'a>>) -> Option<Self> {
        Some(Self {
            first: *records.first()?,
            last: *records.last()?,
            records,
        })
    }
}

/// The failure record of `run`, as JSON; with the event that the function was called with, or would
/// have been, where `with_payload`.
pub(super) fn render(
    discards: &Discards,
    lane: &Lane,
    function: Option<&Function>,
    run: &Run<'_>,
    with_payload: bool,
) -> String {
    let origin = &lane.origin;
    let number = |record: &Record<'_>| origin.number(record.position, record.arrival).to_string();
    let (first, last) = (number(&run.first), number(&run.last));
    let payload = with_payload.then(|| payload(discards, lane, run));
    let settings = &lane.trigger.settings;
    let failure = Failure {
        request_context: RequestContext {
            request_id: lane.request(&discards.batch, discards.attempts).to_string(),
            function_arn: origin.function_arn(&settings.function, settings.qualifier.as_ref()),
            condition: discards.reason,
            // As AWS counts, also where the function was never called.
            approximate_invoke_count: discards.attempts.max(1),
        },
        response_context: was_answered(discards.reason).then(|| ResponseContext {
            status_code: 200,
            executed_version: executed(lane, function, &discards.batch),
            function_error: (!discards.reported).then_some("Unhandled"),
        }),
        version: "1.0",
        timestamp: moment(discards.failed),
        batch: BatchInfo {
            shard_id: origin.shard_id(),
            start_sequence_number: &first,
            end_sequence_number: &last,
            approximate_arrival_of_first_record: moment(run.first.arrival),
            approximate_arrival_of_last_record: moment(run.last.arrival),
            batch_size: run.records.len(),
            stream_arn: origin.stream_arn(),
        },
        payload: payload.as_deref(),
    };
    serde_json::to_string(&failure).expect("text and numbers always encode into memory")
}

/// Whether the records are given up for what a call came to.
fn was_answered(reason: Reason) -> bool {
    match reason {
        Reason::RetryAttemptsExhausted | Reason::Rejected => true,
        Reason::RecordAgeExceeded | Reason::PayloadLimitExceeded => false,
    }
}

/// The version that was called, as Lambda numbers it.
fn executed(lane: &Lane, function: Option<&Function>, batch: &Batch) -> String {
    let called = lane.version_for(batch);
    let mut published = function
        .into_iter()
        .flat_map(|function| &function.published);
    match &lane.trigger.settings.qualifier {
        None | Some(Qualifier::Latest) => LATEST.to_owned(),
        Some(Qualifier::Number(number)) => number.to_string(),
        Some(Qualifier::Alias(_)) => published
            .find(|(_, version)| Some(version.version) == called)
            .map_or_else(|| LATEST.to_owned(), |(number, _)| number.to_string()),
    }
}

fn payload(discards: &Discards, lane: &Lane, run: &Run<'_>) -> String {
    let columns = columns(&run.records);
    let event = Event {
        origin: &lane.origin,
        columns: &columns,
        window: discards.batch.window(),
    };
    String::from_utf8(event.write()).expect("an event is made of text")
}

/// The records as they lie in the stream: also those that the function gets unpacked.
fn columns(records: &[Record<'_>]) -> Columns {
    let mut columns = Columns::default();
    for record in records {
        columns.positions.push(record.position.0);
        columns.arrival_ms.push(record.arrival.0);
        columns.keys.extend_from_slice(record.key.as_bytes());
        columns.data.extend_from_slice(record.data);
        // Both fit: a batch is bounded by `limit::BATCH_BYTES` and one record.
        columns.key_ends.push(columns.keys.len() as u32);
        columns.data_ends.push(columns.data.len() as u32);
    }
    columns
}

/// As in `2022-07-13T13:48:01.123Z`.
fn moment(Millis(ms): Millis) -> String {
    let ms = i64::try_from(ms).unwrap_or(i64::MAX);
    let moment = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX);
    format!("{moment:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_have_three_places() {
        assert_eq!(moment(Millis(0)), "1970-01-01T00:00:00.000Z");
        assert_eq!(
            moment(Millis(1_657_720_081_120)),
            "2022-07-13T13:48:01.120Z"
        );
        assert_eq!(
            moment(Millis(1_657_720_081_999)),
            "2022-07-13T13:48:01.999Z"
        );
        assert!(moment(Millis(u64::MAX)).starts_with("9999-"));
    }
}
