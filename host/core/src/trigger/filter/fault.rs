//! Why a filter cannot be used, and where in its pattern the reason is.

use thiserror::Error;

use super::wildcard::WildcardError;
use crate::limit;

/// Filters that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FilterError {
    /// There are too many.
    #[error("{0} filters; allowed are {max}", max = limit::FILTERS)]
    TooMany(usize),
    /// A pattern is not right.
    #[error("filters[{filter}].pattern: {error}")]
    Pattern {
        /// Which filter, from 0.
        filter: usize,
        /// What is wrong with its pattern.
        error: PatternError,
    },
}

/// A pattern that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternError {
    /// Where: fields and list indexes from the outside in, as `data.price[0].numeric`. Empty for the
    /// whole.
    pub at: String,
    /// What is wrong there.
    pub fault: Fault,
}

/// What can be wrong with a pattern.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Fault {
    /// It is not JSON.
    #[error("it is not JSON: {0}")]
    NotJson(String),
    /// It is JSON, but not an object.
    #[error("a pattern is an object")]
    NotAnObject,
    /// It has too many characters.
    #[error("it has {0} characters; allowed are {max}", max = limit::FILTER_PATTERN_CHARS)]
    TooLong(usize),
    /// `data` has values of its own, but what is matched of a record's data are its fields.
    #[error("data takes an object with the fields of the records")]
    DataHasNoFields,
    /// An object without any field.
    #[error("an object has at least one field")]
    EmptyObject,
    /// A list without any value.
    #[error("a list has at least one value")]
    EmptyList,
    /// A field has something else than values or further fields.
    #[error("a field takes a list of values or an object of fields, not {0}")]
    NotAList(&'static str),
    /// A list of values holds something else.
    #[error("a value is a string, a number, true, false, null or an operator, not {0}")]
    NotAValue(&'static str),
    /// An operator's object holds no operator, or more than one.
    #[error("an operator stands alone in its object; here are {0} names")]
    NotOneOperator(usize),
    /// There is no such operator.
    #[error(
        "`{0}` is no operator; there are anything-but, cidr, equals-ignore-case, exactly, exists, \
        numeric, prefix, suffix and wildcard"
    )]
    UnknownOperator(String),
    /// An operator that anything-but does not take.
    #[error("anything-but takes prefix, suffix, equals-ignore-case and wildcard, and not `{0}`")]
    NotToNegate(String),
    /// An operator has a wrong operand.
    #[error("it takes {0}")]
    Operand(&'static str),
    /// A wildcard is not right.
    #[error(transparent)]
    Wildcard(#[from] WildcardError),
    /// `$or` has not two objects or more.
    #[error("$or takes a list of at least two objects")]
    Alternatives,
    /// An operator's name is used for a field within `$or`.
    #[error("`{0}` is an operator; within $or no field has its name")]
    Reserved(String),
    /// A field is named twice, once with dots or within `$or`.
    #[error("the same field is named a second time")]
    Twice,
    /// Fields lie too deep.
    #[error("its fields lie deeper than {max} levels", max = limit::FILTER_NESTING)]
    TooDeep,
    /// The alternatives have too many combinations.
    #[error(
        "the alternatives of $or have more than {max} combinations",
        max = limit::FILTER_WAYS
    )]
    TooManyWays,
    /// The combinations have too many fields.
    #[error(
        "the combinations of $or have more than {max} fields together",
        max = limit::FILTER_FIELDS
    )]
    TooManyFields,
}

impl PatternError {
    pub(super) fn new(fault: impl Into<Fault>) -> Self {
        Self {
            at: String::new(),
            fault: fault.into(),
        }
    }

    /// The same, seen from outside of `field`.
    pub(super) fn under(mut self, field: &str) -> Self {
        let separator = match self.at.chars().next() {
            None | Some('[') => "",
            Some(_) => ".",
        };
        self.at = format!("{field}{separator}{}", self.at);
        self
    }

    /// The same, seen from outside of the list that it is in.
    pub(super) fn within(self, index: usize) -> Self {
        self.under(&format!("[{index}]"))
    }
}

impl std::error::Error for PatternError {}

impl std::fmt::Display for PatternError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { at, fault } = self;
        if at.is_empty() {
            write!(f, "{fault}")
        } else {
            write!(f, "at `{at}`: {fault}")
        }
    }
}
