//! What the log counts, without locks. Knows nothing of how it is shown.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

const BUCKETS: usize = 24;

/// Durations, counted in buckets that double: bucket i holds those below 2^i microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Latency {
    /// How many there were in each bucket; the last one also holds everything longer.
    pub buckets: [u64; BUCKETS],
    /// How many there were.
    pub count: u64,
    /// Their sum, in microseconds.
    pub sum_us: u64,
}

impl Latency {
    /// The upper bound of bucket `i`, in microseconds.
    #[must_use]
    pub fn bound_us(i: usize) -> u64 {
        1 << i
    }

    /// The bucket bound that a share `quantile` (0 to 1) does not exceed, in microseconds.
    #[must_use]
    pub fn quantile_us(&self, quantile: f64) -> u64 {
        let wanted = (self.count as f64 * quantile).ceil() as u64;
        let mut seen = 0;
        for (i, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return Self::bound_us(i);
            }
        }
        Self::bound_us(BUCKETS)
    }
}

/// What the log has done since it was opened, and what it holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// The number of the newest durable transaction, over all time.
    pub commit_number: u64,
    /// The epoch that new positions have.
    pub epoch: u64,
    /// Commits that succeeded.
    pub commits: u64,
    /// Transactions, each with one sync; several commits share one.
    pub transactions: u64,
    /// Records appended.
    pub records: u64,
    /// Bytes appended, as blocks.
    pub bytes: u64,
    /// Commits refused because the disk was full.
    pub full: u64,
    /// Checkpoint passes.
    pub checkpoints: u64,
    /// Bytes of the write-ahead log that are in use.
    pub wal_bytes: u64,
    /// Bytes of the database file.
    pub database_bytes: u64,
    /// Bytes of blocks in memory.
    pub tail_bytes: u64,
    /// Bytes of commits that wait.
    pub queue_bytes: u64,
    /// From the call of a commit until it was durable.
    pub commit_latency: Latency,
    /// From the beginning of a transaction until it was durable.
    pub transaction_latency: Latency,
}

#[derive(Debug, Default)]
pub(crate) struct Histogram {
    buckets: [AtomicU64; BUCKETS],
    sum_us: AtomicU64,
}

impl Histogram {
    pub(crate) fn record(&self, duration: Duration) {
        let us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let bucket = (u64::BITS - us.leading_zeros()) as usize;
        self.buckets[bucket.min(BUCKETS - 1)].fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(us, Ordering::Relaxed);
    }

    fn latency(&self) -> Latency {
        let buckets = std::array::from_fn(|i| self.buckets[i].load(Ordering::Relaxed));
        Latency {
            buckets,
            count: buckets.iter().sum(),
            sum_us: self.sum_us.load(Ordering::Relaxed),
        }
    }
}

/// The counters behind [`Stats`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) commits: AtomicU64,
    pub(crate) transactions: AtomicU64,
    pub(crate) records: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) full: AtomicU64,
    pub(crate) checkpoints: AtomicU64,
    pub(crate) tail_bytes: AtomicU64,
    pub(crate) commit_latency: Histogram,
    pub(crate) transaction_latency: Histogram,
}

impl Counters {
    /// Everything that is counted; the rest is for the log to fill in.
    pub(crate) fn stats(&self) -> Stats {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            commits: get(&self.commits),
            transactions: get(&self.transactions),
            records: get(&self.records),
            bytes: get(&self.bytes),
            full: get(&self.full),
            checkpoints: get(&self.checkpoints),
            tail_bytes: get(&self.tail_bytes),
            commit_latency: self.commit_latency.latency(),
            transaction_latency: self.transaction_latency.latency(),
            ..Stats::default()
        }
    }
}

pub(crate) fn add(counter: &AtomicU64, value: usize) {
    counter.fetch_add(value as u64, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_bucket_bounds() {
        let histogram = Histogram::default();
        for us in [0, 1, 3, 100, 100, 100, 100, 100, 100, 5_000] {
            histogram.record(Duration::from_micros(us));
        }
        histogram.record(Duration::from_secs(3600));
        let latency = histogram.latency();
        assert_eq!(latency.count, 11);
        assert_eq!(latency.quantile_us(0.5), 128);
        assert_eq!(latency.quantile_us(0.9), 8192);
        assert_eq!(latency.quantile_us(1.0), Latency::bound_us(BUCKETS - 1));
    }
}
