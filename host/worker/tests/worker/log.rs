//! A log in memory. A commit takes effect when it is asked for, unless it is fated otherwise; its
//! answer can be held back.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use millstream_core::{
    block::{Block, Slice},
    port::{
        Append, Appended, Commit, CommitError, Durable, Later, Log, Page, ReadError, ReadLimits,
        Span, Volume,
    },
    position::{Position, ShardNumber},
    time::Millis,
};
use tokio::sync::watch;

use crate::host::clock;

#[derive(Default)]
pub(crate) struct ModelLog {
    inner: Mutex<Inner>,
    /// While true, commits are not answered.
    pub(crate) held: watch::Sender<bool>,
}

#[derive(Default)]
struct Inner {
    shards: BTreeMap<ShardNumber, Shard>,
    keys: BTreeMap<Bytes, Bytes>,
    fates: VecDeque<CommitError>,
    reads: usize,
    /// The keys that were put together.
    commits: Vec<Vec<Bytes>>,
}

#[derive(Default)]
struct Shard {
    slices: Vec<Slice>,
    next: watch::Sender<Position>,
    closed: bool,
}

impl fmt::Debug for ModelLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ModelLog")
    }
}

impl ModelLog {
    /// Appends a block as a producer would.
    pub(crate) fn put(&self, shard: ShardNumber, block: Block) {
        self.inner.lock().unwrap().append(Append { shard, block });
    }

    /// The data of all records of a shard.
    pub(crate) fn data(&self, shard: ShardNumber) -> Vec<String> {
        let inner = self.inner.lock().unwrap();
        let slices = inner
            .shards
            .get(&shard)
            .into_iter()
            .flat_map(|shard| &shard.slices);
        let text = |data: &[u8]| String::from_utf8(data.to_vec()).unwrap();
        slices
            .flat_map(|slice| (0..slice.block.len()).map(|i| text(slice.block.datum(i))))
            .collect()
    }

    /// The value of a key, as text.
    pub(crate) fn get(&self, key: &Bytes) -> Option<String> {
        let inner = self.inner.lock().unwrap();
        let value = inner.keys.get(key)?;
        Some(String::from_utf8(value.to_vec()).unwrap())
    }

    /// Closes a shard, as resharding does.
    pub(crate) fn close(&self, shard: ShardNumber) {
        let mut inner = self.inner.lock().unwrap();
        inner.shards.entry(shard).or_default().closed = true;
    }

    /// Removes all that a shard holds, as retention does.
    pub(crate) fn expire(&self, shard: ShardNumber) {
        let mut inner = self.inner.lock().unwrap();
        inner.shards.entry(shard).or_default().slices.clear();
    }

    /// How the next commits fail.
    pub(crate) fn fail(&self, errors: impl IntoIterator<Item = CommitError>) {
        self.inner.lock().unwrap().fates.extend(errors);
    }

    /// The keys of each commit.
    pub(crate) fn commits(&self) -> Vec<Vec<Bytes>> {
        self.inner.lock().unwrap().commits.clone()
    }

    pub(crate) fn reads(&self) -> usize {
        self.inner.lock().unwrap().reads
    }
}

impl Inner {
    fn append(&mut self, Append { shard, block }: Append) -> Appended {
        let shard = self.shards.entry(shard).or_default();
        let first = *shard.next.borrow();
        let arrival = clock();
        let records = block.len();
        shard.slices.push(Slice {
            block,
            range: 0..records,
            base: first,
            arrival,
        });
        shard.next.send_replace(first.plus(records.into()));
        Appended { first, arrival }
    }

    fn apply(&mut self, commit: Commit) -> Result<Vec<Appended>, CommitError> {
        if let Some(error) = self.fates.pop_front() {
            return Err(error);
        }
        let closed = |shard| {
            self.shards
                .get(shard)
                .is_some_and(|shard: &Shard| shard.closed)
        };
        let mut targets = commit.appends.iter().map(|append| &append.shard);
        if let Some(closed) = targets.find(|shard| closed(shard)) {
            return Err(CommitError::Closed(*closed));
        }
        let keys = commit.puts.iter().map(|put| put.key.clone());
        self.commits.push(keys.collect());
        for put in commit.puts {
            match put.value {
                Some(value) => self.keys.insert(put.key, value),
                None => self.keys.remove(&put.key),
            };
        }
        Ok(commit
            .appends
            .into_iter()
            .map(|append| self.append(append))
            .collect())
    }
}

impl Log for ModelLog {
    #[expect(clippy::disallowed_methods, reason = "a model log")]
    fn commit(
        &self,
        commit: Commit,
    ) -> Later<'static, Result<Durable<Vec<Appended>>, CommitError>> {
        let result = self
            .inner
            .lock()
            .unwrap()
            .apply(commit)
            .map(Durable::after_sync);
        let mut held = self.held.subscribe();
        Box::pin(async move {
            tokio::task::yield_now().await;
            let _ = held.wait_for(|held| !held).await;
            result
        })
    }

    fn read(
        &self,
        shard: ShardNumber,
        from: Position,
        limits: ReadLimits,
    ) -> Later<'static, Result<Page, ReadError>> {
        let mut inner = self.inner.lock().unwrap();
        inner.reads += 1;
        let mut page = Page::default();
        let mut left = limits.records as u64;
        let slices = inner
            .shards
            .get(&shard)
            .into_iter()
            .flat_map(|shard| &shard.slices);
        for slice in slices.filter(|slice| slice.next() > from) {
            let skip = from.0.saturating_sub(slice.base.0);
            let end = u64::from(slice.block.len()).min(skip + left);
            left -= end - skip;
            page.slices.push(Slice {
                range: skip as u32..end as u32,
                ..slice.clone()
            });
            if left == 0 {
                break;
            }
        }
        Box::pin(async { Ok(page) })
    }

    fn locate(
        &self,
        shard: ShardNumber,
        _at: Millis,
    ) -> Later<'static, Result<Position, ReadError>> {
        let next = self.span(shard).next;
        Box::pin(async move { Ok(next) })
    }

    fn span(&self, shard: ShardNumber) -> Span {
        let inner = self.inner.lock().unwrap();
        let shard = inner.shards.get(&shard);
        let next = shard.map_or(Position::START, |shard| *shard.next.borrow());
        let oldest = shard.and_then(|shard| shard.slices.first());
        Span {
            first: oldest.map_or(next, |slice| slice.base),
            next,
            last_arrival: Millis(0),
        }
    }

    fn volume(&self, shard: ShardNumber) -> Volume {
        let mut volume = Volume::default();
        let inner = self.inner.lock().unwrap();
        let slices = inner
            .shards
            .get(&shard)
            .into_iter()
            .flat_map(|shard| &shard.slices);
        for slice in slices {
            volume.add(&slice.block);
        }
        volume
    }

    fn grown(&self, shard: ShardNumber, beyond: Position) -> Later<'static, Position> {
        let mut inner = self.inner.lock().unwrap();
        let mut next = inner.shards.entry(shard).or_default().next.subscribe();
        Box::pin(async move { *next.wait_for(|&next| next > beyond).await.unwrap() })
    }

    fn get_many(&self, keys: Vec<Bytes>) -> Later<'static, Result<Vec<Option<Bytes>>, ReadError>> {
        let inner = self.inner.lock().unwrap();
        let values = keys
            .iter()
            .map(|key| inner.keys.get(key).cloned())
            .collect();
        Box::pin(async { Ok(values) })
    }

    fn scan(&self, prefix: Bytes) -> Later<'static, Result<Vec<(Bytes, Bytes)>, ReadError>> {
        let inner = self.inner.lock().unwrap();
        let of_prefix = inner
            .keys
            .iter()
            .filter(|(key, _)| key.starts_with(&prefix));
        let found = of_prefix
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        Box::pin(async { Ok(found) })
    }

    fn trim(
        &self,
        _shard: ShardNumber,
        _before: Millis,
    ) -> Later<'static, Result<u64, CommitError>> {
        Box::pin(async { Ok(0) })
    }
}

/// The log as the workers take it.
pub(crate) fn shared(log: &Arc<ModelLog>) -> Arc<dyn Log> {
    Arc::<ModelLog>::clone(log)
}
