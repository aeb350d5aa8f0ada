//! The template of object keys: text with variables such as `!{channel-name}` and `!{yyyy}`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::object::{Compression, utc};
use crate::time::Millis;

/// The template of a channel that names none; Amazon's.
pub const DEFAULT: &str = "kinesis-channel/!{channel-name}/!{channel-id}/!{yyyy}/!{MM}/!{dd}/!{HH}/\
    !{channel-name}-!{channel-id}-!{yyyy}-!{MM}-!{dd}-!{HH}-!{mm}!{extension}";

/// A template that was checked.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyTemplate {
    text: String,
    parts: Vec<Part>,
}

#[derive(Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    ChannelName,
    ChannelId,
    StreamName,
    /// Of the moment, in UTC: how `strftime` calls it.
    Time(&'static str),
    /// That of the compression, unless it is given.
    Extension(Option<String>),
}

/// Why a template is not taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeyTemplateError {
    /// Without a variable, all objects would have one key.
    #[error("it must contain at least one variable")]
    NoVariable,
    /// A variable that does not end, or an end without a beginning.
    #[error("its variable references are not balanced")]
    Unbalanced,
    /// A variable that does not exist.
    #[error("the variable !{{{0}}} does not exist")]
    UnknownVariable(String),
    /// A key is a path without a beginning and an end.
    #[error("it must not start or end with '/'")]
    Slash,
    /// A key could lead out of its bucket's directory, or name no file.
    #[error("it must not contain the path segments '', '.' or '..'")]
    Traversal,
}

/// What the variables stand for.
#[derive(Debug, Clone, Copy)]
pub struct Values<'a> {
    /// The channel's name.
    pub channel: &'a str,
    /// The channel's id as the world sees it.
    pub channel_id: &'a str,
    /// The stream's bare name.
    pub stream: &'a str,
    /// How objects are compressed.
    pub compression: Compression,
}

impl FromStr for KeyTemplate {
    type Err = KeyTemplateError;

    fn from_str(text: &str) -> Result<Self, KeyTemplateError> {
        if text.starts_with('/') || text.ends_with('/') {
            return Err(KeyTemplateError::Slash);
        }
        let parts = parts(text)?;
        if parts.iter().all(|part| matches!(part, Part::Text(_))) {
            return Err(KeyTemplateError::NoVariable);
        }
        if text.contains("..") || text.split('/').any(|segment| matches!(segment, "" | ".")) {
            return Err(KeyTemplateError::Traversal);
        }
        Ok(Self {
            text: text.to_owned(),
            parts,
        })
    }
}

fn parts(text: &str) -> Result<Vec<Part>, KeyTemplateError> {
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (before, after) = match rest.split_once("!{") {
            Some((before, after)) => (before, Some(after)),
            None => (rest, None),
        };
        if before.contains(['{', '}']) {
            return Err(KeyTemplateError::Unbalanced);
        }
        if !before.is_empty() {
            parts.push(Part::Text(before.to_owned()));
        }
        let Some(after) = after else { break };
        let (name, behind) = after.split_once('}').ok_or(KeyTemplateError::Unbalanced)?;
        if name.contains('{') {
            return Err(KeyTemplateError::Unbalanced);
        }
        let unknown = || KeyTemplateError::UnknownVariable(name.to_owned());
        parts.push(variable(name).ok_or_else(unknown)?);
        rest = behind;
    }
    Ok(parts)
}

fn variable(name: &str) -> Option<Part> {
    Some(match name {
        "channel-name" => Part::ChannelName,
        "channel-id" => Part::ChannelId,
        "stream-name" => Part::StreamName,
        "yyyy" => Part::Time("%Y"),
        "yy" => Part::Time("%y"),
        "MM" => Part::Time("%m"),
        "dd" => Part::Time("%d"),
        "HH" => Part::Time("%H"),
        "mm" => Part::Time("%M"),
        "extension" => Part::Extension(None),
        _ => {
            let given = name.strip_prefix("extension:")?;
            let plain = !given.is_empty() && !given.contains('/');
            return plain.then(|| Part::Extension(Some(given.to_owned())));
        }
    })
}

impl KeyTemplate {
    /// As it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether keys of different channels differ by the template alone.
    #[must_use]
    pub fn names_channel(&self) -> bool {
        self.parts.contains(&Part::ChannelId)
    }

    /// The key of an object of the moment `at`. `suffix` makes it unique: it stands before the
    /// extension, where the template ends with one.
    #[must_use]
    pub fn key(&self, values: &Values<'_>, at: Millis, suffix: &str) -> String {
        let (last, before) = self.parts.split_last().expect("a template has a variable");
        let mut key = String::with_capacity(self.text.len() + suffix.len());
        for part in before {
            part.write(values, at, &mut key);
        }
        if matches!(last, Part::Extension(_)) {
            key.push_str(suffix);
            last.write(values, at, &mut key);
        } else {
            last.write(values, at, &mut key);
            key.push_str(suffix);
        }
        key
    }
}

impl Part {
    fn write(&self, values: &Values<'_>, at: Millis, key: &mut String) {
        match self {
            Self::Text(text) | Self::Extension(Some(text)) => key.push_str(text),
            Self::ChannelName => key.push_str(values.channel),
            Self::ChannelId => key.push_str(values.channel_id),
            Self::StreamName => key.push_str(values.stream),
            Self::Time(format) => key.push_str(&utc(at, format)),
            Self::Extension(None) => key.push_str(values.compression.extension()),
        }
    }
}

impl fmt::Debug for KeyTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.text)
    }
}

impl TryFrom<String> for KeyTemplate {
    type Error = KeyTemplateError;
    fn try_from(text: String) -> Result<Self, KeyTemplateError> {
        text.parse()
    }
}

impl From<KeyTemplate> for String {
    fn from(template: KeyTemplate) -> Self {
        template.text
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const VALUES: Values<'static> = Values {
        channel: "archive",
        channel_id: "id7",
        stream: "clicks",
        compression: Compression::Gzip,
    };
    /// 2026-07-20T14:03:59.999Z
    const AT: Millis = Millis(1_784_556_239_999);

    fn key(template: &str) -> String {
        let template: KeyTemplate = template.parse().unwrap();
        template.key(&VALUES, AT, "-S")
    }

    #[test]
    fn renders_every_variable() {
        assert_eq!(
            key(DEFAULT),
            "kinesis-channel/archive/id7/2026/07/20/14/archive-id7-2026-07-20-14-03-S.gz"
        );
        assert_eq!(key("!{stream-name}/y=!{yy}"), "clicks/y=26-S");
        assert_eq!(key("a/!{extension}/!{mm}"), "a/.gz/03-S");
        assert_eq!(key("a!/!{dd}!{extension:.json.gz}"), "a!/20-S.json.gz");
    }

    #[test]
    fn refuses_what_is_no_template() {
        use KeyTemplateError as E;
        let unknown = |name: &str| E::UnknownVariable(name.to_owned());
        for (template, error) in [
            ("static-prefix-only", E::NoVariable),
            ("/data/!{yyyy}", E::Slash),
            ("data/!{yyyy}/", E::Slash),
            ("data/../!{yyyy}", E::Traversal),
            ("data/./!{yyyy}", E::Traversal),
            ("data//!{yyyy}", E::Traversal),
            ("data/!{yyyy", E::Unbalanced),
            ("data/yyyy}!{mm}", E::Unbalanced),
            ("data/{yyyy}!{mm}", E::Unbalanced),
            ("!{yy{yy}", E::Unbalanced),
            ("!{YYYY}", unknown("YYYY")),
            ("!{}", unknown("")),
            ("!{extension:}", unknown("extension:")),
            ("!{extension:a/b}", unknown("extension:a/b")),
        ] {
            assert_eq!(template.parse::<KeyTemplate>(), Err(error), "{template}");
        }
    }

    proptest! {
        #[test]
        fn what_is_taken_is_stored_and_read_again(text in "[0-9a-z!/{}.:-]{1,30}|(x|!\\{mm\\}|/){1,6}") {
            if let Ok(template) = text.parse::<KeyTemplate>() {
                let stored = serde_json::to_vec(&template).unwrap();
                let read: KeyTemplate = serde_json::from_slice(&stored).unwrap();
                prop_assert_eq!(&read, &template);
                let key = read.key(&VALUES, AT, "-S");
                let filled_in = key.contains("-S") && !key.contains("!{mm");
                prop_assert!(filled_in, "{}", key);
            }
        }
    }
}
