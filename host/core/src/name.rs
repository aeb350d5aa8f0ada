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

fn check(kind: &'static str, text: &str, limit: usize, dots: bool) -> Result<(), InvalidNameError> {
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
    ($(#[$doc:meta])* $name:ident, $kind:literal, $limit:expr, dots: $dots:literal) => {
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
                check($kind, text, $limit, $dots)?;
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

name! {
    /// A stream: `[a-zA-Z0-9_.-]{1,128}`, as Kinesis has it.
    StreamName, "stream", limit::STREAM_NAME_CHARS, dots: true
}
name! {
    /// A function: `[a-zA-Z0-9_-]{1,64}`, as Lambda has it.
    FunctionName, "function", limit::FUNCTION_NAME_CHARS, dots: false
}
name! {
    /// A trigger, which Lambda calls an event source mapping: `[a-zA-Z0-9_-]{1,64}`.
    TriggerName, "trigger", limit::TRIGGER_NAME_CHARS, dots: false
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
