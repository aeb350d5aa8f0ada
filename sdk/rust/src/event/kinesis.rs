//! The Kinesis event and the answer to it, by the names of the crate `aws_lambda_events`.

use std::{
    error::Error,
    ops::Deref,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A batch of one shard, in order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct KinesisEvent {
    /// The records.
    #[serde(rename = "Records", default)]
    pub records: Vec<KinesisEventRecord>,
}

/// A record, with where it comes from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KinesisEventRecord {
    /// The record itself.
    pub kinesis: KinesisRecord,
    /// `aws:kinesis`.
    #[serde(default)]
    pub event_source: Option<String>,
    /// `1.0`.
    #[serde(default)]
    pub event_version: Option<String>,
    /// The shard and the sequence number, with a colon between them.
    #[serde(rename = "eventID", default)]
    pub event_id: Option<String>,
    /// `aws:kinesis:record`.
    #[serde(default)]
    pub event_name: Option<String>,
    /// The role of the function.
    #[serde(default)]
    pub invoke_identity_arn: Option<String>,
    /// The region of the stream.
    #[serde(default)]
    pub aws_region: Option<String>,
    /// The stream.
    #[serde(rename = "eventSourceARN", default)]
    pub event_source_arn: Option<String>,
}

/// What a producer put.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KinesisRecord {
    /// `1.0`.
    #[serde(default)]
    pub kinesis_schema_version: Option<String>,
    /// The partition key.
    pub partition_key: String,
    /// The sequence number: what an answer names the record by.
    pub sequence_number: String,
    /// The data.
    pub data: Base64Data,
    /// When the host took it.
    pub approximate_arrival_timestamp: SecondTimestamp,
}

/// Bytes, which are base64 in JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Base64Data(pub Vec<u8>);

impl Deref for Base64Data {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl Serialize for Base64Data {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&base64_simd::STANDARD.encode_to_string(&self.0))
    }
}

impl<'de> Deserialize<'de> for Base64Data {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let decoded = base64_simd::STANDARD.decode_to_vec(text.as_bytes());
        decoded.map(Self).map_err(de::Error::custom)
    }
}

/// A moment, which is seconds since 1970 with milliseconds in JSON.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct SecondTimestamp {
    millis: u64,
}

impl SecondTimestamp {
    /// Milliseconds since 1970.
    #[must_use]
    pub fn as_millis(self) -> u64 {
        self.millis
    }
}

impl From<SecondTimestamp> for SystemTime {
    fn from(moment: SecondTimestamp) -> Self {
        UNIX_EPOCH + Duration::from_millis(moment.millis)
    }
}

impl Serialize for SecondTimestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.millis as f64 / 1000.0)
    }
}

impl<'de> Deserialize<'de> for SecondTimestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let seconds = f64::deserialize(deserializer)?;
        // A negative moment or one that is out of range becomes the nearest one that is.
        let millis = (seconds * 1000.0).round() as u64;
        Ok(Self { millis })
    }
}

/// The answer of a function that says which records failed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KinesisEventResponse {
    /// Records that failed; the batch is tried again from the first of them on. Empty: all are done.
    #[serde(default)]
    pub batch_item_failures: Vec<KinesisBatchItemFailure>,
}

/// A record that failed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KinesisBatchItemFailure {
    /// Its sequence number.
    pub item_identifier: Option<String>,
}

impl KinesisEventResponse {
    /// Adds a record that failed.
    pub fn add_failure(&mut self, record: &KinesisEventRecord) {
        self.batch_item_failures.push(KinesisBatchItemFailure {
            item_identifier: Some(record.kinesis.sequence_number.clone()),
        });
    }
}

impl KinesisEvent {
    /// Handles one record after the other, up to the first that fails: that one is reported, and it
    /// and those after it are tried again. Why it failed is told on standard error.
    pub fn each(
        &self,
        mut handler: impl FnMut(&KinesisEventRecord) -> Result<(), Box<dyn Error>>,
    ) -> KinesisEventResponse {
        let mut response = KinesisEventResponse::default();
        for record in &self.records {
            if let Err(error) = handler(record) {
                eprintln!("record {}: {error}", record.kinesis.sequence_number);
                response.add_failure(record);
                break;
            }
        }
        response
    }
}
