//! What a channel has done since the host started, and what keeps it from going on.

use std::sync::{Mutex, MutexGuard, PoisonError};

use millstream_core::channel::pace;

use crate::error::DeliveryError;

/// Shared by a channel's lanes.
#[derive(Debug, Default)]
pub(crate) struct Board(Mutex<Tally>);

/// What is counted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    pub(crate) objects: u64,
    pub(crate) bytes: u64,
    pub(crate) records: u64,
    pub(crate) dead_letters: u64,
    pub(crate) failed_attempts: u64,
    trouble: Option<Trouble>,
}

/// Attempts that failed since the last that did not.
#[derive(Debug, Clone)]
struct Trouble {
    attempts: u32,
    definite: bool,
    what: String,
}

impl Board {
    pub(crate) fn tally(&self) -> MutexGuard<'_, Tally> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn failed(&self, error: &DeliveryError) {
        let mut tally = self.tally();
        tally.failed_attempts += 1;
        let attempts = tally.trouble.as_ref().map_or(0, |trouble| trouble.attempts);
        tally.trouble = Some(Trouble {
            attempts: attempts + 1,
            definite: error.is_definite(),
            what: error.to_string(),
        });
    }

    pub(crate) fn succeeded(&self) {
        self.tally().trouble = None;
    }

    /// Why the channel is to be shown as failed; nothing while it works or may soon work again.
    pub(crate) fn failure(&self) -> Option<String> {
        let tally = self.tally();
        let trouble = tally.trouble.as_ref()?;
        let shown = trouble.definite || trouble.attempts >= pace::ATTEMPTS_SHOWN;
        shown.then(|| trouble.what.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_is_shown_as_failed_when_it_will_not_mend_itself() {
        let board = Board::default();
        let passing = DeliveryError::Unreachable {
            bucket: "b".into(),
            what: "no route".into(),
        };
        for _ in 1..pace::ATTEMPTS_SHOWN {
            board.failed(&passing);
            assert_eq!(board.failure(), None);
        }
        board.failed(&passing);
        assert_eq!(
            board.failure(),
            Some("bucket `b` did not answer: no route".into())
        );
        board.succeeded();
        assert_eq!(board.failure(), None);
        board.failed(&DeliveryError::Nowhere);
        assert!(
            board
                .failure()
                .is_some_and(|what| what.contains("--channel-directory"))
        );
    }
}
