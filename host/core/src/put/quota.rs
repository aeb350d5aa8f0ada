//! What a shard takes in a second. Kinesis refuses more; this host does so where it is asked to.

use crate::{bucket::Bucket, limit, time::Millis};

/// What one shard still takes.
#[derive(Debug, Clone)]
pub struct Quota {
    bytes: Bucket,
    records: Bucket,
}

impl Quota {
    /// Of a shard that took nothing for a second.
    #[must_use]
    pub fn new(now: Millis) -> Self {
        Self {
            bytes: Bucket::new(limit::SHARD_BYTES_IN, now),
            records: Bucket::new(limit::SHARD_RECORDS_IN, now),
        }
    }

    /// Whether the shard takes a record of that many bytes of data and key; it is counted then.
    pub fn take(&mut self, bytes: usize, now: Millis) -> bool {
        let room = self.records.allows(1, now) && self.bytes.allows(bytes, now);
        if room {
            self.records.take(1);
            self.bytes.take(bytes);
        }
        room
    }

    /// Whether a new one would be the same.
    #[must_use]
    pub fn is_idle(&self, now: Millis) -> bool {
        self.bytes.is_full(now) && self.records.is_full(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_records_and_a_mebibyte_go_in_a_second() {
        let mut quota = Quota::new(Millis(0));
        assert!((0..1000).all(|_| quota.take(100, Millis(0))));
        assert!(!quota.take(0, Millis(0)));
        assert!(quota.take(0, Millis(1)));
        let mut quota = Quota::new(Millis(0));
        assert!(quota.take(1 << 20, Millis(0)));
        assert!(!quota.take(1 << 10, Millis(0)));
        assert!(quota.take(1 << 10, Millis(1)));
        assert!(quota.is_idle(Millis(1_001)));
    }

    #[test]
    fn what_is_refused_is_not_counted() {
        let mut quota = Quota::new(Millis(0));
        assert!(quota.take(1_000_000, Millis(0)));
        for _ in 0..2_000 {
            assert!(!quota.take(100_000, Millis(0)));
        }
        assert!(quota.take(100, Millis(0)));
    }
}
