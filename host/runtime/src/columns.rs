//! Columns that a guest made become a block, checked as strictly as a producer's records.

use millstream_bindings::types;
use millstream_core::{
    batch::Output,
    block::{Block, MalformedBlockError},
    limit,
    name::{InvalidNameError, StreamName},
};
use thiserror::Error;

/// Why columns are not records.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum InvalidOutputError {
    #[error("output: {0}")]
    Stream(#[from] InvalidNameError),
    #[error("output for stream `{stream}`: {error}")]
    Columns {
        stream: StreamName,
        error: MalformedBlockError,
    },
    #[error("output for stream `{stream}`: record {record}: {what}")]
    Record {
        stream: StreamName,
        record: usize,
        what: &'static str,
    },
}

/// Checks and converts; none where there is no record. Nothing is allocated for a record.
pub(crate) fn output(raw: types::Output) -> Result<Option<Output>, InvalidOutputError> {
    let stream = StreamName::try_from(raw.stream)?;
    let block = match Block::from_columns(raw.data, &raw.keys, &raw.key_ends, &raw.data_ends) {
        Ok(Some(block)) => block,
        Ok(None) => return Ok(None),
        Err(error) => return Err(InvalidOutputError::Columns { stream, error }),
    };
    if let Some((record, what)) = wrong(&block) {
        return Err(InvalidOutputError::Record {
            stream,
            record,
            what,
        });
    }
    Ok(Some(Output { stream, block }))
}

/// The first record that a stream would not take.
fn wrong(block: &Block) -> Option<(usize, &'static str)> {
    let Ok(keys) = std::str::from_utf8(block.keys()) else {
        return Some((0, "the keys are not UTF-8"));
    };
    let (mut key_from, mut data_from) = (0, 0);
    for (record, (key_end, data_end)) in block.key_ends().zip(block.data_ends()).enumerate() {
        let (key_end, data_end) = (key_end as usize, data_end as usize);
        // Bytes first: characters are counted only where there may be too many.
        let Some(key) = keys.get(key_from..key_end) else {
            return Some((record, "its key ends within a character"));
        };
        if key.is_empty() {
            return Some((record, "its key is empty"));
        }
        let max = limit::PARTITION_KEY_CHARS;
        if key.len() > max && key.chars().count() > max {
            return Some((record, "its key has more than 256 characters"));
        }
        if data_end - data_from > limit::RECORD_BYTES_MAX {
            return Some((record, "its data has more than 10 MiB"));
        }
        (key_from, data_from) = (key_end, data_end);
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn raw(keys: &[&str], data: &[&[u8]]) -> types::Output {
        let ends = |lengths: &mut dyn Iterator<Item = usize>| {
            lengths
                .scan(0, |end, length| {
                    *end += length as u32;
                    Some(*end)
                })
                .collect::<Vec<u32>>()
        };
        types::Output {
            stream: "out".into(),
            key_ends: ends(&mut keys.iter().map(|key| key.len())),
            keys: keys.concat().into_bytes(),
            data_ends: ends(&mut data.iter().map(|data| data.len())),
            data: data.concat(),
        }
    }

    fn refusal(raw: types::Output) -> String {
        output(raw).unwrap_err().to_string()
    }

    #[test]
    fn good_columns_become_a_block() {
        let output = output(raw(&["a", "\u{e9}b"], &[b"1", b""]))
            .unwrap()
            .unwrap();
        assert_eq!(output.stream.as_str(), "out");
        assert_eq!(output.block.len(), 2);
        assert_eq!(
            (output.block.key(1), output.block.datum(0)),
            ("\u{e9}b", &b"1"[..])
        );
    }

    #[test]
    fn no_record_is_no_output() {
        assert_eq!(output(raw(&[], &[])), Ok(None));
    }

    #[test]
    fn says_which_record_is_wrong_and_why() {
        assert!(refusal(raw(&["a", ""], &[b"", b""])).contains("record 1: its key is empty"));
        let long = "\u{e9}".repeat(257);
        assert!(refusal(raw(&[&long], &[b""])).contains("more than 256 characters"));
        assert!(output(raw(&[&long[..512]], &[b""])).is_ok());
        let mut split = raw(&["\u{e9}", "a"], &[b"", b""]);
        split.key_ends[0] = 1;
        assert!(refusal(split).contains("record 0: its key ends within a character"));
        let mut latin = raw(&["a"], &[b""]);
        latin.keys[0] = 0xe9;
        assert!(refusal(latin).contains("not UTF-8"));
        let big = vec![0; limit::RECORD_BYTES_MAX + 1];
        assert!(refusal(raw(&["a"], &[&big])).contains("more than 10 MiB"));
        let mut name = raw(&["a"], &[b""]);
        name.stream = "a/b".into();
        assert!(refusal(name).contains("stream name has '/'"));
    }

    proptest! {
        #[test]
        fn any_columns_are_taken_as_they_are_or_refused(
            key_ends in prop::collection::vec(0u32..6, 0..5),
            data_ends in prop::collection::vec(0u32..6, 0..5),
            keys in prop::collection::vec(any::<u8>(), 0..6),
            data in prop::collection::vec(any::<u8>(), 0..6),
        ) {
            let raw = types::Output {
                stream: "s".into(), key_ends, keys, data_ends, data,
            };
            if let Ok(Some(output)) = output(raw.clone()) {
                prop_assert_eq!(output.block.keys(), &raw.keys[..]);
                prop_assert_eq!(output.block.data(), &raw.data[..]);
                prop_assert!(output.block.key_ends().eq(raw.key_ends));
                prop_assert!(output.block.data_ends().eq(raw.data_ends));
            }
        }
    }
}
