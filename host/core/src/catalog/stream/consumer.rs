//! Registered consumers of a stream (enhanced fan-out).

use serde::{Deserialize, Serialize};

use super::{Status, Tags, Transition};
use crate::{name::ConsumerName, time::Millis};

/// A registered consumer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consumer {
    /// Its name, unique within the stream.
    pub name: ConsumerName,
    /// When it was registered; part of its ARN, in seconds.
    pub created: Millis,
    /// The newest change, while it shows.
    #[serde(default)]
    pub transition: Option<Transition>,
    /// Its tags.
    #[serde(default)]
    pub tags: Tags,
    /// Its resource policy, as JSON.
    #[serde(default)]
    pub policy: Option<String>,
}

impl Consumer {
    /// What it is doing.
    #[must_use]
    pub fn status(&self, now: Millis) -> Status {
        Transition::status(self.transition, now)
    }

    /// Whether it was deregistered, and does not even show as that any more.
    #[must_use]
    pub fn is_gone(&self, now: Millis) -> bool {
        Transition::is_over(self.transition, now)
    }
}
