//! Shard iterators: where a consumer goes on reading, as a text that it cannot make itself.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::token::TokenKey;
use crate::{
    catalog::Shard,
    limit,
    name::StreamName,
    port::Span,
    position::{Position, ShardNumber},
    sequence::{LAST_POSITION, SequenceNumber},
    time::Millis,
};

const PURPOSE: &str = "shard-iterator";

/// A place in a shard that was given out at some time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardIterator {
    /// The stream.
    #[serde(rename = "n")]
    pub stream: StreamName,
    /// The shard; its number keeps a stream apart from an older one of its name.
    #[serde(rename = "s")]
    pub shard: ShardNumber,
    /// The next record to read, or any later one.
    #[serde(rename = "p")]
    pub position: Position,
    /// When it was given out.
    #[serde(rename = "t")]
    pub created: Millis,
}

/// Why an iterator cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum IteratorError {
    /// It was not made here.
    #[error("the shard iterator is not one that was given out here")]
    Invalid,
    /// It is too old.
    #[error("the shard iterator of {created:?} has expired")]
    Expired {
        /// When it was given out.
        created: Millis,
    },
}

impl ShardIterator {
    /// The text to give out.
    #[must_use]
    pub fn seal(&self, key: &TokenKey) -> String {
        key.seal(PURPOSE, self)
    }

    /// Reads a text that was given out, with or without double quotes around it, as Kinesis does.
    ///
    /// # Errors
    /// When it was not made with `key`, or has expired at `now`.
    pub fn open(text: &str, key: &TokenKey, now: Millis) -> Result<Self, IteratorError> {
        let bare = text
            .strip_prefix('"')
            .and_then(|text| text.strip_suffix('"'))
            .unwrap_or(text);
        let iterator: Self = key.open(PURPOSE, bare).ok_or(IteratorError::Invalid)?;
        let created = iterator.created;
        if now.since(created) > limit::ITERATOR_LIFE_MS {
            return Err(IteratorError::Expired { created });
        }
        Ok(iterator)
    }
}

/// Why reading cannot begin at a sequence number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum StartError {
    /// It is no sequence number, or one that the shard has not given out yet.
    #[error("the sequence number is not one of the shard's")]
    Invalid,
    /// It is another shard's.
    #[error("the sequence number is one of shard {0}")]
    OtherShard(u32),
    /// It is from a shard of the same index in another stream.
    #[error("the sequence number is one of another stream")]
    OtherStream,
    /// It is the number that closed shards end with.
    #[error("the sequence number is the last one that is possible")]
    End,
}

/// The position of the record that `number` names in `shard`, at `now`.
///
/// # Errors
/// When the shard did not give that number out.
pub fn position_of(
    number: &str,
    shard: &Shard,
    span: Span,
    now: Millis,
) -> Result<Position, StartError> {
    let number = SequenceNumber::parse(number).map_err(|_| StartError::Invalid)?;
    place_of(number, shard, span, now)
}

/// As [`position_of`], of a number that was read already.
///
/// # Errors
/// When the shard did not give that number out.
pub fn place_of(
    number: SequenceNumber,
    shard: &Shard,
    span: Span,
    now: Millis,
) -> Result<Position, StartError> {
    if number.shard != shard.index {
        return Err(StartError::OtherShard(number.shard));
    }
    if number.created != shard.created.seconds() {
        return Err(StartError::OtherStream);
    }
    if number.position >= LAST_POSITION {
        return Err(StartError::End);
    }
    // A child's first number, and records from before the clock went back, are from the future too.
    let newest = now.max(span.last_arrival).max(shard.created);
    if number.arrival > newest.seconds() {
        return Err(StartError::Invalid);
    }
    if number.position >= span.next && number.position != Position::START {
        return Err(StartError::Invalid);
    }
    Ok(number.position)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Stream;

    const KEY: TokenKey = TokenKey([1; 32]);
    const NOW: Millis = Millis(1_700_000_009_000);

    fn iterator(name: &str) -> ShardIterator {
        ShardIterator {
            stream: name.try_into().unwrap(),
            shard: ShardNumber(u32::MAX),
            position: Position(u64::MAX),
            created: Millis(1_700_000_000_000),
        }
    }

    #[test]
    fn the_longest_iterator_is_as_long_as_kinesis_allows() {
        let text = iterator(&"x".repeat(128)).seal(&KEY);
        assert!(text.len() <= 510, "{}", text.len());
    }

    #[test]
    fn lives_for_five_minutes_to_the_millisecond() {
        let made = iterator("s");
        let text = made.seal(&KEY);
        let created = made.created;
        let end = created.plus(limit::ITERATOR_LIFE_MS);
        assert_eq!(ShardIterator::open(&text, &KEY, end), Ok(made));
        let expired = Err(IteratorError::Expired { created });
        assert_eq!(ShardIterator::open(&text, &KEY, end.plus(1)), expired);
    }

    #[test]
    fn survives_a_clock_that_goes_back() {
        let text = iterator("s").seal(&KEY);
        assert!(ShardIterator::open(&text, &KEY, Millis(0)).is_ok());
    }

    #[test]
    fn may_be_wrapped_in_quotes_but_not_in_half_of_them() {
        let text = iterator("s").seal(&KEY);
        let now = Millis(1_700_000_000_000);
        let quoted = format!("\"{text}\"");
        assert!(ShardIterator::open(&quoted, &KEY, now).is_ok());
        for bad in [&quoted[1..], &quoted[..quoted.len() - 1], "\"", "\"\"", ""] {
            let opened = ShardIterator::open(bad, &KEY, now);
            assert_eq!(opened, Err(IteratorError::Invalid), "{bad}");
        }
    }

    fn shards() -> Vec<Shard> {
        let created = Millis(1_700_000_000_000);
        Stream::new("s".try_into().unwrap(), 2, ShardNumber(4), created).shards
    }

    fn span(next: Position) -> Span {
        Span {
            first: Position::START,
            next,
            last_arrival: Millis(0),
        }
    }

    #[test]
    fn takes_the_numbers_that_the_shard_has_given_out() {
        let shard = &shards()[1];
        let next = Position::new(3, 10);
        let of = |position| SequenceNumber::of(shard, position, Millis(0)).to_string();
        let at = |position| position_of(&of(position), shard, span(next), NOW);
        for known in [Position::START, Position::new(1, 99), Position::new(3, 9)] {
            assert_eq!(at(known), Ok(known));
        }
        assert_eq!(at(next), Err(StartError::Invalid));
        let last = SequenceNumber::last(shard).to_string();
        assert_eq!(
            position_of(&last, shard, span(next), NOW),
            Err(StartError::End)
        );
    }

    #[test]
    fn refuses_numbers_from_the_future() {
        let shard = &shards()[1];
        let at = |arrival, span| {
            let number = SequenceNumber::of(shard, Position::new(1, 5), arrival);
            place_of(number, shard, span, NOW)
        };
        let held = span(Position::new(3, 10));
        assert!(at(NOW, held).is_ok());
        assert_eq!(at(NOW.plus(1000), held), Err(StartError::Invalid));
        // The clock went back since.
        let last_arrival = NOW.plus(1000);
        let ahead = Span {
            last_arrival,
            ..held
        };
        assert!(at(last_arrival, ahead).is_ok());
        // Children may begin in a second that is yet to come.
        let first = SequenceNumber::first(shard).to_string();
        assert!(position_of(&first, shard, held, Millis(0)).is_ok());
    }

    #[test]
    fn a_shard_without_records_knows_its_first_number_only() {
        let shard = &shards()[0];
        let first = SequenceNumber::first(shard).to_string();
        let start = position_of(&first, shard, span(Position::START), NOW);
        assert_eq!(start, Ok(Position::START));
        let none = position_of("1", shard, span(Position::START), NOW);
        assert_eq!(none, Err(StartError::Invalid));
    }

    #[test]
    fn refuses_numbers_of_other_shards_and_streams() {
        let shards = shards();
        let first = SequenceNumber::first(&shards[0]).to_string();
        let next = span(Position::new(1, 1));
        let other = position_of(&first, &shards[1], next, NOW);
        assert_eq!(other, Err(StartError::OtherShard(0)));
        let mut reborn = shards[0].clone();
        reborn.created = reborn.created.plus(1000);
        let other = position_of(&first, &reborn, next, NOW);
        assert_eq!(other, Err(StartError::OtherStream));
    }
}
