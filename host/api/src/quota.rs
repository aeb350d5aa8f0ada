//! Kinesis's limits of throughput by shard, for those who rehearse with them. Nobody else has this.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use millstream_core::{position::ShardNumber, put, read, time::Millis};

/// What each shard still takes and gives.
#[derive(Debug, Default)]
pub struct Quotas {
    puts: Mutex<Table<put::quota::Quota>>,
    reads: Mutex<Table<read::quota::Quota>>,
}

/// By shard. Those that nobody used for a while are as good as new, and are forgotten.
#[derive(Debug)]
struct Table<Q> {
    quotas: HashMap<ShardNumber, Q>,
    /// How many there may be until the idle ones are looked for.
    room: usize,
}

impl<Q> Default for Table<Q> {
    fn default() -> Self {
        Self {
            quotas: HashMap::new(),
            room: 64,
        }
    }
}

impl<Q> Table<Q> {
    fn of(
        &mut self,
        shard: ShardNumber,
        is_idle: impl Fn(&Q) -> bool,
        new: impl FnOnce() -> Q,
    ) -> &mut Q {
        if self.quotas.len() >= self.room {
            self.quotas.retain(|_, quota| !is_idle(quota));
            self.room = (self.quotas.len() * 2).max(64);
        }
        self.quotas.entry(shard).or_insert_with(new)
    }
}

impl Quotas {
    /// Says of one record after another, by shard and bytes, whether it is taken at `now`.
    pub(crate) fn puts(&self, now: Millis) -> impl FnMut(ShardNumber, usize) -> bool + use<'_> {
        let mut table = lock(&self.puts);
        move |shard, bytes| {
            let is_idle = |quota: &put::quota::Quota| quota.is_idle(now);
            let quota = table.of(shard, is_idle, || put::quota::Quota::new(now));
            quota.take(bytes, now)
        }
    }

    /// Whether a shard answers a read.
    pub(crate) fn reads(&self, shard: ShardNumber, now: Millis) -> bool {
        let is_idle = |quota: &read::quota::Quota| quota.is_idle(now);
        let mut table = lock(&self.reads);
        let quota = table.of(shard, is_idle, || read::quota::Quota::new(now));
        quota.call(now)
    }

    /// Counts what a shard gave.
    pub(crate) fn gave(&self, shard: ShardNumber, bytes: usize, now: Millis) {
        if let Some(quota) = lock(&self.reads).quotas.get_mut(&shard) {
            quota.gave(bytes, now);
        }
    }
}

fn lock<T>(table: &Mutex<T>) -> MutexGuard<'_, T> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_that_nobody_uses_are_forgotten() {
        let quotas = Quotas::default();
        for i in 0..10_000 {
            let now = Millis(u64::from(i) * 100);
            assert!(quotas.reads(ShardNumber(i), now));
            assert!(quotas.puts(now)(ShardNumber(i), 1));
        }
        assert!(lock(&quotas.puts).quotas.len() < 100);
        assert!(lock(&quotas.reads).quotas.len() < 100);
    }
}
