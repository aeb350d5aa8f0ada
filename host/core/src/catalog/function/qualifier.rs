//! What stands behind the colon in `name:1`, `name:alias` and `name:$LATEST`.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::name::{AliasName, InvalidNameError};

/// Which version of a function is meant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Qualifier {
    /// The function as it is now.
    Latest,
    /// A version that was published.
    Number(u64),
    /// A version by a name.
    Alias(AliasName),
}

/// Lambda's word for the function as it is now.
pub const LATEST: &str = "$LATEST";

impl TryFrom<&str> for Qualifier {
    type Error = InvalidNameError;

    fn try_from(text: &str) -> Result<Self, InvalidNameError> {
        if text == LATEST {
            return Ok(Self::Latest);
        }
        match text.parse() {
            // No sign and no leading zero: each version has one name.
            Ok(number) if u64::to_string(&number) == text => Ok(Self::Number(number)),
            _ => text.try_into().map(Self::Alias),
        }
    }
}

impl TryFrom<String> for Qualifier {
    type Error = InvalidNameError;

    fn try_from(text: String) -> Result<Self, InvalidNameError> {
        Self::try_from(text.as_str())
    }
}

impl fmt::Display for Qualifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latest => f.write_str(LATEST),
            Self::Number(number) => write!(f, "{number}"),
            Self::Alias(name) => write!(f, "{name}"),
        }
    }
}

impl From<Qualifier> for String {
    fn from(qualifier: Qualifier) -> Self {
        qualifier.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_versions_and_other_words_aliases() {
        let of = |text: &str| Qualifier::try_from(text);
        assert_eq!(of("$LATEST"), Ok(Qualifier::Latest));
        assert_eq!(of("12"), Ok(Qualifier::Number(12)));
        assert_eq!(of("live"), Ok(Qualifier::Alias("live".try_into().unwrap())));
        for text in ["$LATEST", "12", "live", "1x"] {
            assert_eq!(of(text).unwrap().to_string(), text);
        }
        for bad in ["", "$latest", "a.b", "012", "00"] {
            assert!(of(bad).is_err(), "{bad}");
        }
    }
}
