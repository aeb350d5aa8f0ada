//! An alert as it is given out.

use jiff::Timestamp;
use millstream_sdk::Record;
use serde::{Deserialize, Serialize};

/// What is the matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Somebody looks for holes.
    Scanner,
    /// The site fails.
    ServerErrors,
    /// Many requests are refused.
    ClientErrors,
}

/// What somebody should look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Alert {
    /// What is the matter.
    pub kind: Kind,
    /// With whom: a client, or `*` for the site.
    pub subject: String,
    /// When, in the time of the log.
    pub time: Timestamp,
    /// The same for people.
    pub message: String,
    /// How many requests gave rise to it.
    pub count: u64,
    /// Of how many, where that is known.
    pub requests: Option<u64>,
    /// Some of the paths.
    pub examples: Vec<String>,
}

/// Whether a record only marks the end of an input.
#[must_use]
pub fn is_flush(record: Record<'_>) -> bool {
    #[derive(Deserialize)]
    struct Flush {
        flush: bool,
    }
    record.json().is_ok_and(|Flush { flush }| flush)
}
