//! Records that an answer gives to streams, in the shape of PutRecords requests. Ours: Lambda's
//! functions call Kinesis for that; here it is part of the batch's commit.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{InvalidAnswerError, Text, shortened};
use crate::{
    batch::Output,
    block::{Block, BlockBuilder},
    limit,
    name::StreamName,
};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Put<'a> {
    #[serde(borrow)]
    stream_name: Text<'a>,
    records: Records,
}

/// The records, as a block: a list of 6 MB is not kept as objects.
struct Records(Option<Block>);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Record<'a> {
    #[serde(borrow)]
    partition_key: Text<'a>,
    #[serde(borrow)]
    data: Text<'a>,
}

impl<'de> Deserialize<'de> for Records {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(RecordsVisitor)
    }
}

struct RecordsVisitor;

impl<'de> Visitor<'de> for RecordsVisitor {
    type Value = Records;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Records, A::Error> {
        let mut block = BlockBuilder::default();
        while let Some(record) = list.next_element::<Record<'de>>()? {
            let Text(key) = &record.partition_key;
            let chars = key.chars().count();
            if !(1..=limit::PARTITION_KEY_CHARS).contains(&chars) {
                let text = format!("a PartitionKey of {chars} characters; allowed are 1 to 256");
                return Err(A::Error::custom(text));
            }
            let Text(data) = &record.data;
            let data = base64_simd::STANDARD.decode_to_vec(data.as_bytes());
            let data = data.map_err(|_| A::Error::custom("Data that is not base64"))?;
            block.push(key, &data);
        }
        Ok(Records(block.finish()))
    }
}

/// The records for streams, in order.
///
/// # Errors
/// When it is no list of such requests.
pub(super) fn outputs(puts: Option<&RawValue>) -> Result<Vec<Output>, InvalidAnswerError> {
    let Some(puts) = puts.filter(|puts| puts.get() != "null") else {
        return Ok(Vec::new());
    };
    let wrong = |error: &dyn fmt::Display| InvalidAnswerError::NoPuts(error.to_string());
    let puts: Vec<Put<'_>> = serde_json::from_str(puts.get()).map_err(|error| wrong(&error))?;
    let mut outputs = Vec::with_capacity(puts.len());
    for put in puts {
        let Text(name) = put.stream_name;
        let stream = StreamName::try_from(&*name);
        let stream =
            stream.map_err(|error| wrong(&format_args!("`{}`: {error}", shortened(&name))))?;
        let Records(block) = put.records;
        outputs.extend(block.map(|block| Output { stream, block }));
    }
    Ok(outputs)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn of(puts: &Value) -> Result<Vec<(String, String, Vec<u8>)>, String> {
        let raw = serde_json::value::to_raw_value(puts).unwrap();
        let outputs = outputs(Some(&raw)).map_err(|error| error.to_string())?;
        let records = outputs.iter().flat_map(|Output { stream, block }| {
            let record = |i| {
                let (key, data) = (block.key(i).to_owned(), block.datum(i).to_vec());
                (stream.to_string(), key, data)
            };
            (0..block.len()).map(record)
        });
        Ok(records.collect())
    }

    #[test]
    fn records_come_in_the_order_of_the_answer() {
        let puts = json!([
            {"StreamName": "a", "Records": [
                {"PartitionKey": "k", "Data": "aGk="}, {"PartitionKey": "\"", "Data": ""}]},
            {"StreamName": "b", "Records": []},
            {"StreamName": "a", "Records": [{"Data": "/w==", "PartitionKey": "l"}]},
        ]);
        let text = |text: &str| text.to_owned();
        let expected = vec![
            (text("a"), text("k"), b"hi".to_vec()),
            (text("a"), text("\""), Vec::new()),
            (text("a"), text("l"), vec![0xff]),
        ];
        assert_eq!(of(&puts), Ok(expected));
        assert_eq!(of(&json!(null)), Ok(Vec::new()));
        assert_eq!(of(&json!([])), Ok(Vec::new()));
    }

    #[test]
    fn what_no_stream_would_take_is_refused() {
        let record = |key: &str, data: &str| json!({"PartitionKey": key, "Data": data});
        let put = |name: &str, record: Value| json!([{"StreamName": name, "Records": [record]}]);
        let long = "k".repeat(257);
        for (puts, told) in [
            (json!({}), "putRecords"),
            (json!([1]), "putRecords"),
            (json!([{"StreamName": "s"}]), "Records"),
            (json!([{"Records": []}]), "StreamName"),
            (
                json!([{"StreamName": "s", "Records": [], "StreamARN": "a"}]),
                "StreamARN",
            ),
            (put("a b", record("k", "")), "a b"),
            (put("s", record("", "")), "0 characters"),
            (put("s", record(&long, "")), "257 characters"),
            (put("s", record("k", "?")), "base64"),
            (put("s", json!({"PartitionKey": "k"})), "Data"),
        ] {
            let error = of(&puts).unwrap_err();
            assert!(error.contains(told), "{puts}: {error}");
        }
        // What fits into an answer fits into a record.
        const { assert!(limit::EVENT_ANSWER_BYTES <= limit::RECORD_BYTES_MAX) }
    }
}
