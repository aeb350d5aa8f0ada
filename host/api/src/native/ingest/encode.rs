//! A body into a block: where its records end, which of them are refused. One copy of each record.

use std::borrow::Cow;

use millstream_core::{
    block::{Block, BlockBuilder},
    limit::RECORD_BYTES,
};
use serde::{Deserialize, de::IgnoredAny};

use super::{
    key::{self, Keys, RandomKeys},
    pointer,
};
use crate::native::error::NativeError;

/// Records of one request.
const RECORDS: usize = 50_000;
/// Room for a key; a drawn one has as many bytes.
const KEY_BYTES: usize = 16;

/// What a body consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Format {
    /// Each line is a record.
    Lines,
    /// Each line is a record, and JSON.
    Ndjson,
    /// All of it is one record.
    Raw,
}

/// The body as one block; nothing where it holds no record.
pub(super) fn encode(
    format: Format,
    keys: &Keys,
    random: &mut RandomKeys,
    body: &[u8],
) -> Result<Option<Block>, NativeError> {
    if format == Format::Raw {
        let mut builder = BlockBuilder::with_capacity(1, body.len());
        let key = match keys {
            Keys::Same(key) => key,
            Keys::Random | Keys::Field(_) | Keys::Pointer(_) => random.draw(),
        };
        check(key, body).map_err(|error| error.at("the record"))?;
        builder.push(key, body);
        return Ok(builder.finish());
    }
    let records = RECORDS.min(memchr::memchr_iter(b'\n', body).count() + 1);
    let mut builder = BlockBuilder::with_capacity(records, body.len() + KEY_BYTES * records);
    for (number, line) in lines(body) {
        if builder.len() == RECORDS {
            return Err(NativeError::TooLarge {
                what: "the request".to_owned(),
                limit: format!("{RECORDS} records"),
            });
        }
        let refused = |error: Unfit| error.at(&format!("line {number}"));
        let found = find_key(format, keys, line).map_err(refused)?;
        let key = match &found {
            Some(key) if !key.is_empty() => key,
            _ => random.draw(),
        };
        check(key, line).map_err(refused)?;
        builder.push(key, line);
    }
    Ok(builder.finish())
}

/// The lines that are not empty, with their numbers from 1 and without their ends.
fn lines(body: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut start = 0;
    let ends = memchr::memchr_iter(b'\n', body).chain([body.len()]);
    let split = ends.map(move |end| {
        let line = &body[start..end];
        start = end + 1;
        line.strip_suffix(b"\r").unwrap_or(line)
    });
    (1..).zip(split).filter(|(_, line)| !line.is_empty())
}

/// Checks a line's JSON, where it is to be JSON, and finds its key, where it has one.
fn find_key<'a>(
    format: Format,
    keys: &'a Keys,
    line: &'a [u8],
) -> Result<Option<Cow<'a, str>>, Unfit> {
    if format == Format::Ndjson {
        let text = std::str::from_utf8(line).map_err(|error| Unfit::Is(error.to_string()))?;
        if let Keys::Pointer(path) = keys {
            return Ok(pointer::find(text, path)?.map(Cow::Owned));
        }
        serde_json::from_str::<IgnoredAny>(text)?;
    }
    Ok(match keys {
        Keys::Random | Keys::Pointer(_) => None,
        Keys::Same(key) => Some(Cow::Borrowed(key)),
        Keys::Field(number) => key::field(line, *number),
    })
}

fn check(key: &str, data: &[u8]) -> Result<(), Unfit> {
    key::check(key).map_err(Unfit::Is)?;
    let bytes = key.len() + data.len();
    if bytes > RECORD_BYTES {
        return Err(Unfit::Has(bytes));
    }
    Ok(())
}

/// Why a record is refused; where it stands is added by [`Unfit::at`].
enum Unfit {
    Is(String),
    Has(usize),
}

impl From<serde_json::Error> for Unfit {
    fn from(error: serde_json::Error) -> Self {
        // The parser sees one line, so only the column means something.
        let text = error.to_string();
        let what = text.split(" at line ").next().unwrap_or_default();
        Self::Is(format!("not JSON: {what} at column {}", error.column()))
    }
}

impl Unfit {
    fn at(self, place: &str) -> NativeError {
        match self {
            Self::Is(what) => NativeError::BadRequest(format!("{place}: {what}")),
            Self::Has(bytes) => NativeError::TooLarge {
                what: format!("{place}: a record of {bytes} bytes with its key"),
                limit: format!("{RECORD_BYTES} bytes"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn records(format: Format, keys: &Keys, body: &[u8]) -> Result<Vec<(String, Vec<u8>)>, String> {
        let mut random = RandomKeys::from_seed(7);
        let block = encode(format, keys, &mut random, body).map_err(|error| error.to_string())?;
        let Some(block) = block else {
            return Ok(Vec::new());
        };
        let record = |i| (block.key(i).to_owned(), block.datum(i).to_vec());
        Ok((0..block.len()).map(record).collect())
    }

    fn data(format: Format, body: &str) -> Vec<String> {
        let records = records(format, &Keys::Random, body.as_bytes()).unwrap();
        let text = |(_, data)| String::from_utf8(data).unwrap();
        records.into_iter().map(text).collect()
    }

    #[test]
    fn lines_end_as_lines_do() {
        for body in ["a\nb", "a\nb\n", "a\r\nb\r\n", "\n\na\n\r\nb\n\n"] {
            assert_eq!(data(Format::Lines, body), ["a", "b"], "{body:?}");
        }
        assert_eq!(data(Format::Lines, "a\rb\n"), ["a\rb"]);
        assert_eq!(data(Format::Lines, ""), [""; 0]);
        assert_eq!(data(Format::Raw, "a\nb\n"), ["a\nb\n"]);
        assert_eq!(data(Format::Raw, ""), [""]);
    }

    #[test]
    fn a_bad_line_is_named_and_refuses_all() {
        let error = records(Format::Ndjson, &Keys::Random, b"{}\n\n{\"a\":}\n").unwrap_err();
        assert_eq!(error, "line 3: not JSON: expected value at column 6");
        let error = records(Format::Ndjson, &Keys::Random, b"\"\xff\"").unwrap_err();
        assert!(error.starts_with("line 1: invalid utf-8"), "{error}");
    }

    #[test]
    fn keys_come_from_where_they_are_said_to_be() {
        let keys = |format, keys, body: &str| {
            let records = records(format, &keys, body.as_bytes()).unwrap();
            records.into_iter().map(|(key, _)| key).collect::<Vec<_>>()
        };
        let same = keys(Format::Lines, Keys::Same("k".into()), "a\nb");
        assert_eq!(same, ["k", "k"]);
        let second = Keys::Field(2.try_into().unwrap());
        let fields = keys(Format::Lines, second, "a b\nc\nd  e f");
        assert_eq!((fields[0].as_str(), fields[2].as_str()), ("b", "e"));
        assert_eq!(fields[1].len(), 16, "a random key");
        let path = Keys::Pointer(pointer::parse("/id").unwrap());
        let found = keys(
            Format::Ndjson,
            path,
            "{\"id\":5}\n{\"id\":\"\"}\n{\"id\":[]}",
        );
        assert_eq!(found[0], "5");
        assert_eq!((found[1].len(), found[2].len()), (16, 16), "random keys");
    }

    #[test]
    fn a_record_may_be_as_large_as_its_limit() {
        let key = Keys::Same("k".into());
        for format in [Format::Raw, Format::Lines] {
            let mut line = vec![b'x'; RECORD_BYTES - 1];
            assert!(records(format, &key, &line).is_ok());
            line.push(b'x');
            assert!(records(format, &key, &line).is_err());
        }
    }

    #[test]
    fn a_request_may_have_as_many_records_as_its_limit() {
        let body = |n| "x\n".repeat(n);
        let most = records(Format::Lines, &Keys::Random, body(RECORDS).as_bytes());
        assert_eq!(most.unwrap().len(), RECORDS);
        let more = records(Format::Lines, &Keys::Random, body(RECORDS + 1).as_bytes());
        assert_eq!(
            more.unwrap_err(),
            "the request is too large: at most 50000 records are allowed"
        );
    }

    proptest! {
        #[test]
        fn every_line_is_a_record_in_order(lines in prop::collection::vec("[^\r\n]{1,9}", 0..30)) {
            let body = lines.iter().map(|line| format!("{line}\n")).collect::<String>();
            prop_assert_eq!(data(Format::Lines, &body), lines);
        }

        #[test]
        fn any_body_is_taken_or_refused(
            body in prop::collection::vec(any::<u8>(), 0..200),
            json in any::<bool>(),
        ) {
            let format = if json { Format::Ndjson } else { Format::Lines };
            let field = Keys::Field(1.try_into().unwrap());
            let path = Keys::Pointer(vec!["a".to_owned()]);
            for keys in [Keys::Random, field, path] {
                let _either = records(format, &keys, &body);
            }
        }
    }
}
