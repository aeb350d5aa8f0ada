//! The log as one host sees it. When the host has ended it answers nobody any more, whoever still asks.

use std::{fmt, future::pending, sync::Arc, time::Duration};

use bytes::Bytes;
use millstream_core::{
    port::{
        Appended, Commit, CommitError, Durable, Later, Log, Page, ReadError, ReadLimits, Span,
        Volume,
    },
    position::{Position, ShardNumber},
    time::Millis,
};
use tokio::time::sleep;

use crate::{
    clock,
    ground::{Ground, Inner, Written},
};

/// Reads in a world; those that come to rest need some thousands.
const READS: u64 = 200_000;

pub(crate) struct ModelLog {
    ground: Arc<Ground>,
    life: u64,
}

impl fmt::Debug for ModelLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ModelLog({})", self.life)
    }
}

impl ModelLog {
    pub(crate) fn new(ground: &Arc<Ground>, life: u64) -> Arc<Self> {
        let ground = Arc::clone(ground);
        Arc::new(Self { ground, life })
    }

    /// What `read` gives of the store, some time later, of what it holds now or then.
    fn later<T: Send + 'static>(
        &self,
        what: &'static str,
        delay: impl FnOnce(&mut Inner, u64) -> u64,
        read: impl Fn(&Inner) -> T + Send + 'static,
    ) -> Later<'static, Result<T, ReadError>> {
        let (ground, life) = (Arc::clone(&self.ground), self.life);
        let mut inner = ground.lock();
        if !inner.lives_on(life) {
            return Box::pin(pending());
        }
        inner.reads += 1;
        if inner.reads > READS {
            drop(inner);
            ground.accuse("it reads without end");
            return Box::pin(pending());
        }
        let most = inner.faults.read_ms;
        let took = inner.chance.from(0, most);
        let took = delay(&mut inner, took);
        let Inner { faults, chance, .. } = &mut *inner;
        let fails = faults.is_unreadable(chance);
        let early = chance.odds(500).then(|| read(&inner));
        drop(inner);
        Box::pin(async move {
            if took > 0 {
                sleep(Duration::from_millis(took)).await;
            }
            let read = move |inner: &mut Inner| {
                if fails {
                    inner.trace.note(format_args!("a read of {what} fails"));
                    return Err(ReadError::Unavailable("the disk does not answer".into()));
                }
                Ok(early.unwrap_or_else(|| read(inner)))
            };
            match ground.of_life(life, read) {
                Some(result) => result,
                None => pending().await,
            }
        })
    }
}

fn at_once(_: &mut Inner, took: u64) -> u64 {
    took
}

/// Sometimes the first record is read in the very millisecond in which it becomes too old, or in the
/// one before.
fn on_the_edge(inner: &mut Inner, took: u64, oldest: Option<Millis>) -> u64 {
    let Some(oldest) = oldest else { return took };
    let Inner { audit, chance, .. } = inner;
    for age in audit.ages() {
        let left = (oldest.plus(age)).since(clock::now());
        if left > took && left < 20_000 && chance.odds(300) {
            return left + chance.below(2);
        }
    }
    took
}

impl Log for ModelLog {
    #[expect(clippy::disallowed_methods, reason = "a model log")]
    fn commit(
        &self,
        commit: Commit,
    ) -> Later<'static, Result<Durable<Vec<Appended>>, CommitError>> {
        let mut inner = self.ground.lock();
        if !inner.lives_on(self.life) {
            return Box::pin(pending());
        }
        let reply = inner.submit(commit);
        drop(inner);
        self.ground.waits.notify_waiters();
        Box::pin(async move {
            let Ok(written): Result<Written, _> = reply.await else {
                // The host has ended, and with it whoever waits here.
                return pending().await;
            };
            written.map(Durable::after_sync)
        })
    }

    fn read(
        &self,
        shard: ShardNumber,
        from: Position,
        limits: ReadLimits,
    ) -> Later<'static, Result<Page, ReadError>> {
        let mut limits = limits;
        let mut inner = self.ground.lock();
        let Inner { faults, chance, .. } = &mut *inner;
        if chance.odds(faults.short) {
            limits.records = limits.records.min(chance.from(1, 3) as usize);
        }
        let page = inner.store.page(shard, from, limits);
        let oldest = page.slices.first().map(|slice| slice.arrival);
        drop(inner);
        let delay = move |inner: &mut Inner, took| on_the_edge(inner, took, oldest);
        self.later("records", delay, move |inner| {
            inner.store.page(shard, from, limits)
        })
    }

    fn locate(
        &self,
        shard: ShardNumber,
        at: Millis,
    ) -> Later<'static, Result<Position, ReadError>> {
        self.later("a moment", at_once, move |inner| {
            let found = inner
                .store
                .records(shard)
                .find(|record| record.arrival >= at);
            let span = inner.store.span(shard);
            found.map_or(span.next, |record| record.position.max(span.first))
        })
    }

    fn span(&self, shard: ShardNumber) -> Span {
        self.ground.lock().store.span(shard)
    }

    fn volume(&self, _shard: ShardNumber) -> Volume {
        Volume::default()
    }

    fn grown(&self, shard: ShardNumber, beyond: Position) -> Later<'static, Position> {
        let mut growth = self.ground.lock().store.growth(shard);
        Box::pin(async move {
            let grown = growth.wait_for(|&next| next > beyond).await;
            let grown = grown.map(|next| *next);
            match grown {
                Ok(next) => next,
                Err(_) => pending().await,
            }
        })
    }

    fn get_many(&self, keys: Vec<Bytes>) -> Later<'static, Result<Vec<Option<Bytes>>, ReadError>> {
        self.later("keys", at_once, move |inner| {
            let values = keys.iter().map(|key| inner.store.keys.get(key).cloned());
            values.collect()
        })
    }

    fn scan(&self, prefix: Bytes) -> Later<'static, Result<Vec<(Bytes, Bytes)>, ReadError>> {
        self.later("a family", at_once, move |inner| {
            let keys = inner.store.keys.iter();
            let found = keys.filter(|(key, _)| key.starts_with(&prefix));
            found
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect()
        })
    }

    fn trim(&self, shard: ShardNumber, before: Millis) -> Later<'static, Result<u64, CommitError>> {
        let removed = self.ground.lock().store.trim(shard, before);
        Box::pin(std::future::ready(Ok(removed)))
    }
}
