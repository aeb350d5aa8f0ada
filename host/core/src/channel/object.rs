//! What objects are called: always the same for the same first record, so that a delivery that is
//! done again after a crash writes over what it wrote before.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::key_template::{KeyTemplate, Values};
use crate::{position::Position, time::Millis};

/// S3: bytes of an object's key.
pub const KEY_BYTES: usize = 1024;

/// How objects are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Compression {
    /// Not at all.
    None,
    /// As a gzip file.
    Gzip,
    /// As a Zstandard frame.
    Zstd,
}

impl Compression {
    /// What files of that kind end with.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Gzip => ".gz",
            Self::Zstd => ".zst",
        }
    }
}

/// A key that an object cannot have.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ObjectKeyError {
    /// Longer than S3 allows.
    #[error("object keys would have {0} bytes; allowed are {KEY_BYTES}")]
    TooLong(usize),
    /// Not a path below the bucket.
    #[error("object keys would contain the path segments '', '.' or '..'")]
    Traversal,
}

/// Names the objects of one channel.
#[derive(Debug, Clone, Copy)]
pub struct ObjectNames<'a> {
    /// What the template's variables stand for.
    pub values: Values<'a>,
    /// How delivered objects are called.
    pub template: &'a KeyTemplate,
    /// What the keys of dead letters begin with.
    pub error_prefix: &'a str,
}

impl ObjectNames<'_> {
    /// The key of the object whose first record stands at `first` of shard `index` and arrived `at`.
    #[must_use]
    pub fn delivered(&self, index: u32, first: Position, at: Millis) -> String {
        let mut suffix = String::new();
        if !self.template.names_channel() {
            suffix = format!("-{}", self.values.channel_id);
        }
        suffix.push_str(&place(index, first));
        self.template.key(&self.values, at, &suffix)
    }

    /// The key of the dead letters among the same records.
    #[must_use]
    pub fn dead_letters(&self, index: u32, first: Position, at: Millis) -> String {
        let (hour, place) = (utc(at, "%Y/%m/%d/%H"), place(index, first));
        let (prefix, id) = (
            self.error_prefix.trim_start_matches('/'),
            self.values.channel_id,
        );
        format!("{prefix}{hour}/{id}{place}.jsonl")
    }

    /// Whether all keys that this gives can be keys.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn check(&self) -> Result<(), ObjectKeyError> {
        let (index, first, at) = (u32::MAX, Position(u64::MAX), Millis(0));
        for key in [
            self.delivered(index, first, at),
            self.dead_letters(index, first, at),
        ] {
            if key.len() > KEY_BYTES {
                return Err(ObjectKeyError::TooLong(key.len()));
            }
            if key
                .split('/')
                .any(|segment| matches!(segment, "" | "." | ".."))
            {
                return Err(ObjectKeyError::Traversal);
            }
        }
        Ok(())
    }
}

/// A moment in UTC as `strftime` writes it.
pub(super) fn utc(at: Millis, format: &str) -> String {
    let ms = i64::try_from(at.0).unwrap_or(i64::MAX);
    let moment = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX);
    moment.strftime(format).to_string()
}

/// A shard and a position as they stand in keys; they sort as the records do.
fn place(index: u32, first: Position) -> String {
    format!("-{index:012}-{:016x}", first.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::channel::{dead_letter::default_prefix, key_template::DEFAULT};

    fn names<'a>(template: &'a KeyTemplate, prefix: &'a str, channel: &'a str) -> ObjectNames<'a> {
        ObjectNames {
            values: Values {
                channel,
                channel_id: "id7",
                stream: "clicks",
                compression: Compression::Zstd,
            },
            template,
            error_prefix: prefix,
        }
    }

    #[test]
    fn keys_tell_the_shard_and_the_first_record() {
        let template: KeyTemplate = "x/!{yyyy}!{extension}".parse().unwrap();
        let prefix = default_prefix("archive", "id7");
        let names = names(&template, &prefix, "archive");
        let first = Position::new(1, 10);
        assert_eq!(
            names.delivered(3, first, Millis(0)),
            "x/1970-id7-000000000003-000008000000000a.zst"
        );
        assert_eq!(
            names.dead_letters(3, first, Millis(0)),
            "kinesis-channel/errors/archive/id7/1970/01/01/00/id7-000000000003-000008000000000a.jsonl"
        );
    }

    #[test]
    fn a_name_cannot_lead_out_of_the_bucket() {
        let template: KeyTemplate = DEFAULT.parse().unwrap();
        let check = |prefix: &str, channel: &str| names(&template, prefix, channel).check();
        assert_eq!(check("errors/", "archive"), Ok(()));
        assert_eq!(check("errors/", ".."), Err(ObjectKeyError::Traversal));
        assert_eq!(
            check("../errors/", "archive"),
            Err(ObjectKeyError::Traversal)
        );
        assert_eq!(check("a//b", "archive"), Err(ObjectKeyError::Traversal));
        let long = "x".repeat(1000);
        assert!(matches!(
            check(&long, "archive"),
            Err(ObjectKeyError::TooLong(_))
        ));
    }

    proptest! {
        #[test]
        fn keys_sort_as_positions_do(a in any::<u64>(), b in any::<u64>()) {
            prop_assert_eq!(place(1, Position(a)).cmp(&place(1, Position(b))), a.cmp(&b));
        }
    }
}
