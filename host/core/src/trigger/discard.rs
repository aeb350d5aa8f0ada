//! Dead letters: a record that is given up, with why, as JSON that a person or a redrive can read.

use std::sync::Arc;

use serde::Serialize;

use super::{
    batch::{Batch, Record},
    effect::Lane,
};
use crate::{
    block::{Block, BlockBuilder},
    sequence::SequenceNumber,
    time::Millis,
};

/// Why a record was given up. The first two are Lambda's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Reason {
    /// The function failed it as often as it may be tried.
    RetryAttemptsExhausted,
    /// It waited longer than it may.
    RecordAgeExceeded,
    /// With nothing else it would be more than an event holds. Ours: Lambda tells of no such name.
    PayloadLimitExceeded,
    /// The function said that trying again is of no use.
    Rejected,
}

/// Records of a batch that are given up together.
#[derive(Debug, Clone)]
pub struct Discards {
    /// The batch that they are in.
    pub batch: Arc<Batch>,
    /// Which of its records, in rising order, and what the function said of each.
    pub records: Vec<(usize, Arc<str>)>,
    /// Why they are given up.
    pub reason: Reason,
    /// How often the batch was tried.
    pub attempts: u32,
    /// Whether the function came to its end the last time, and said itself what failed.
    pub reported: bool,
    /// When that was decided.
    pub failed: Millis,
}

#[derive(Serialize)]
struct Letter<'a> {
    reason: Reason,
    error: &'a str,
    attempts: u32,
    trigger: &'a str,
    function: &'a str,
    function_version: Option<u64>,
    stream: &'a str,
    shard_id: String,
    sequence_number: String,
    partition_key: &'a str,
    arrival_ms: u64,
    failed_ms: u64,
    #[serde(flatten)]
    data: Data<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Data<'a> {
    Text(&'a str),
    Data(String),
}

impl Discards {
    /// The letters, each under its record's own key; none where nothing is given up.
    #[must_use]
    pub fn letters(&self, lane: &Lane) -> Option<Block> {
        let mut letters = BlockBuilder::default();
        let mut wanted = self.records.iter().peekable();
        for (index, record) in self.batch.iter().enumerate() {
            let Some((_, error)) = wanted.next_if(|(at, _)| *at == index) else {
                if wanted.peek().is_none() {
                    break;
                }
                continue;
            };
            let letter = self.letter(lane, &record, error);
            letters
                .push_with(record.key, |data| serde_json::to_writer(data, &letter))
                .expect("text and numbers always encode into memory");
        }
        assert!(
            wanted.next().is_none(),
            "discards are in order and of their batch"
        );
        letters.finish()
    }

    fn letter<'a>(&self, lane: &'a Lane, record: &Record<'a>, error: &'a str) -> Letter<'a> {
        let settings = &lane.trigger.settings;
        Letter {
            reason: self.reason,
            error,
            attempts: self.attempts,
            trigger: lane.trigger.name.as_str(),
            function: settings.function.as_str(),
            function_version: lane.version_for(&self.batch),
            stream: settings.stream.as_str(),
            shard_id: lane.shard.id(),
            sequence_number: SequenceNumber::of(&lane.shard, record.position, record.arrival)
                .to_string(),
            partition_key: record.key,
            arrival_ms: record.arrival.0,
            failed_ms: self.failed.0,
            data: match std::str::from_utf8(record.data) {
                Ok(text) => Data::Text(text),
                Err(_) => Data::Data(base64_simd::STANDARD.encode_to_string(record.data)),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        block::Slice,
        catalog::{Stream, Trigger},
        event::{Identity, Origin},
        position::{Position, ShardNumber},
    };

    fn lane() -> Lane {
        let trigger: Trigger = serde_json::from_value(json!({
            "name": "t", "id": 1, "created": 0, "updated": 0, "starts": {},
            "settings": {"stream": "s", "function": "f", "starting_position": "LATEST"},
        }))
        .unwrap();
        let stream = Stream::new("s".try_into().unwrap(), 1, ShardNumber(3), Millis(5_000));
        let (function, shard) = (&trigger.settings.function, &stream.shards[0]);
        let origin = Origin::new(&Identity::default(), &stream.name, function, shard);
        Lane {
            origin: Arc::new(origin),
            trigger: Arc::new(trigger),
            function_version: Some(9),
            shifted: None,
            shard: stream.shards[0].clone(),
            share: crate::trigger::Share::WHOLE,
        }
    }

    fn discards(records: &[usize]) -> Discards {
        let mut builder = BlockBuilder::default();
        builder.push("a", b"one");
        builder.push("b", b"\xff");
        builder.push("c", b"three");
        let slice = Slice {
            block: builder.finish().unwrap(),
            range: 0..3,
            base: Position(70),
            arrival: Millis(6_000),
        };
        let mut batch = Batch::default();
        let room = super::super::batch::Room {
            records: 9,
            bytes: 99,
            end: None,
            windows: None,
        };
        batch.take(vec![slice], &room);
        Discards {
            batch: Arc::new(batch),
            records: records
                .iter()
                .map(|&i| (i, format!("no {i}").into()))
                .collect(),
            reason: Reason::Rejected,
            attempts: 2,
            reported: true,
            failed: Millis(7_000),
        }
    }

    #[test]
    fn a_letter_holds_the_record_and_says_why() {
        let lane = lane();
        let letters = discards(&[0, 1]).letters(&lane).unwrap();
        assert_eq!(
            (letters.len(), letters.key(0), letters.key(1)),
            (2, "a", "b")
        );
        let number = SequenceNumber::of(&lane.shard, Position(70), Millis(6_000)).to_string();
        let letter: Value = serde_json::from_slice(letters.datum(0)).unwrap();
        let expected = json!({
            "reason": "Rejected", "error": "no 0", "attempts": 2, "trigger": "t", "function": "f",
            "function_version": 9, "stream": "s", "shard_id": "shardId-000000000000",
            "sequence_number": number, "partition_key": "a", "arrival_ms": 6_000,
            "failed_ms": 7_000, "text": "one",
        });
        assert_eq!(letter, expected);
        let letter: Value = serde_json::from_slice(letters.datum(1)).unwrap();
        assert_eq!(
            (&letter["data"], letter.get("text")),
            (&json!("/w=="), None)
        );
    }

    #[test]
    fn only_the_named_records_become_letters() {
        let letters = discards(&[2]).letters(&lane()).unwrap();
        assert_eq!((letters.len(), letters.key(0)), (1, "c"));
        assert!(discards(&[]).letters(&lane()).is_none());
    }
}
