//! Names that users give, parsed once at the edge; inside there are no raw strings.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::limit;

/// Why a name was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidNameError {
    /// It has no character at all.
    #[error("{kind} name is empty")]
    Empty {
        /// What was to be named.
        kind: &'static str,
    },
    /// It is longer than names of its kind may be.
    #[error("{kind} name has {length} characters, at most {limit} are allowed")]
    TooLong {
        /// What was to be named.
        kind: &'static str,
        /// How long it was.
        length: usize,
        /// How long it may be.
        limit: usize,
    },
    /// It has digits only, which would be taken for something else.
    #[error("{kind} name is a number")]
    Number {
        /// What was to be named.
        kind: &'static str,
    },
    /// It has a character outside the allowed set.
    #[error("{kind} name has {character:?} at offset {offset}; allowed are {allowed}")]
    Character {
        /// What was to be named.
        kind: &'static str,
        /// The first offending character.
        character: char,
        /// Its byte offset.
        offset: usize,
        /// The allowed set, for people.
        allowed: &'static str,
    },
}

/// What stands between a region and a name.
const REGION_END: char = ':';

/// Whether `text` is a region such as `us-east-1` or `us-gov-west-1`.
#[must_use]
pub fn is_region(text: &str) -> bool {
    let mut parts = text.split('-');
    let letters = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase());
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let last = parts.next_back();
    text.len() <= 32 && last.is_some_and(digits) && parts.clone().count() >= 2 && parts.all(letters)
}

fn stray_region(kind: &'static str, name: &str) -> InvalidNameError {
    InvalidNameError::Character {
        kind,
        character: REGION_END,
        offset: name.find(REGION_END).unwrap_or_default(),
        allowed: "a-z, A-Z, 0-9, '_', '.', '-'",
    }
}

/// What a name may look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Letters, digits, `_` and `-`.
    Plain,
    /// The same, but not digits alone.
    Word,
    /// Also dots.
    Dotted,
    /// Also a region in front.
    Regional,
}

fn check(kind: &'static str, text: &str, limit: usize, form: Form) -> Result<(), InvalidNameError> {
    let text = match text.split_once(REGION_END) {
        Some((region, name)) if form == Form::Regional && is_region(region) => name,
        _ => text,
    };
    let dots = matches!(form, Form::Dotted | Form::Regional);
    if text.is_empty() {
        return Err(InvalidNameError::Empty { kind });
    }
    let allowed = if dots {
        "a-z, A-Z, 0-9, '_', '.', '-'"
    } else {
        "a-z, A-Z, 0-9, '_', '-'"
    };
    let bad = text
        .char_indices()
        .find(|&(_, c)| !(c.is_ascii_alphanumeric() || c == '_' || c == '-' || (dots && c == '.')));
    if let Some((offset, character)) = bad {
        return Err(InvalidNameError::Character {
            kind,
            character,
            offset,
            allowed,
        });
    }
    if form == Form::Word && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(InvalidNameError::Number { kind });
    }
    if text.len() > limit {
        return Err(InvalidNameError::TooLong {
            kind,
            length: text.len(),
            limit,
        });
    }
    Ok(())
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $limit:expr, form: $form:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<&str> for $name {
            type Error = InvalidNameError;
            fn try_from(text: &str) -> Result<Self, InvalidNameError> {
                check($kind, text, $limit, Form::$form)?;
                Ok(Self(text.into()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidNameError;
            fn try_from(text: String) -> Result<Self, InvalidNameError> {
                Self::try_from(text.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidNameError;
            fn from_str(text: &str) -> Result<Self, InvalidNameError> {
                Self::try_from(text)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.as_ref().to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }
    };
}

macro_rules! regional {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        name! {
            $(#[$doc])*
            ///
            /// Names are unique within a region. One of another region than the host's own has the
            /// form `REGION:NAME`, as in `eu-west-1:orders`.
            $name, $kind, limit::STREAM_NAME_CHARS, form: Regional
        }

        impl $name {
            /// `name` in `region`; none is the host's own.
            ///
            /// # Errors
            /// When the name is not one, or the region.
            pub fn within(region: Option<&str>, name: &str) -> Result<Self, InvalidNameError> {
                match region {
                    None if name.contains(REGION_END) => Err(stray_region($kind, name)),
                    None => name.try_into(),
                    Some(region) => format!("{region}{REGION_END}{name}").try_into(),
                }
            }

            /// The name without the region.
            #[must_use]
            pub fn name(&self) -> &str {
                self.as_str().split_once(REGION_END).map_or(self.as_str(), |(_, name)| name)
            }

            /// The region, where it is not the host's own.
            #[must_use]
            pub fn region(&self) -> Option<&str> {
                self.as_str().split_once(REGION_END).map(|(region, _)| region)
            }
        }
    };
}

regional! {
    /// A stream: `[a-zA-Z0-9_.-]{1,128}`, as Kinesis has it.
    StreamName, "stream"
}
regional! {
    /// A queue, named as streams are.
    QueueName, "queue"
}
regional! {
    /// A channel, named as streams are.
    ChannelName, "channel"
}
name! {
    /// A registered consumer of a stream: `[a-zA-Z0-9_.-]{1,128}`, as Kinesis has it.
    ConsumerName, "consumer", limit::STREAM_NAME_CHARS, form: Dotted
}
name! {
    /// A function: `[a-zA-Z0-9_-]{1,64}`, as Lambda has it.
    FunctionName, "function", limit::FUNCTION_NAME_CHARS, form: Plain
}
name! {
    /// A name for versions of a function: `[a-zA-Z0-9_-]{1,128}`, but no number, as Lambda has it.
    AliasName, "alias", limit::ALIAS_NAME_CHARS, form: Word
}
name! {
    /// A trigger, which Lambda calls an event source mapping: `[a-zA-Z0-9_-]{1,64}`.
    TriggerName, "trigger", limit::TRIGGER_NAME_CHARS, form: Plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_kinesis_takes() {
        for good in ["a", "A.b_c-9", &"x".repeat(128)] {
            assert_eq!(StreamName::try_from(good).unwrap().as_str(), good);
        }
    }

    #[test]
    fn a_name_may_lie_in_another_region() {
        let there = StreamName::within(Some("eu-west-1"), "a").unwrap();
        assert_eq!((there.region(), there.name()), (Some("eu-west-1"), "a"));
        assert_eq!(StreamName::try_from("eu-west-1:a"), Ok(there));
        let here = StreamName::within(None, "a").unwrap();
        assert_eq!((here.region(), here.name()), (None, "a"));
        assert!(StreamName::within(None, "eu-west-1:a").is_err());
        for bad in [
            "eu:a",
            "eu-west:a",
            "-1:a",
            "EU-WEST-1:a",
            "eu-west-1:",
            "eu-west-1:a:b",
            ":a",
        ] {
            assert!(StreamName::try_from(bad).is_err(), "{bad}");
        }
        assert!(FunctionName::try_from("eu-west-1:a").is_err());
        assert!(ConsumerName::try_from("eu-west-1:a").is_err());
    }

    #[test]
    fn refuses_what_could_become_a_path_or_a_statement() {
        for bad in [
            "",
            "a/b",
            "a\0b",
            "a b",
            "\u{e9}",
            "a;drop",
            "%2f",
            &"x".repeat(129),
        ] {
            assert!(StreamName::try_from(bad).is_err(), "{bad:?}");
        }
        assert!(FunctionName::try_from("a.b").is_err());
    }
}
