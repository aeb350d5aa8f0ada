//! What a lane remembers over a restart: where it stands, and the batch that it is struggling with.
//!
//! Stored as JSON under [`crate::catalog::key::lane`]. A field that this program does not know is
//! an error: going on without it could deliver a record twice.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::window::OpenWindow;
use crate::{planted::Bug, port::ReadError, position::Position};

/// Where a lane stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// The next record to process; everything before it is done or given up.
    pub next: Position,
    /// The batch that begins there, where its extent is decided already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<Pending>,
    /// Where the batches end that follow the pending one, the next one last: what remains of batches
    /// that were halved. Empty where nothing is pending.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub splits: Vec<Position>,
    /// The tumbling window that is not closed yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<OpenWindow>,
}

/// A batch that was tried, or that remains of one that was done in part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pending {
    /// The position after its last record.
    pub end: Position,
    /// How often it failed.
    pub attempts: u32,
    /// Why it failed the last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Arc<str>>,
    /// Whether the rest of it goes to the dead letters.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub given_up: bool,
    /// Whether the function came to its end the last time, and it is its answer that failed the batch.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reported: bool,
}

impl Pending {
    /// A batch that was not tried yet.
    #[must_use]
    pub fn new(end: Position) -> Self {
        Self {
            end,
            attempts: 0,
            error: None,
            given_up: false,
            reported: false,
        }
    }
}

/// Why a lane does not know where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LoadError {
    /// The log could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// What is stored is not what this program writes.
    #[error("the checkpoint is not readable: {0}")]
    Unreadable(String),
}

impl Checkpoint {
    /// With nothing tried yet.
    #[must_use]
    pub fn at(next: Position) -> Self {
        Self {
            next,
            pending: None,
            splits: Vec::new(),
            window: None,
        }
    }

    /// With no window, at `next`, where `pending` begins if it is anything, and the first of `splits` if it is not.
    #[must_use]
    pub fn before(next: Position, pending: Option<Pending>, mut splits: Vec<Position>) -> Self {
        let mut following = || {
            // Retention may have taken all of some.
            if Bug::SplitsInDisorder.is_here() {
                splits.reverse();
            }
            let end = std::iter::from_fn(|| splits.pop()).find(|&end| end > next)?;
            Some(Pending::new(end))
        };
        let pending = pending.or_else(&mut following);
        Self {
            next,
            pending,
            splits,
            window: None,
        }
    }

    /// As it is stored.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        serde_json::to_vec(self)
            .expect("numbers and text always encode")
            .into()
    }

    /// From what was stored.
    ///
    /// # Errors
    /// When it is not what this program writes.
    pub fn decode(stored: &[u8]) -> Result<Self, LoadError> {
        serde_json::from_slice(stored).map_err(|error| LoadError::Unreadable(error.to_string()))
    }

    /// Failed attempts of the pending batch.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.pending.as_ref().map_or(0, |pending| pending.attempts)
    }

    /// Why what is pending failed the last time: closing the window goes before the next batch.
    #[must_use]
    pub fn error(&self) -> Option<&Arc<str>> {
        let closing = self
            .window
            .as_ref()
            .and_then(|window| window.error.as_ref());
        let batch = self.pending.as_ref();
        closing.or_else(|| batch.and_then(|pending| pending.error.as_ref()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::time::Millis;

    proptest! {
        #[test]
        fn what_is_stored_is_read(
            next: u64,
            pending in prop::option::of((any::<u64>(), any::<u32>(), prop::option::of(".*"), any::<bool>(), any::<bool>())),
            splits in prop::collection::vec(any::<u64>().prop_map(Position), 0..5),
            window in prop::option::of((any::<u64>(), any::<u64>(), ".*", prop::option::of(any::<u64>()), any::<u32>())),
        ) {
            let pending = pending.map(|(end, attempts, error, given_up, reported)| Pending {
                end: Position(end),
                attempts,
                error: error.map(Arc::from),
                given_up,
                reported,
            });
            let window = window.map(|(start, end, state, until, attempts)| OpenWindow {
                start: Millis(start),
                end: Millis(end),
                state: state.as_str().into(),
                until: until.map(Position),
                attempts,
                error: None,
            });
            let checkpoint = Checkpoint { next: Position(next), pending, splits, window };
            prop_assert_eq!(Checkpoint::decode(&checkpoint.encode()), Ok(checkpoint));
        }
    }

    #[test]
    fn a_checkpoint_without_trouble_is_a_number() {
        let stored = Checkpoint::at(Position(7)).encode();
        assert_eq!(&stored[..], br#"{"next":7}"#);
    }

    #[test]
    fn a_newer_programs_checkpoint_is_refused() {
        let newer = br#"{"next":7,"thirds":[1]}"#;
        assert!(matches!(
            Checkpoint::decode(newer),
            Err(LoadError::Unreadable(_))
        ));
    }
}
