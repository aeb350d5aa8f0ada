//! When a stream was said to be encrypted, so that each record reads as it was put.

use serde::{Deserialize, Serialize};

use crate::time::Millis;

/// Times that are remembered at most; the oldest go first.
const PERIODS: usize = 200;

/// When records were put as encrypted. Whether they are now, the stream's key tells.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Encryption {
    /// Since when there has been a key, where there is one. Entries from before this was kept say
    /// that there always was.
    since: Millis,
    /// When there was one before, in order.
    before: Vec<Period>,
}

/// A half-open range of arrival times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Period {
    from: Millis,
    until: Millis,
}

impl Encryption {
    /// Begins at `now`.
    pub(super) fn start(&mut self, now: Millis) {
        self.since = now;
    }

    /// Ends at `now`. What ended before `horizon` is forgotten: no record is that old.
    pub(super) fn stop(&mut self, now: Millis, horizon: Millis) {
        let from = self.since;
        self.before.push(Period { from, until: now });
        self.before.retain(|period| period.until > horizon);
        let surplus = self.before.len().saturating_sub(PERIODS);
        self.before.drain(..surplus);
        self.since = Millis::default();
    }

    /// Whether a record of that arrival was put as encrypted, of a stream that is so now or not.
    pub(super) fn covers(&self, arrival: Millis, is_on: bool) -> bool {
        let within = |period: &Period| period.from <= arrival && arrival < period.until;
        is_on && arrival >= self.since || self.before.iter().any(within)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covered(encryption: &Encryption, is_on: bool) -> Vec<u64> {
        let covers = |&at: &u64| encryption.covers(Millis(at), is_on);
        (0..60).step_by(5).filter(covers).collect()
    }

    #[test]
    fn each_time_has_what_held_then() {
        let mut encryption = Encryption::default();
        assert!(covered(&encryption, false).is_empty());
        encryption.start(Millis(10));
        assert_eq!(covered(&encryption, true)[..2], [10, 15]);
        encryption.stop(Millis(20), Millis(0));
        assert_eq!(covered(&encryption, false), [10, 15]);
        encryption.start(Millis(50));
        assert_eq!(covered(&encryption, true), [10, 15, 50, 55]);
    }

    #[test]
    fn an_entry_that_tells_no_time_was_always_encrypted() {
        let mut encryption = Encryption::default();
        assert_eq!(covered(&encryption, true).len(), 12);
        encryption.stop(Millis(10), Millis(0));
        assert_eq!(covered(&encryption, false), [0, 5]);
    }

    #[test]
    fn what_no_record_is_old_enough_for_is_forgotten() {
        let mut encryption = Encryption::default();
        for at in 0..10_000 {
            encryption.start(Millis(2 * at));
            encryption.stop(Millis(2 * at + 1), Millis((2 * at).saturating_sub(100)));
            assert!(encryption.before.len() <= 51);
        }
        for at in 10_000..11_000 {
            encryption.start(Millis(2 * at));
            encryption.stop(Millis(2 * at + 1), Millis(0));
            assert!(encryption.before.len() <= PERIODS);
        }
        assert!(encryption.covers(Millis(21_998), false));
        assert!(!encryption.covers(Millis(21_999), false));
    }
}
