//! What becomes of a record: bytes of an object, or a dead letter with the reason.

use serde::{Deserialize, Serialize, de::IgnoredAny};
use thiserror::Error;

use super::dead_letter;
use crate::{block::Slice, catalog::Shard};

/// What a channel takes the records of its stream for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RecordFormat {
    /// One JSON value a record, each followed by a line feed.
    Json,
    /// UTF-8 text, each record followed by a line feed.
    String,
    /// Any bytes, one record after another with nothing between them.
    ByteArray,
}

/// Why a record is not what its channel takes it for. Trying again is of no use.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Undeliverable {
    /// The bytes are not text.
    #[error("the record is not UTF-8: byte {0} does not belong there")]
    NotText(usize),
    /// The text is not one JSON value.
    #[error("the record is not JSON: {0}")]
    NotJson(String),
}

impl RecordFormat {
    /// Whether `data` is what this format says.
    ///
    /// # Errors
    /// The reason why not.
    pub fn check(self, data: &[u8]) -> Result<(), Undeliverable> {
        if self == Self::ByteArray {
            return Ok(());
        }
        std::str::from_utf8(data).map_err(|error| Undeliverable::NotText(error.valid_up_to()))?;
        if self == Self::Json {
            serde_json::from_slice::<IgnoredAny>(data)
                .map_err(|error| Undeliverable::NotJson(error.to_string()))?;
        }
        Ok(())
    }

    /// Adds `data` to an object as it came; a line that does not end yet is ended.
    fn write(self, data: &[u8], body: &mut Vec<u8>) {
        body.extend_from_slice(data);
        if self != Self::ByteArray && data.last() != Some(&b'\n') {
            body.push(b'\n');
        }
    }
}

/// Where records come from, for their dead letters.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The channel's name.
    pub channel: &'a str,
    /// The channel's id as the world sees it.
    pub channel_id: &'a str,
    /// The stream's bare name.
    pub stream: &'a str,
    /// The shard.
    pub shard: &'a Shard,
}

/// Records as they are stored.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Rendered {
    /// What goes to the destination.
    pub body: Vec<u8>,
    /// What goes to the dead letters: one JSON object a line.
    pub dead: Vec<u8>,
    /// How many records are in `body`.
    pub records: u64,
    /// How many are in `dead`.
    pub dead_records: u64,
}

impl Rendered {
    /// Renders every record of `slices`: each is either in the body or in the dead letters.
    #[must_use]
    pub fn of(slices: &[Slice], format: RecordFormat, source: &Source<'_>) -> Self {
        let bytes: usize = slices.iter().map(Slice::payload).sum();
        let mut rendered = Self {
            body: Vec::with_capacity(bytes),
            ..Self::default()
        };
        for slice in slices {
            for index in slice.range.clone() {
                let data = slice.block.datum(index);
                match format.check(data) {
                    Ok(()) => {
                        format.write(data, &mut rendered.body);
                        rendered.records += 1;
                    }
                    Err(reason) => {
                        dead_letter::write(slice, index, &reason, source, &mut rendered.dead);
                        rendered.dead_records += 1;
                    }
                }
            }
        }
        rendered
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        block::BlockBuilder,
        hash_key::HashRange,
        position::{Position, ShardNumber},
        time::Millis,
    };

    fn rendered(format: RecordFormat, records: &[&[u8]]) -> Rendered {
        let mut builder = BlockBuilder::default();
        for data in records {
            builder.push("key", data);
        }
        let block = builder.finish().unwrap();
        let range = 0..block.len();
        let slice = Slice {
            block,
            range,
            base: Position::new(1, 7),
            arrival: Millis(1_700_000_000_123),
        };
        let shard = Shard {
            index: 3,
            number: ShardNumber(9),
            range: HashRange::split_all(1)[0],
            created: Millis(5),
            closed: None,
            parents: Vec::new(),
        };
        let source = Source {
            channel: "archive",
            channel_id: "abc",
            stream: "clicks",
            shard: &shard,
        };
        Rendered::of(&[slice], format, &source)
    }

    #[test]
    fn each_json_record_ends_its_line() {
        let rendered = rendered(RecordFormat::Json, &[b"{\"a\":1}", b"[1,\n2]\n", b" 7 "]);
        assert_eq!(rendered.body, b"{\"a\":1}\n[1,\n2]\n 7 \n");
        assert_eq!((rendered.records, rendered.dead_records), (3, 0));
    }

    #[test]
    fn bytes_are_left_as_they_are() {
        let rendered = rendered(RecordFormat::ByteArray, &[b"\xff\x00", b"", b"a\n", b"{"]);
        assert_eq!(rendered.body, b"\xff\x00a\n{");
        assert_eq!(rendered.records, 4);
    }

    #[test]
    fn what_is_not_json_becomes_a_dead_letter_and_keeps_its_bytes() {
        let rendered = rendered(
            RecordFormat::Json,
            &[b"1", b"", b"{\"a\":", b"1 2", b"\"\xff\""],
        );
        assert_eq!(rendered.body, b"1\n");
        assert_eq!((rendered.records, rendered.dead_records), (1, 4));
        let letters: Vec<serde_json::Value> = rendered
            .dead
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect();
        assert_eq!(letters.len(), 4);
        let letter = &letters[1];
        assert_eq!(letter["channelName"], "archive");
        assert_eq!(letter["streamName"], "clicks");
        assert_eq!(letter["shardId"], "shardId-000000000003");
        assert_eq!(letter["partitionKey"], "key");
        assert_eq!(letter["arrivalTimestamp"], 1_700_000_000_123_u64);
        assert_eq!(letter["errorCode"], "InvalidJson");
        assert_eq!(letter["rawData"], "eyJhIjo=");
        assert_eq!(letters[3]["errorCode"], "InvalidUtf8");
        let digits = letter["sequenceNumber"].as_str().unwrap();
        let number = crate::sequence::SequenceNumber::parse(digits).unwrap();
        assert_eq!(number.position, Position::new(1, 9));
    }

    #[test]
    fn deep_json_needs_no_stack() {
        let deep = [vec![b'['; 200_000], vec![b']'; 200_000]].concat();
        assert_eq!(RecordFormat::Json.check(&deep), Ok(()));
    }

    proptest! {
        #[test]
        fn no_record_is_lost(records in prop::collection::vec(".{0,20}", 1..20)) {
            let bytes: Vec<&[u8]> = records.iter().map(String::as_bytes).collect();
            for format in [RecordFormat::Json, RecordFormat::String, RecordFormat::ByteArray] {
                let rendered = rendered(format, &bytes);
                let all = rendered.records + rendered.dead_records;
                prop_assert_eq!(all, records.len() as u64);
                let lines = rendered.dead.iter().filter(|byte| **byte == b'\n').count();
                prop_assert_eq!(lines as u64, rendered.dead_records);
            }
        }
    }
}
