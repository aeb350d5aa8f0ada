//! What a handler fails with, and what becomes of the record.

use std::fmt::{self, Display};

/// What is to be done with a record that could not be processed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// Try again, beginning with this record.
    Retry,
    /// Do not try again: the record goes to the dead letters and the batch goes on.
    Reject,
}

/// Why a record or a batch could not be processed.
///
/// Any error that `?` converts means "try again later". [`Error::reject`] says that trying again
/// would not help.
///
/// ```
/// use millstream_sdk::{Context, Error, Record, handler};
///
/// #[handler]
/// fn add(record: Record<'_>, cx: &mut Context) -> Result<(), Error> {
///     let number: i64 = record.text()?.parse().map_err(Error::reject)?;
///     let sum = cx.state().get("sum")?.unwrap_or(0) + number;
///     cx.state().set("sum", &sum)
/// }
///
/// # fn main() {
/// let outcome = millstream_sdk::testing::run(add, [("k", "1"), ("k", "two"), ("k", "3")]);
/// assert_eq!(outcome.state::<i64>("sum"), Some(4));
/// assert_eq!(outcome.failures[0].index, 1);
/// # }
/// ```
// Not itself a `std::error::Error`: the conversion below would then overlap with the identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    disposition: Disposition,
    reason: String,
}

impl Error {
    /// The record is to be tried again, and nothing after it before.
    pub fn retry(reason: impl Display) -> Self {
        Self::new(Disposition::Retry, reason)
    }

    /// The record is never to be tried again.
    pub fn reject(reason: impl Display) -> Self {
        Self::new(Disposition::Reject, reason)
    }

    fn new(disposition: Disposition, reason: impl Display) -> Self {
        let reason = reason.to_string();
        Self {
            disposition,
            reason,
        }
    }

    /// What is to be done.
    #[must_use]
    pub fn disposition(&self) -> Disposition {
        self.disposition
    }

    /// Why, for people.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    pub(crate) fn into_reason(self) -> String {
        self.reason
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl<E: std::error::Error> From<E> for Error {
    fn from(error: E) -> Self {
        Self::retry(error)
    }
}
