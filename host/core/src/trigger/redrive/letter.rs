//! A dead letter, read back: what [`crate::trigger::discard`] wrote.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    block::{Block, BlockBuilder, Slice},
    position::Position,
    sequence::SequenceNumber,
    time::Millis,
};

/// A record that was given up, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Why, in one word.
    pub reason: String,
    /// What the function said.
    pub error: String,
    /// How often it was tried.
    pub attempts: u32,
    /// The trigger that gave it up.
    pub trigger: String,
    /// The stream that it was read from.
    pub stream: String,
    /// The shard of that stream.
    pub shard_id: String,
    /// When that shard was created, in seconds: a stream of the same name may have another now.
    pub shard_created: u64,
    /// The record's sequence number.
    pub sequence_number: String,
    /// Where it stood in its shard.
    pub position: Position,
    /// When it arrived there.
    pub arrival: Millis,
    /// When it was given up.
    pub failed: Millis,
    /// Its partition key.
    pub partition_key: String,
    /// Its data.
    pub data: Vec<u8>,
}

/// As it is written. Fields that this program does not know are for others.
#[derive(Deserialize)]
struct Written {
    reason: String,
    error: String,
    attempts: u32,
    trigger: String,
    stream: String,
    shard_id: String,
    sequence_number: String,
    partition_key: String,
    arrival_ms: u64,
    failed_ms: u64,
    text: Option<String>,
    data: Option<String>,
}

impl Letter {
    /// None where it is not one: anybody may put records into a stream that takes letters.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let written: Written = serde_json::from_slice(bytes).ok()?;
        let number = SequenceNumber::parse(&written.sequence_number).ok()?;
        let data = match (written.text, written.data) {
            (Some(text), None) => text.into_bytes(),
            (None, Some(data)) => base64_simd::STANDARD.decode_to_vec(data).ok()?,
            _ => return None,
        };
        Some(Self {
            reason: written.reason,
            error: written.error,
            attempts: written.attempts,
            trigger: written.trigger,
            stream: written.stream,
            shard_id: written.shard_id,
            shard_created: number.created,
            position: number.position,
            sequence_number: written.sequence_number,
            arrival: Millis(written.arrival_ms),
            failed: Millis(written.failed_ms),
            partition_key: written.partition_key,
            data,
        })
    }

    /// As patterns see it: its fields, and in `data` the record's data where that is a JSON object.
    #[must_use]
    pub fn event(&self) -> Map<String, Value> {
        let mut event = Map::new();
        let mut put = |name: &str, value: Value| event.insert(name.to_owned(), value);
        put("reason", self.reason.as_str().into());
        put("error", self.error.as_str().into());
        put("attempts", self.attempts.into());
        put("trigger", self.trigger.as_str().into());
        put("stream", self.stream.as_str().into());
        put("shard_id", self.shard_id.as_str().into());
        put("sequence_number", self.sequence_number.as_str().into());
        put("partition_key", self.partition_key.as_str().into());
        put("arrival_ms", self.arrival.0.into());
        put("failed_ms", self.failed.0.into());
        if let Ok(text) = std::str::from_utf8(&self.data) {
            put("text", text.into());
        }
        if let Ok(data @ Value::Object(_)) = serde_json::from_slice(&self.data) {
            put("data", data);
        }
        event
    }

    /// The record as it lay in its shard.
    #[must_use]
    pub fn slice(&self) -> Slice {
        Slice {
            block: self.block(),
            range: 0..1,
            base: self.position,
            arrival: self.arrival,
        }
    }

    fn block(&self) -> Block {
        let mut one = BlockBuilder::with_capacity(1, self.data.len());
        one.push(&self.partition_key, &self.data);
        one.finish().expect("a record was pushed")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{catalog::Stream, position::ShardNumber};

    fn written() -> Value {
        let stream = Stream::new("s".try_into().unwrap(), 1, ShardNumber(3), Millis(5_000));
        let number = SequenceNumber::of(&stream.shards[0], Position(70), Millis(6_000));
        json!({
            "reason": "Rejected", "error": "no", "attempts": 2, "trigger": "t", "function": "f",
            "function_version": 9, "stream": "s", "shard_id": "shardId-000000000000",
            "sequence_number": number.to_string(), "partition_key": "k", "arrival_ms": 6_000,
            "failed_ms": 7_000, "text": "{\"n\":1}",
        })
    }

    fn parsed(letter: &Value) -> Option<Letter> {
        Letter::parse(letter.to_string().as_bytes())
    }

    #[test]
    fn a_letter_gives_back_the_record_that_it_was() {
        let letter = parsed(&written()).unwrap();
        assert_eq!((letter.position, letter.shard_created), (Position(70), 5));
        let slice = letter.slice();
        assert_eq!(
            (slice.first(), slice.arrival),
            (Position(70), Millis(6_000))
        );
        assert_eq!(
            (slice.block.key(0), slice.block.datum(0)),
            ("k", &b"{\"n\":1}"[..])
        );
        let mut binary = written();
        binary["data"] = json!("/w==");
        binary.as_object_mut().unwrap().remove("text");
        assert_eq!(parsed(&binary).unwrap().data, b"\xff");
    }

    #[test]
    fn what_is_no_letter_is_none() {
        for field in ["reason", "sequence_number", "partition_key", "text"] {
            let mut without = written();
            without.as_object_mut().unwrap().remove(field);
            assert_eq!(parsed(&without), None, "{field}");
        }
        let mut both = written();
        both["data"] = json!("/w==");
        assert_eq!(parsed(&both), None);
        both["sequence_number"] = json!("1");
        assert_eq!(parsed(&both), None);
        assert_eq!(Letter::parse(b"\xff"), None);
    }

    #[test]
    fn patterns_see_the_data_of_the_record_as_json() {
        let letter = parsed(&written()).unwrap();
        assert_eq!(letter.event()["data"], json!({"n": 1}));
        let mut plain = letter;
        plain.data = b"[1]".to_vec();
        assert!(!plain.event().contains_key("data"));
    }
}
