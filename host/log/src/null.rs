//! A log that gives positions and stores nothing, to measure what everything but the log costs.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use millstream_core::{
    port::{
        Appended, Commit, CommitError, Durable, Later, Log, Page, ReadError, ReadLimits, Span,
        Volume,
    },
    position::{Position, ShardNumber},
    time::Millis,
};

use crate::shard::{Run, Shards};

const EPOCH: u64 = 1;

/// Forgets everything. For benchmarks only: its [`Durable`] is true of nothing.
#[derive(Debug, Default)]
pub struct NullLog {
    shards: Arc<Shards>,
}

impl NullLog {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

fn now() -> Millis {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

impl Log for NullLog {
    #[expect(clippy::disallowed_methods, reason = "a model log, for comparison")]
    fn commit(
        &self,
        commit: Commit,
    ) -> Later<'static, Result<Durable<Vec<Appended>>, CommitError>> {
        let arrival = now();
        for shard in &commit.closes {
            self.shards.get_or_new(*shard).state().closed = true;
        }
        let mut appends = commit.appends.iter();
        if let Some(late) =
            appends.find(|append| self.shards.get_or_new(append.shard).state().closed)
        {
            let closed = CommitError::Closed(late.shard);
            return Box::pin(async { Err(closed) });
        }
        let appended = commit.appends.iter().map(|append| {
            let shard = self.shards.get_or_new(append.shard);
            let mut state = shard.state();
            if state.next == 0 {
                state.runs.push(Run {
                    epoch: EPOCH,
                    first: 0,
                });
            }
            let first = Position::new(EPOCH, state.next);
            state.next += u64::from(append.block.len());
            state.volume.add(&append.block);
            state.arrival = arrival;
            let next = state.next;
            state.trim(next);
            shard.announce(state.span().next);
            Appended { first, arrival }
        });
        let appended = Durable::after_sync(appended.collect());
        Box::pin(async { Ok(appended) })
    }

    fn read(
        &self,
        _: ShardNumber,
        _: Position,
        _: ReadLimits,
    ) -> Later<'static, Result<Page, ReadError>> {
        Box::pin(async { Ok(Page::default()) })
    }

    fn locate(&self, shard: ShardNumber, _: Millis) -> Later<'static, Result<Position, ReadError>> {
        let tail = self.span(shard).next;
        Box::pin(async move { Ok(tail) })
    }

    fn span(&self, shard: ShardNumber) -> Span {
        self.shards.get_or_new(shard).state().span()
    }

    fn volume(&self, shard: ShardNumber) -> Volume {
        let shard = self.shards.get(shard);
        shard.map(|shard| shard.state().volume).unwrap_or_default()
    }

    fn grown(&self, shard: ShardNumber, beyond: Position) -> Later<'static, Position> {
        let shard = self.shards.get_or_new(shard);
        Box::pin(async move { shard.grown(beyond).await })
    }

    fn get_many(&self, keys: Vec<Bytes>) -> Later<'static, Result<Vec<Option<Bytes>>, ReadError>> {
        Box::pin(async move { Ok(vec![None; keys.len()]) })
    }

    fn scan(&self, _: Bytes) -> Later<'static, Result<Vec<(Bytes, Bytes)>, ReadError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn trim(&self, _: ShardNumber, _: Millis) -> Later<'static, Result<u64, CommitError>> {
        Box::pin(async { Ok(0) })
    }
}
