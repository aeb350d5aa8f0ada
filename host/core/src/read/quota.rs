//! What a shard gives in a second by GetRecords. Kinesis refuses more; this host does so where it is
//! asked to.

use crate::{bucket::Bucket, limit, time::Millis};

/// What one shard still gives.
#[derive(Debug, Clone)]
pub struct Quota {
    calls: Bucket,
    /// When what was given would have flowed out at the shard's rate.
    flowed: Millis,
}

impl Quota {
    /// Of a shard that gave nothing for a second.
    #[must_use]
    pub fn new(now: Millis) -> Self {
        Self {
            calls: Bucket::new(limit::SHARD_READS, now),
            flowed: Millis(0),
        }
    }

    /// Whether the shard answers a call; it is counted then.
    pub fn call(&mut self, now: Millis) -> bool {
        let room = self.flowed <= now && self.calls.allows(1, now);
        if room {
            self.calls.take(1);
        }
        room
    }

    /// Counts what a call gave.
    ///
    /// What is within a second's worth may come in several calls. More than that in one call has to
    /// flow out first: 10 MiB take five seconds.
    pub fn gave(&mut self, bytes: usize, now: Millis) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let rate = u64::from(limit::SHARD_BYTES_OUT);
        let saved = if bytes > rate { 0 } else { 1000 };
        let from = self.flowed.max(Millis(now.0.saturating_sub(saved)));
        self.flowed = from.plus(bytes.saturating_mul(1000) / rate);
    }

    /// Whether a new one would be the same.
    #[must_use]
    pub fn is_idle(&self, now: Millis) -> bool {
        self.flowed.plus(1000) <= now && self.calls.is_full(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_calls_go_in_a_second() {
        let mut quota = Quota::new(Millis(0));
        assert!((0..5).all(|_| quota.call(Millis(5_000))));
        assert!(!quota.call(Millis(5_199)));
        assert!(quota.call(Millis(5_200)));
    }

    #[test]
    fn ten_mebibytes_are_followed_by_five_seconds_of_nothing() {
        let mut quota = Quota::new(Millis(0));
        let now = Millis(60_000);
        assert!(quota.call(now));
        quota.gave(10 << 20, now);
        assert!(!quota.call(now.plus(4_999)));
        assert!(quota.call(now.plus(5_000)));
    }

    #[test]
    fn two_mebibytes_may_come_in_parts() {
        let mut quota = Quota::new(Millis(0));
        let now = Millis(60_000);
        for _ in 0..2 {
            assert!(quota.call(now));
            quota.gave(1 << 20, now);
        }
        assert!(quota.call(now));
        quota.gave(1 << 20, now);
        assert!(!quota.call(now.plus(499)));
        assert!(quota.call(now.plus(500)));
        assert!(!quota.is_idle(now.plus(1_000)) && quota.is_idle(now.plus(1_500)));
    }
}
