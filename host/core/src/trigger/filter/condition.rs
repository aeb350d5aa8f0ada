//! What a pattern asks of one value: a value that it must be, or an operator.

use std::cmp::Ordering;

use serde_json::Value;

use super::{cidr::Cidr, number::Number, wildcard::Wildcard};

/// One entry of a field's list. A value fulfils the field where it fulfils any of them.
#[derive(Debug, Clone)]
pub(super) enum Condition {
    Null,
    Bool(bool),
    Text(Box<str>),
    Number(Number),
    Folded(Folded),
    Prefix(Box<str>),
    Suffix(Box<str>),
    FoldedPrefix(Folded),
    FoldedSuffix(Folded),
    Wildcard(Wildcard),
    Numeric(Numeric),
    Cidr(Cidr),
    /// That there is a value.
    Exists,
    /// That there is none: no value fulfils it.
    Absent,
    /// That it is none of these.
    AnythingBut(Vec<Condition>),
}

/// Text in which the case of letters does not count.
#[derive(Debug, Clone)]
pub(super) struct Folded(Box<str>);

/// A range of numbers.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Numeric {
    pub(super) lower: Option<Bound>,
    pub(super) upper: Option<Bound>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Bound {
    pub(super) number: Number,
    /// Whether the number itself is in the range.
    pub(super) inclusive: bool,
}

impl Condition {
    /// Whether `value`, which is neither a list nor an object, fulfils it.
    pub(super) fn matches(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Exists, _) | (Self::Null, Value::Null) => true,
            (Self::Absent, _) => false,
            (Self::AnythingBut(others), value) => !others.iter().any(|c| c.matches(value)),
            (Self::Bool(wanted), Value::Bool(value)) => wanted == value,
            (Self::Number(wanted), Value::Number(value)) => {
                wanted.compare(Number::of(value)) == Ordering::Equal
            }
            (Self::Numeric(range), Value::Number(value)) => range.holds(Number::of(value)),
            (condition, Value::String(text)) => condition.matches_text(text),
            _ => false,
        }
    }

    fn matches_text(&self, text: &str) -> bool {
        match self {
            Self::Text(wanted) => **wanted == *text,
            Self::Folded(wanted) => wanted.is(text),
            Self::Prefix(prefix) => text.starts_with(&**prefix),
            Self::Suffix(suffix) => text.ends_with(&**suffix),
            Self::FoldedPrefix(prefix) => prefix.begins(text),
            Self::FoldedSuffix(suffix) => suffix.ends(text),
            Self::Wildcard(wildcard) => wildcard.matches(text),
            Self::Cidr(cidr) => cidr.matches(text),
            _ => false,
        }
    }
}

impl Folded {
    pub(super) fn new(text: &str) -> Self {
        Self(fold(text).collect::<String>().into_boxed_str())
    }

    fn is(&self, text: &str) -> bool {
        fold(text).eq(self.0.chars())
    }

    fn begins(&self, text: &str) -> bool {
        let mut text = fold(text);
        self.0.chars().all(|char| text.next() == Some(char))
    }

    fn ends(&self, text: &str) -> bool {
        let mut text = fold(text).rev();
        self.0.chars().rev().all(|char| text.next() == Some(char))
    }
}

/// Unicode's lower case, a character at a time.
fn fold(text: &str) -> impl DoubleEndedIterator<Item = char> + '_ {
    text.chars().flat_map(char::to_lowercase)
}

impl Numeric {
    fn holds(&self, number: Number) -> bool {
        let beyond = |bound: &Bound, way: Ordering| {
            let order = number.compare(bound.number);
            order == way || (bound.inclusive && order == Ordering::Equal)
        };
        self.lower
            .is_none_or(|bound| beyond(&bound, Ordering::Greater))
            && self
                .upper
                .is_none_or(|bound| beyond(&bound, Ordering::Less))
    }

    /// Whether no number is in it.
    pub(super) fn is_empty(&self) -> bool {
        let (Some(lower), Some(upper)) = (self.lower, self.upper) else {
            return false;
        };
        match lower.number.compare(upper.number) {
            Ordering::Less => false,
            Ordering::Equal => !(lower.inclusive && upper.inclusive),
            Ordering::Greater => true,
        }
    }
}
