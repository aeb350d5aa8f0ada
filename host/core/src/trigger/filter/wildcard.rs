//! Text with `*` for any characters, none included; `\*` and `\\` stand for the characters.
//!
//! The parts between asterisks are found one after another, each at its first place, which is as good
//! as any: a match takes time in the order of the text's length.

use thiserror::Error;

use crate::limit;

/// Why a text is not a wildcard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum WildcardError {
    /// A backslash before anything else than `*` or a backslash.
    #[error("a backslash stands before `*` or a backslash only; see character {0}")]
    Escape(usize),
    /// Two asterisks in a row.
    #[error("two `*` in a row; see character {0}")]
    Consecutive(usize),
    /// More asterisks than are allowed.
    #[error("{0} `*`; allowed are {max}", max = limit::FILTER_WILDCARDS)]
    TooMany(usize),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wildcard {
    /// What stands before the first `*`; all of it where there is none.
    first: Box<str>,
    /// What stands after each `*`.
    rest: Vec<Box<str>>,
}

impl Wildcard {
    pub(super) fn parse(text: &str) -> Result<Self, WildcardError> {
        let mut parts = vec![String::new()];
        let mut after_star = false;
        let mut chars = text.chars().enumerate();
        while let Some((at, char)) = chars.next() {
            let star = char == '*';
            if star && after_star {
                return Err(WildcardError::Consecutive(at));
            }
            after_star = star;
            if star {
                parts.push(String::new());
                continue;
            }
            let plain = match char {
                '\\' => match chars.next() {
                    Some((_, escaped @ ('*' | '\\'))) => escaped,
                    _ => return Err(WildcardError::Escape(at)),
                },
                plain => plain,
            };
            if let Some(part) = parts.last_mut() {
                part.push(plain);
            }
        }
        let stars = parts.len() - 1;
        if stars > limit::FILTER_WILDCARDS {
            return Err(WildcardError::TooMany(stars));
        }
        let mut parts = parts.into_iter().map(String::into_boxed_str);
        Ok(Self {
            first: parts.next().unwrap_or_default(),
            rest: parts.collect(),
        })
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        let Some((last, middle)) = self.rest.split_last() else {
            return *self.first == *text;
        };
        let inner = text
            .strip_prefix(&*self.first)
            .and_then(|text| text.strip_suffix(&**last));
        let Some(mut left) = inner else {
            return false;
        };
        middle.iter().all(|part| match left.split_once(&**part) {
            Some((_, after)) => {
                left = after;
                true
            }
            None => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Tries everything: for each `*`, every length.
    fn oracle(pattern: &[char], text: &[char]) -> bool {
        match (pattern, text) {
            ([], text) => text.is_empty(),
            (['*', rest @ ..], _) => (0..=text.len()).any(|taken| oracle(rest, &text[taken..])),
            (['\\', escaped, rest @ ..], [char, text @ ..]) => {
                escaped == char && oracle(rest, text)
            }
            ([plain, rest @ ..], [char, text @ ..]) if *plain != '\\' => {
                plain == char && oracle(rest, text)
            }
            _ => false,
        }
    }

    fn chars(text: &str) -> Vec<char> {
        text.chars().collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5_000))]

        #[test]
        fn agrees_with_trying_everything(
            pattern in r"([ab*]|\\\*|\\\\){0,8}", text in r"[ab*\\]{0,9}",
        ) {
            match Wildcard::parse(&pattern) {
                Ok(wildcard) => prop_assert_eq!(
                    wildcard.matches(&text), oracle(&chars(&pattern), &chars(&text))
                ),
                Err(error) => prop_assert!(matches!(error, WildcardError::Consecutive(_))),
            }
        }

        #[test]
        fn any_text_is_taken_or_refused(pattern in ".*", text in ".*") {
            if let Ok(wildcard) = Wildcard::parse(&pattern) {
                wildcard.matches(&text);
            }
        }
    }

    #[test]
    fn an_error_says_at_which_character() {
        assert_eq!(Wildcard::parse("a**"), Err(WildcardError::Consecutive(2)));
        assert_eq!(Wildcard::parse("a\\b"), Err(WildcardError::Escape(1)));
        assert_eq!(Wildcard::parse("ab\\"), Err(WildcardError::Escape(2)));
        assert!(Wildcard::parse("*\\**").is_ok());
        let most = "*a".repeat(limit::FILTER_WILDCARDS);
        assert!(Wildcard::parse(&most).is_ok());
        let more = format!("{most}*");
        let stars = limit::FILTER_WILDCARDS + 1;
        assert_eq!(Wildcard::parse(&more), Err(WildcardError::TooMany(stars)));
    }

    /// A matcher that goes back at every asterisk would not come to an end here.
    #[test]
    fn many_asterisks_cost_no_more_than_few() {
        let pattern = format!("{}b", "*a".repeat(limit::FILTER_WILDCARDS));
        let text = "a".repeat(1 << 20);
        assert!(!Wildcard::parse(&pattern).unwrap().matches(&text));
        assert!(Wildcard::parse(&pattern).unwrap().matches(&(text + "b")));
    }
}
