//! What a dry run is asked for, taken from JSON without making more of it than will be used.
//!
//! A body of a few bytes a record holds millions of them: what is beyond a limit is only skipped.

use std::{collections::BTreeMap, fmt};

use bytes::Bytes;
use millstream_core::{
    batch::Columns,
    catalog::FunctionResponseType,
    limit::{BATCH_BYTES, BATCH_RECORDS_MAX},
    name::StreamName,
    position::Position,
};
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::PLACEHOLDER;
use crate::native::{error::NativeError, ingest::key};

/// Keys of the state that are taken.
const STATE_ENTRIES: usize = 10_000;

/// A dry run's body. The first thing in it that is refused stands in its place.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    #[serde(deserialize_with = "records")]
    pub(super) records: Result<Columns, NativeError>,
    pub(super) stream: Option<StreamName>,
    #[serde(default = "no_state", deserialize_with = "state")]
    pub(super) state: Result<BTreeMap<String, Bytes>, NativeError>,
    #[serde(default)]
    pub(super) function_response_types: Vec<FunctionResponseType>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    partition_key: Option<String>,
    text: Option<String>,
    data: Option<String>,
    #[serde(default, deserialize_with = "present")]
    json: Option<Box<RawValue>>,
}

/// So that `"json": null` is the JSON `null`, not the absence of a field.
fn present<'de, D: Deserializer<'de>>(json: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::deserialize(json).map(Some)
}

fn no_state() -> Result<BTreeMap<String, Bytes>, NativeError> {
    Ok(BTreeMap::new())
}

fn too_large(what: &str, limit: String) -> NativeError {
    NativeError::TooLarge {
        what: what.to_owned(),
        limit,
    }
}

/// An array of records as columns; their arrivals are not told.
fn records<'de, D: Deserializer<'de>>(array: D) -> Result<Result<Columns, NativeError>, D::Error> {
    array.deserialize_seq(Records)
}

struct Records;

impl<'de> Visitor<'de> for Records {
    type Value = Result<Columns, NativeError>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Self::Value, A::Error> {
        let mut columns = Columns::default();
        while columns.len() < BATCH_RECORDS_MAX as usize {
            let Some(record) = array.next_element()? else {
                return Ok(Ok(columns));
            };
            if let Err(error) = push(&mut columns, record) {
                skip(&mut array)?;
                return Ok(Err(error));
            }
        }
        Ok(if skip(&mut array)? {
            Err(too_large(
                "the batch",
                format!("{BATCH_RECORDS_MAX} records"),
            ))
        } else {
            Ok(columns)
        })
    }
}

/// Passes what is left of an array; whether there was anything.
fn skip<'de, A: SeqAccess<'de>>(array: &mut A) -> Result<bool, A::Error> {
    let mut any = false;
    while array.next_element::<IgnoredAny>()?.is_some() {
        any = true;
    }
    Ok(any)
}

fn push(columns: &mut Columns, record: Record) -> Result<(), NativeError> {
    let i = columns.len();
    let (key, data) = record
        .take()
        .map_err(|what| NativeError::BadRequest(format!("records[{i}]: {what}")))?;
    if columns.keys.len() + key.len() + columns.data.len() + data.len() > BATCH_BYTES {
        return Err(too_large("the batch", format!("{BATCH_BYTES} bytes")));
    }
    columns.keys.extend_from_slice(key.as_bytes());
    columns.data.extend_from_slice(&data);
    // All of them fit, as was just checked.
    columns.key_ends.push(columns.keys.len() as u32);
    columns.data_ends.push(columns.data.len() as u32);
    columns.positions.push(Position::new(1, i as u64).0);
    Ok(())
}

impl Record {
    fn take(self) -> Result<(String, Vec<u8>), String> {
        let Self {
            partition_key,
            text,
            data,
            json,
        } = self;
        let bytes = match (text, data, json) {
            (Some(text), None, None) => text.into_bytes(),
            (None, Some(data), None) => base64_simd::STANDARD
                .decode_to_vec(data)
                .map_err(|error| format!("data is not base64: {error}"))?,
            (None, None, Some(json)) => compact(json.get()),
            _ => return Err("exactly one of text, data and json is to be given".to_owned()),
        };
        let key = partition_key.unwrap_or_else(|| PLACEHOLDER.to_owned());
        key::check(&key)?;
        Ok((key, bytes))
    }
}

/// Valid JSON without the blanks between its parts.
fn compact(json: &str) -> Vec<u8> {
    let (mut quoted, mut escaped) = (false, false);
    let keep = |byte: &u8| {
        let kept = quoted || !byte.is_ascii_whitespace();
        quoted ^= *byte == b'"' && !escaped;
        escaped = quoted && *byte == b'\\' && !escaped;
        kept
    };
    json.bytes().filter(keep).collect()
}

/// An object of texts; more of them than are taken are skipped.
fn state<'de, D: Deserializer<'de>>(
    object: D,
) -> Result<Result<BTreeMap<String, Bytes>, NativeError>, D::Error> {
    object.deserialize_map(State)
}

struct State;

impl<'de> Visitor<'de> for State {
    type Value = Result<BTreeMap<String, Bytes>, NativeError>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of texts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
        let mut state = BTreeMap::new();
        while let Some((key, value)) = object.next_entry::<String, String>()? {
            if state.len() == STATE_ENTRIES {
                while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                return Ok(Err(too_large("the state", format!("{STATE_ENTRIES} keys"))));
            }
            state.insert(key, value.into());
        }
        Ok(Ok(state))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::native::input;

    const MIB: usize = 1 << 20;

    /// The most that was resident at a time since the start.
    fn peak() -> usize {
        let text = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = text.lines().find(|line| line.starts_with("VmHWM")).unwrap();
        let kib: usize = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        kib << 10
    }

    /// 16 MB of `{}` once took 580 MB before they were counted.
    #[test]
    fn small_things_in_great_number_take_no_more_memory_than_their_text() {
        const ALONE: &str = "MILLSTREAM_TEST_ALONE";
        if std::env::var_os(ALONE).is_none() {
            // In a process of its own, since the memory of all of it is watched.
            let name = "native::invoke::asked::tests::\
                        small_things_in_great_number_take_no_more_memory_than_their_text";
            let this = std::env::current_exe().unwrap();
            let ended = std::process::Command::new(this)
                .args(["--exact", name])
                .env(ALONE, "1")
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&ended.stdout);
            assert!(
                ended.status.success() && said.contains("1 passed"),
                "{said}"
            );
            return;
        }
        let many = |begin: &str, item: &str, end: &str| {
            let items = vec![item; 16 * MIB / (item.len() + 1)].join(",");
            format!("{begin}{items}{end}").into_bytes()
        };
        for body in [
            many("{\"records\": [", "{}", "]}"),
            many("{\"records\": [", "{\"text\":\"\"}", "]}"),
            many("{\"records\": [{\"json\": [", "{}", "]}]}"),
            many(
                "{\"records\": [{\"json\": 1}], \"state\": {",
                "\"\":\"\"",
                "}}",
            ),
        ] {
            let before = peak();
            let _ = input::parse::<Asked>(&body).unwrap();
            let grown = (peak() - before) / MIB;
            assert!(grown < 48, "{grown} MiB for {:?}", &body[..24]);
        }
    }

    #[test]
    fn a_state_is_taken_up_to_its_limit() {
        let body = |keys: usize| {
            let state: BTreeMap<_, _> = (0..keys).map(|i| (i.to_string(), "v")).collect();
            json!({"records": [], "state": state}).to_string()
        };
        let keys = |n| input::parse::<Asked>(body(n).as_bytes()).unwrap().state;
        assert_eq!(keys(STATE_ENTRIES).unwrap().len(), STATE_ENTRIES);
        let refused = keys(STATE_ENTRIES + 1).unwrap_err();
        assert_eq!(refused.kind().1, "too_large");
        assert!(refused.to_string().contains("10000 keys"), "{refused}");
    }

    #[test]
    fn blanks_go_and_texts_stay() {
        let text = "{ \"a b\" :\t[ 1.50 , \"\\\" \\\\\" , \" \" ] ,\r\n\"c\" : \"\\\\ \\\" x\" }";
        let expected = "{\"a b\":[1.50,\"\\\" \\\\\",\" \"],\"c\":\"\\\\ \\\" x\"}";
        assert_eq!(String::from_utf8(compact(text)).unwrap(), expected);
    }

    proptest! {
        #[test]
        fn compact_json_is_what_serde_writes(texts: Vec<(String, String)>) {
            let value: Value = texts.into_iter().map(|(k, v)| (k, json!([v, null, 1]))).collect();
            let pretty = serde_json::to_string_pretty(&value).unwrap();
            prop_assert_eq!(compact(&pretty), serde_json::to_vec(&value).unwrap());
        }
    }
}
