//! What a dry run shows: everything that a batch would have changed.

use bytes::Bytes;
use millstream_core::{
    batch::Output,
    journal::{RequestId, line::level},
    name::{FunctionName, StreamName},
    port::{Disposition, GuestError, Invoked, LogLine, RecordFailure, Verdict},
};
use serde::Serialize;

use crate::native::datum::Datum;

#[derive(Serialize)]
pub(super) struct Answer<'a> {
    function: &'a FunctionName,
    version: u64,
    request_id: String,
    outputs: Vec<OutputView<'a>>,
    state: Vec<StateView<'a>>,
    failures: Vec<FailureView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<Datum<'a>>,
    error: Option<&'a GuestError>,
    logs: Vec<LogView<'a>>,
    logs_dropped: u64,
    memory_bytes: u64,
    time_us: u64,
}

#[derive(Serialize)]
struct OutputView<'a> {
    stream: &'a StreamName,
    records: Vec<RecordView<'a>>,
}

#[derive(Serialize)]
struct RecordView<'a> {
    partition_key: &'a str,
    #[serde(flatten)]
    datum: Datum<'a>,
}

#[derive(Serialize)]
struct StateView<'a> {
    key: &'a str,
    #[serde(flatten)]
    change: Written<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Written<'a> {
    Value(Datum<'a>),
    Deleted { deleted: bool },
}

#[derive(Serialize)]
struct FailureView<'a> {
    index: u32,
    disposition: &'static str,
    reason: &'a str,
}

#[derive(Serialize)]
struct LogView<'a> {
    level: &'static str,
    message: &'a str,
}

impl<'a> Answer<'a> {
    pub(super) fn of(
        function: &'a FunctionName,
        version: u64,
        request: RequestId,
        invoked: &'a Invoked,
    ) -> Self {
        let Invoked {
            result,
            answer,
            logs,
            logs_dropped,
            usage,
        } = invoked;
        let verdict = result.as_ref().ok();
        let all = |verdict: &'a Verdict| {
            let Verdict {
                outputs,
                writes,
                failures,
                window_state: _,
            } = verdict;
            (
                outputs.iter().map(output_view).collect(),
                writes.iter().map(state_view).collect(),
                failures.iter().map(failure_view).collect(),
            )
        };
        let (outputs, state, failures) = verdict.map(all).unwrap_or_default();
        Self {
            function,
            version,
            request_id: request.to_string(),
            outputs,
            state,
            failures,
            answer: answer.as_ref().map(|answer| Datum::of(answer)),
            error: result.as_ref().err(),
            logs: logs.iter().map(log_view).collect(),
            logs_dropped: *logs_dropped,
            memory_bytes: usage.memory_bytes,
            time_us: usage.time_us,
        }
    }
}

fn output_view(output: &Output) -> OutputView<'_> {
    let record = |i| RecordView {
        partition_key: output.block.key(i),
        datum: Datum::of(output.block.datum(i)),
    };
    OutputView {
        stream: &output.stream,
        records: (0..output.block.len()).map(record).collect(),
    }
}

fn state_view<'a>((key, value): (&'a String, &'a Option<Bytes>)) -> StateView<'a> {
    let change = match value {
        Some(value) => Written::Value(Datum::of(value)),
        None => Written::Deleted { deleted: true },
    };
    StateView { key, change }
}

fn failure_view(failure: &RecordFailure) -> FailureView<'_> {
    FailureView {
        index: failure.index,
        disposition: match failure.disposition {
            Disposition::Retry => "retry",
            Disposition::Reject => "reject",
        },
        reason: &failure.reason,
    }
}

fn log_view(line: &LogLine) -> LogView<'_> {
    LogView {
        level: level(line.level),
        message: &line.message,
    }
}
