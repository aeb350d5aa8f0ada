//! Dead letters, read back: is what they say of their record true?

use millstream_core::{position::Position, sequence::SequenceNumber};
use serde_json::Value;

use crate::store::Record;

#[derive(Debug, Clone)]
pub(super) struct Letter {
    json: Value,
    pub(super) position: Position,
    pub(super) reason: String,
    pub(super) attempts: u64,
    pub(super) error: String,
    /// When its record was given up.
    pub(super) failed: u64,
    pub(super) trigger: String,
    pub(super) shard_id: String,
    pub(super) stream: String,
}

impl Letter {
    /// None where the record is no letter.
    pub(super) fn parse(data: &[u8]) -> Option<Self> {
        if !data.starts_with(b"{\"reason\"") {
            return None;
        }
        let json: Value = serde_json::from_slice(data).ok()?;
        let text = |name: &str| Some(json[name].as_str()?.to_owned());
        let number = SequenceNumber::parse(&text("sequence_number")?).ok()?;
        Some(Self {
            position: number.position,
            reason: text("reason")?,
            attempts: json["attempts"].as_u64()?,
            error: text("error")?,
            failed: json["failed_ms"].as_u64()?,
            trigger: text("trigger")?,
            shard_id: text("shard_id")?,
            stream: text("stream")?,
            json,
        })
    }

    /// Whether it holds that very record.
    pub(super) fn holds(&self, record: &Record<'_>) -> bool {
        let text = self.json["text"].as_str().map(str::as_bytes);
        self.position == record.position
            && text == Some(record.data)
            && self.json["partition_key"] == record.key
            && self.json["arrival_ms"] == record.arrival.0
            // Records grow old also while there is no function.
            && (self.reason == "RecordAgeExceeded" || self.json["function_version"].is_u64())
    }
}
