//! The account's settings.

use serde::{Deserialize, Serialize};

use crate::time::Millis;

/// What holds for all streams.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Since when the account is committed to pay for a throughput, which allows more to its streams.
    #[serde(default)]
    pub committed_since: Option<Millis>,
    /// When it last ended the commitment.
    #[serde(default)]
    pub commitment_ended: Option<Millis>,
}

impl Account {
    /// With the commitment made or ended at `now`.
    #[must_use]
    pub fn committed(self, committed: bool, now: Millis) -> Self {
        match (committed, self.committed_since) {
            (true, None) => Self {
                committed_since: Some(now),
                commitment_ended: None,
            },
            (false, Some(_)) => Self {
                committed_since: None,
                commitment_ended: Some(now),
            },
            _ => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commitment_keeps_the_moment_it_was_made() {
        let made = Account::default().committed(true, Millis(1));
        assert_eq!(made.committed(true, Millis(2)), made);
        let ended = made.committed(false, Millis(3));
        assert_eq!(ended.commitment_ended, Some(Millis(3)));
        assert_eq!(ended.committed(false, Millis(4)), ended);
    }
}
