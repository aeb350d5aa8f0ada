//! What a function's answer to an event says: which of its records failed, and the state of a window.
//!
//! Lambda's rules, as `host/docs/TRIGGERS.md` has them: an answer that names no record is a success,
//! one that names a record that is not there fails the batch.

mod put;

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;
use thiserror::Error;

use super::origin::Origin;
use crate::{
    batch::Columns,
    limit,
    port::{Disposition, GuestError, RecordFailure, Verdict},
    position::Position,
    sequence::SequenceNumber,
    time::Millis,
};

/// What a dead letter says of a record that was reported.
const REPORTED: &str = "the function reported the record in batchItemFailures";

/// The longest state that is handed on: beside it an event holds its other members, and no record.
const STATE_BYTES: usize = limit::EVENT_BYTES - 4096;

/// Why an answer fails the batch as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidAnswerError {
    /// It is no JSON.
    #[error("the answer is not JSON: {0}")]
    NotJson(String),
    /// What should list the failed records does not.
    #[error("batchItemFailures of the answer is no list of objects with an itemIdentifier: {0}")]
    NotAList(String),
    /// A failure that does not say of which record.
    #[error("batchItemFailures[{0}] of the answer has no itemIdentifier that is a text")]
    NoIdentifier(usize),
    /// A failure of a record that the function was not given.
    #[error("batchItemFailures of the answer names `{0}`, which is no record of the batch")]
    NotInBatch(String),
    /// Records for streams that are none.
    #[error("putRecords of the answer is no list of PutRecords requests: {0}")]
    NoPuts(String),
    /// A window's answer without a state.
    #[error("the answer has no `state` that is an object, as one to a window must have")]
    NoState,
    /// A window's answer with a state that no event has room for.
    #[error("the answer's `state` has {0} bytes; an event has room for {most}", most = STATE_BYTES)]
    StateTooLarge(usize),
}

impl From<InvalidAnswerError> for GuestError {
    fn from(error: InvalidAnswerError) -> Self {
        Self::Invalid {
            message: error.to_string(),
        }
    }
}

/// The members that mean something; where the answer is another value than an object, none.
#[derive(Debug, Default, Deserialize)]
struct Members<'a> {
    #[serde(borrow, default, rename = "batchItemFailures")]
    failures: Option<&'a RawValue>,
    #[serde(borrow, default)]
    state: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "putRecords")]
    puts: Option<&'a RawValue>,
}

fn members(answer: &[u8]) -> Result<Members<'_>, InvalidAnswerError> {
    let not_json = |error: &dyn fmt::Display| InvalidAnswerError::NotJson(error.to_string());
    let answer = std::str::from_utf8(answer).map_err(|error| not_json(&error))?;
    let answer = answer.trim_ascii();
    if answer.is_empty() {
        return Ok(Members::default());
    }
    if !answer.starts_with('{') {
        return serde_json::from_str::<&RawValue>(answer)
            .map(|_| Members::default())
            .map_err(|error| not_json(&error));
    }
    serde_json::from_str(answer).map_err(|error| not_json(&error))
}

/// The first record of `columns` that the answer reports as failed; none where all are done. All
/// records from it on are to be tried again.
///
/// # Errors
/// When the answer fails the batch as a whole.
pub fn first_failed(
    answer: &[u8],
    origin: &Origin,
    columns: &Columns,
) -> Result<Option<usize>, InvalidAnswerError> {
    let Some(failures) = members(answer)?.failures else {
        return Ok(None);
    };
    if failures.get() == "null" {
        return Ok(None);
    }
    let mut list = serde_json::Deserializer::from_str(failures.get());
    let lowest = Lowest { origin, columns };
    list.deserialize_seq(lowest)
        .unwrap_or_else(|error| Err(InvalidAnswerError::NotAList(error.to_string())))
}

/// What an answer says of its batch: records for streams, as long as it is JSON; which records failed,
/// where `reports`, which is what `ReportBatchItemFailures` sets; and the state of the window where the
/// batch is one of a window.
///
/// # Errors
/// When the answer fails the batch as a whole.
pub fn verdict(
    answer: &[u8],
    reports: bool,
    is_windowed: bool,
    origin: &Origin,
    columns: &Columns,
) -> Result<Verdict, InvalidAnswerError> {
    let failed = match reports {
        true => first_failed(answer, origin, columns)?,
        false => None,
    };
    // Where nothing is to be said, anything may be answered.
    let outputs = members(answer).map_or(Ok(Vec::new()), |said| put::outputs(said.puts))?;
    let failure = |index: usize| RecordFailure {
        index: u32::try_from(index).expect("a batch has at most ten thousand records"),
        disposition: Disposition::Retry,
        reason: REPORTED.to_owned(),
    };
    let window_state = match is_windowed {
        true => Some(state(answer)?.into()),
        false => None,
    };
    Ok(Verdict {
        failures: failed.into_iter().map(failure).collect(),
        outputs,
        window_state,
        ..Verdict::default()
    })
}

/// The state that an answer gives to the next call of its window, as JSON.
///
/// # Errors
/// When there is none, or one that is longer than any event, which is a failure of the call.
pub fn state(answer: &[u8]) -> Result<&str, InvalidAnswerError> {
    let state = members(answer)?.state.map(RawValue::get);
    let state = state.filter(|state| state.starts_with('{'));
    let state = state.ok_or(InvalidAnswerError::NoState)?;
    match state.len() {
        bytes if bytes > STATE_BYTES => Err(InvalidAnswerError::StateTooLarge(bytes)),
        _ => Ok(state),
    }
}

/// Goes through the list without keeping it: an answer of 6 MB may hold a million entries.
struct Lowest<'a> {
    origin: &'a Origin,
    columns: &'a Columns,
}

impl<'de> Visitor<'de> for Lowest<'_> {
    type Value = Result<Option<usize>, InvalidAnswerError>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut lowest: Option<usize> = None;
        let mut invalid = None;
        let mut at = 0;
        while let Some(Item(identifier)) = list.next_element()? {
            match identifier {
                Some(identifier) => match find(&identifier, self.origin, self.columns) {
                    Some(index) => lowest = Some(lowest.map_or(index, |known| known.min(index))),
                    None => {
                        let name = shortened(&identifier);
                        invalid.get_or_insert(InvalidAnswerError::NotInBatch(name));
                    }
                },
                None => {
                    invalid.get_or_insert(InvalidAnswerError::NoIdentifier(at));
                }
            }
            at += 1;
        }
        Ok(invalid.map_or(Ok(lowest), Err))
    }
}

/// The identifier of one entry, where it is a text.
struct Item<'a>(Option<Cow<'a, str>>);

impl<'de: 'a, 'a> Deserialize<'de> for Item<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // By a visitor of its own, since a derived one would take a list for an object.
        deserializer.deserialize_map(ItemVisitor).map(Self)
    }
}

struct ItemVisitor;

impl<'de> Visitor<'de> for ItemVisitor {
    type Value = Option<Cow<'de, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
        let mut identifier = None;
        while let Some((Text(key), value)) = object.next_entry::<Text<'de>, &RawValue>()? {
            if key == "itemIdentifier" {
                let text = serde_json::from_str::<Text<'de>>(value.get());
                identifier = text.ok().map(|Text(text)| text);
            }
        }
        Ok(identifier)
    }
}

/// A text that is borrowed where nothing in it is escaped.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// Which record has this number; of several that were one record, the first.
fn find(identifier: &str, origin: &Origin, columns: &Columns) -> Option<usize> {
    let number = SequenceNumber::parse(identifier).ok()?;
    let Position(position) = number.position;
    let index = columns.positions.partition_point(|&at| at < position);
    let (at, arrival) = (
        columns.positions.get(index)?,
        columns.arrival_ms.get(index)?,
    );
    let same = *at == position && origin.number(Position(*at), Millis(*arrival)) == number;
    same.then_some(index)
}

/// As much of what a function said as a message holds.
fn shortened(text: &str) -> String {
    let most = limit::ERROR_BYTES / 8;
    text[..text.floor_char_boundary(most)].to_owned()
}

#[cfg(test)]
mod tests;
