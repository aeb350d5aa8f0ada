//! A bucket of tokens: so many a second, and no more than a second's worth saved up.

use crate::time::Millis;

/// Thousandths, so that a millisecond's share of any rate is whole.
const SCALE: i64 = 1000;

/// Knows no clock: it is told the time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bucket {
    /// Tokens a second.
    rate: i64,
    /// Thousandths of a token; below 0 where more was taken than there was.
    left: i64,
    at: Millis,
}

impl Bucket {
    /// A full one.
    #[must_use]
    pub(crate) fn new(rate: u32, now: Millis) -> Self {
        let rate = i64::from(rate);
        Self {
            rate,
            left: rate * SCALE,
            at: now,
        }
    }

    /// Whether `count` tokens can be taken. What is more than a full bucket can be taken from a full one.
    pub(crate) fn allows(&mut self, count: usize, now: Millis) -> bool {
        // A second fills any bucket; one that is in debt may take longer.
        let passed = i64::try_from(now.since(self.at)).unwrap_or(i64::MAX);
        let gained = self.rate.saturating_mul(passed);
        let full = self.rate * SCALE;
        self.left = self.left.saturating_add(gained).min(full);
        // Not back: a clock that does so gives nothing twice.
        self.at = self.at.max(now);
        self.left >= scaled(count).min(full)
    }

    /// Takes `count` tokens, whether or not they are there.
    pub(crate) fn take(&mut self, count: usize) {
        self.left = self.left.saturating_sub(scaled(count));
    }

    /// Whether nothing is missing at `now`, so that a new one would be the same.
    #[must_use]
    pub(crate) fn is_full(&self, now: Millis) -> bool {
        self.clone().allows(usize::MAX, now)
    }
}

fn scaled(count: usize) -> i64 {
    i64::try_from(count)
        .unwrap_or(i64::MAX)
        .saturating_mul(SCALE)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_bucket_that_is_emptied_fills_again_within_a_second() {
        let mut bucket = Bucket::new(5, Millis(0));
        for _ in 0..5 {
            assert!(bucket.allows(1, Millis(0)));
            bucket.take(1);
        }
        assert!(!bucket.allows(1, Millis(199)));
        assert!(bucket.allows(1, Millis(200)));
        assert!(!bucket.is_full(Millis(999)) && bucket.is_full(Millis(1000)));
    }

    #[test]
    fn more_than_a_second_holds_goes_once_and_is_paid_back() {
        let mut bucket = Bucket::new(10, Millis(0));
        assert!(bucket.allows(30, Millis(0)));
        bucket.take(30);
        assert!(!bucket.allows(1, Millis(2_000)));
        assert!(bucket.allows(1, Millis(2_100)));
    }

    #[test]
    fn a_clock_that_goes_back_gives_nothing_twice() {
        let mut bucket = Bucket::new(1, Millis(5_000));
        bucket.take(1);
        assert!(!bucket.allows(1, Millis(0)));
        assert!(!bucket.allows(1, Millis(5_999)));
        assert!(bucket.allows(1, Millis(6_000)));
    }

    proptest! {
        #[test]
        fn no_more_goes_than_flows_in(
            rate in 1..2_000_000u32,
            takes in prop::collection::vec((0..5_000u64, 0..3_000_000usize), 1..60),
        ) {
            let mut bucket = Bucket::new(rate, Millis(0));
            let (mut now, mut taken, mut last) = (Millis(0), 0, 0);
            for (pause, count) in takes {
                now = now.plus(pause);
                if bucket.allows(count, now) {
                    bucket.take(count);
                    taken += count as u64;
                    last = count as u64;
                }
            }
            let flowed = u64::from(rate) * (now.0 + 1000) / 1000;
            // Only the last one may be more than what there was.
            prop_assert!(taken <= flowed + last, "{} of {}", taken, flowed);
        }
    }
}
