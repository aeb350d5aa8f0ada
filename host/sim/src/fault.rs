//! What goes wrong at the moment: set by the scenario, asked by the log and the functions.

use crate::{chance::Chance, clock};

/// Odds are of a thousand.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults {
    /// How long a sync takes at most.
    pub(crate) sync_ms: u64,
    /// How long a read takes at most.
    pub(crate) read_ms: u64,
    /// How long a call takes at most.
    pub(crate) call_ms: u64,
    /// Until when the disk is full.
    pub(crate) full_until: u64,
    /// Until when nothing can be read.
    pub(crate) unreadable_until: u64,
    /// Commits whose outcome nobody tells.
    pub(crate) ambiguous: u64,
    /// Commits that are refused because too much waits.
    pub(crate) busy: u64,
    /// Commits that find the log failed.
    pub(crate) unavailable: u64,
    /// Reads that fail.
    pub(crate) unreadable: u64,
    /// Reads that give less than there is.
    pub(crate) short: u64,
    /// Calls that the host has no room for, or that it fails.
    pub(crate) uncallable: u64,
    /// Calls that take much longer than others.
    pub(crate) slow: u64,
    /// After how many transactions the host ends.
    pub(crate) transactions_left: Option<u64>,
}

/// What becomes of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Durable,
    Full,
    Unavailable,
    /// Written, but nobody says so.
    Untold,
    /// Not written, and nobody says so.
    Lost,
}

impl Faults {
    /// A calm world. What is slow stays slow.
    pub(crate) fn end(&mut self) {
        *self = Self {
            sync_ms: self.sync_ms,
            read_ms: self.read_ms,
            call_ms: self.call_ms,
            ..Self::default()
        };
    }

    pub(crate) fn fate(&self, chance: &mut Chance) -> Fate {
        if clock::elapsed() < self.full_until {
            Fate::Full
        } else if chance.odds(self.ambiguous) {
            chance.pick(&[Fate::Untold, Fate::Lost])
        } else if chance.odds(self.unavailable) {
            Fate::Unavailable
        } else {
            Fate::Durable
        }
    }

    pub(crate) fn is_unreadable(&self, chance: &mut Chance) -> bool {
        clock::elapsed() < self.unreadable_until || chance.odds(self.unreadable)
    }

    /// Whether the host ends with the transaction that is written next.
    pub(crate) fn ends_now(&mut self) -> bool {
        let Some(left) = self.transactions_left else {
            return false;
        };
        self.transactions_left = left.checked_sub(1);
        left == 0
    }
}
