//! Records that an answer gives to streams: part of the batch's commit, so that they appear once.

use serde::{Deserialize, Serialize};

use super::Base64Data;

/// An answer with records for streams. Millstream's own: at Lambda it is the answer without them.
///
/// ```
/// use millstream_sdk::event::{KinesisEvent, KinesisEventResponse, WithPuts};
///
/// fn handle(event: KinesisEvent) -> Result<WithPuts<KinesisEventResponse>, String> {
///     let mut answer = WithPuts::of(KinesisEventResponse::default());
///     for record in &event.records {
///         answer.put("copies", &record.kinesis.partition_key, record.kinesis.data.to_vec());
///     }
///     Ok(answer)
/// }
///
/// let event = r#"{"Records":[{"kinesis":{"partitionKey":"k","sequenceNumber":"7","data":"aGk=",
///     "approximateArrivalTimestamp":1545084650.987}}]}"#;
/// let answer = millstream_sdk::event::call(handle, event.as_bytes()).unwrap();
/// let puts = r#"[{"StreamName":"copies","Records":[{"PartitionKey":"k","Data":"aGk="}]}]"#;
/// let expected = format!(r#"{{"batchItemFailures":[],"putRecords":{puts}}}"#);
/// assert_eq!(String::from_utf8(answer).unwrap(), expected);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct WithPuts<T> {
    /// The answer.
    #[serde(flatten)]
    pub answer: T,
    /// The records, in order.
    #[serde(rename = "putRecords", default, skip_serializing_if = "Vec::is_empty")]
    pub puts: Vec<PutRecords>,
}

/// Records for a stream, as a PutRecords request has them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PutRecords {
    /// The stream.
    pub stream_name: String,
    /// The records, in order.
    pub records: Vec<PutRecordsEntry>,
}

/// A record for a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PutRecordsEntry {
    /// The partition key.
    pub partition_key: String,
    /// The data.
    pub data: Base64Data,
}

impl<T> WithPuts<T> {
    /// The answer, without records.
    pub fn of(answer: T) -> Self {
        Self {
            answer,
            puts: Vec::new(),
        }
    }

    /// Gives a record to a stream.
    pub fn put(&mut self, stream: &str, partition_key: &str, data: Vec<u8>) {
        let record = PutRecordsEntry {
            partition_key: partition_key.to_owned(),
            data: Base64Data(data),
        };
        match self.puts.last_mut().filter(|put| put.stream_name == stream) {
            Some(put) => put.records.push(record),
            None => self.puts.push(PutRecords {
                stream_name: stream.to_owned(),
                records: vec![record],
            }),
        }
    }
}
