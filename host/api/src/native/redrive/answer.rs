//! What a step of a redrive came to, as it is shown.

use millstream_core::{
    name::StreamName, port::redrive::Redriven, time::Millis, trigger::redrive::Letter,
};
use serde::Serialize;

use crate::native::{
    datum::Datum,
    error::{ErrorBody, NativeError},
};

#[derive(Serialize)]
pub(super) struct Answer<'a> {
    letters: &'a StreamName,
    read: u64,
    selected: u64,
    redriven: u64,
    redriven_before: u64,
    failed: u64,
    failures: Vec<LetterView<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    shown: Vec<LetterView<'a>>,
    cursor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped: Option<ErrorBody>,
}

#[derive(Serialize)]
struct LetterView<'a> {
    shard_id: &'a str,
    sequence_number: &'a str,
    partition_key: &'a str,
    reason: &'a str,
    error: &'a str,
    attempts: u32,
    failed_ms: Millis,
    #[serde(flatten)]
    datum: Option<Datum<'a>>,
}

/// Data of a letter that is shown at most; the stream of letters has all of it.
const DATA_BYTES: usize = 4096;

impl<'a> Answer<'a> {
    pub(super) fn of(done: &'a Redriven) -> Self {
        let Redriven {
            letters,
            read,
            selected,
            redriven,
            before,
            failed,
            shown,
            cursor,
            stopped,
        } = done;
        let failures = failed.iter();
        Self {
            letters,
            read: *read,
            selected: *selected,
            redriven: *redriven,
            redriven_before: *before,
            failed: failed.len() as u64,
            // What the function said now counts, not what it said then.
            failures: failures.map(|(letter, why)| view(letter, why)).collect(),
            shown: shown
                .iter()
                .map(|letter| view(letter, &letter.error))
                .collect(),
            cursor: cursor.as_ref().map(ToString::to_string),
            stopped: stopped
                .as_ref()
                .map(|error| NativeError::from(error.clone()).body()),
        }
    }
}

fn view<'a>(letter: &'a Letter, error: &'a str) -> LetterView<'a> {
    LetterView {
        shard_id: &letter.shard_id,
        sequence_number: &letter.sequence_number,
        partition_key: &letter.partition_key,
        reason: &letter.reason,
        error,
        attempts: letter.attempts,
        failed_ms: letter.failed,
        datum: (letter.data.len() <= DATA_BYTES).then(|| Datum::of(&letter.data)),
    }
}
