//! What is known of each shard in memory: its span, its epochs, its newest blocks, who waits for it.
//!
//! Changed by the writer alone, after a commit is durable; read by everyone. Knows no SQL.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use millstream_core::{
    port::{Span, Volume},
    position::{Position, ShardNumber},
    time::Millis,
};
use tokio::sync::Notify;

use crate::row::Placed;

/// Where the records of an epoch begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) epoch: u64,
    pub(crate) first: u64,
}

/// The epochs of a shard's records, in order: what turns ordinals into positions and back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Runs(Vec<Run>);

impl Runs {
    /// Adds a run behind the others.
    pub(crate) fn push(&mut self, run: Run) {
        let rises = self
            .0
            .last()
            .is_none_or(|last| last.epoch < run.epoch && last.first <= run.first);
        assert!(rises, "runs rise: {run:?} after {:?}", self.0.last());
        self.0.push(run);
    }

    /// The newest epoch; 0 where there was never a record.
    pub(crate) fn newest(&self) -> u64 {
        self.0.last().map_or(0, |run| run.epoch)
    }

    /// The position of record `ordinal`, or of the place after the last record.
    ///
    /// Invariant: that place has the last record's epoch, so it does not move when the log is opened
    /// again, and whoever read up to it has nothing to read.
    pub(crate) fn position(&self, ordinal: u64) -> Position {
        let behind = self.0.partition_point(|run| run.first <= ordinal);
        let epoch = behind.checked_sub(1).map_or(0, |i| self.0[i].epoch);
        Position::new(epoch, ordinal)
    }

    /// The ordinal of the first record at or after `from`, of those before `next`.
    ///
    /// An epoch that is not here (a position from before a backup was restored) lies between two runs.
    pub(crate) fn ordinal(&self, from: Position, next: u64) -> u64 {
        let i = self.0.partition_point(|run| run.epoch < from.epoch());
        match self.0.get(i) {
            Some(run) if run.epoch == from.epoch() => {
                let end = self.0.get(i + 1).map_or(next, |run| run.first);
                from.ordinal().clamp(run.first, end)
            }
            Some(run) => run.first,
            None => next,
        }
    }

    /// The oldest epoch that is needed when the records before `first` are gone.
    pub(crate) fn oldest_needed(&self, first: u64) -> u64 {
        self.position(first).epoch()
    }

    /// Forgets what lies wholly before `first`.
    pub(crate) fn prune(&mut self, first: u64) {
        let keep = self.oldest_needed(first);
        self.0.retain(|run| run.epoch >= keep);
    }
}

/// A shard as the last durable commit left it.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// The oldest ordinal that is kept; `next` where there is none.
    pub(crate) first: u64,
    /// The ordinal of the next record.
    pub(crate) next: u64,
    /// When the newest record arrived.
    pub(crate) arrival: Millis,
    /// Its records are gone, or going.
    pub(crate) dropped: bool,
    /// It takes no more records.
    pub(crate) closed: bool,
    pub(crate) runs: Runs,
    /// What was appended since the log was opened.
    pub(crate) volume: Volume,
    /// The newest blocks, without a gap up to `next`.
    pub(crate) tail: VecDeque<Placed>,
}

impl State {
    pub(crate) fn span(&self) -> Span {
        Span {
            first: self.runs.position(self.first),
            next: self.runs.position(self.next),
            last_arrival: self.arrival,
        }
    }

    /// The ordinal of the first kept record at or after `from`; `next` where there is none.
    pub(crate) fn seek(&self, from: Position) -> u64 {
        self.runs.ordinal(from, self.next).max(self.first)
    }

    /// Forgets everything before `first`; gives how many bytes of the tail went.
    pub(crate) fn trim(&mut self, first: u64) -> usize {
        self.first = first;
        self.runs.prune(first);
        let mut bytes = 0;
        while let Some(oldest) = self.tail.pop_front_if(|oldest| oldest.end() <= first) {
            bytes += crate::tail::weight(&oldest);
        }
        bytes
    }
}

/// One shard.
#[derive(Debug)]
pub(crate) struct Shard {
    pub(crate) number: ShardNumber,
    /// [`Span::next`], so that waiters look without a lock.
    next: AtomicU64,
    grown: Notify,
    state: Mutex<State>,
}

impl Shard {
    pub(crate) fn new(number: ShardNumber, state: State) -> Self {
        let next = AtomicU64::new(state.runs.position(state.next).0);
        Self {
            number,
            next,
            grown: Notify::new(),
            state: Mutex::new(state),
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // Changes are single assignments and pushes: a panic leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows that the shard has grown and wakes who waits.
    pub(crate) fn announce(&self, next: Position) {
        self.next.store(next.0, Ordering::Release);
        self.grown.notify_waiters();
    }

    /// Waits until [`Span::next`] is beyond `beyond`.
    pub(crate) async fn grown(&self, beyond: Position) -> Position {
        loop {
            let mut woken = std::pin::pin!(self.grown.notified());
            // Enlisted before looking, so that growth in between is not missed.
            woken.as_mut().enable();
            let next = Position(self.next.load(Ordering::Acquire));
            if next > beyond {
                return next;
            }
            woken.await;
        }
    }
}

/// All shards that were ever written to or waited for.
#[derive(Debug, Default)]
pub(crate) struct Shards(RwLock<HashMap<ShardNumber, Arc<Shard>>>);

impl Shards {
    pub(crate) fn get(&self, number: ShardNumber) -> Option<Arc<Shard>> {
        let shards = self.0.read().unwrap_or_else(PoisonError::into_inner);
        shards.get(&number).cloned()
    }

    pub(crate) fn get_or_new(&self, number: ShardNumber) -> Arc<Shard> {
        if let Some(shard) = self.get(number) {
            return shard;
        }
        let mut shards = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(Shard::new(number, State::default()));
        shards.entry(number).or_insert_with(new).clone()
    }

    pub(crate) fn insert(&self, shard: Shard) {
        let mut shards = self.0.write().unwrap_or_else(PoisonError::into_inner);
        shards.insert(shard.number, Arc::new(shard));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn runs(list: &[(u64, u64)]) -> Runs {
        let mut runs = Runs::default();
        for &(epoch, first) in list {
            runs.push(Run { epoch, first });
        }
        runs
    }

    #[test]
    fn a_lost_future_leads_to_what_replaced_it() {
        // The backup held 10 records of epoch 5; after it was restored, epoch 70 went on.
        let runs = runs(&[(5, 0), (70, 10)]);
        assert_eq!(runs.ordinal(Position::new(5, 4), 20), 4);
        assert_eq!(runs.ordinal(Position::new(5, 15), 20), 10);
        assert_eq!(runs.ordinal(Position::new(6, 15), 20), 10);
        assert_eq!(runs.ordinal(Position::new(70, 15), 20), 15);
        assert_eq!(runs.ordinal(Position::new(71, 0), 20), 20);
    }

    #[test]
    fn the_place_after_the_last_record_does_not_move_with_the_epoch() {
        let runs = runs(&[(5, 0)]);
        assert_eq!(runs.position(10), Position::new(5, 10));
        assert_eq!(Runs::default().position(0), Position::START);
    }

    proptest! {
        #[test]
        fn seeking_agrees_with_a_scan(
            steps in prop::collection::vec((1..4u64, 0..5u64), 0..6),
            from in (0..30u64, 0..30u64),
        ) {
            let (mut list, mut positions) = (Runs::default(), Vec::new());
            let mut epoch = 0;
            for (rise, records) in steps {
                epoch += rise;
                if records > 0 {
                    let first = positions.len() as u64;
                    list.push(Run { epoch, first });
                    positions.extend((first..first + records).map(|o| Position::new(epoch, o)));
                }
            }
            let from = Position::new(from.0, from.1);
            let next = positions.len() as u64;
            let want = positions.iter().position(|p| *p >= from).map_or(next, |i| i as u64);
            prop_assert_eq!(list.ordinal(from, next), want);
            for (i, position) in positions.iter().enumerate() {
                prop_assert_eq!(list.position(i as u64), *position);
            }
            for first in 0..next {
                let mut pruned = list.clone();
                pruned.prune(first);
                for o in first..=next {
                    prop_assert_eq!(pruned.position(o), list.position(o));
                }
            }
        }
    }

    #[tokio::test]
    async fn a_waiter_that_looked_too_early_is_woken() {
        let shard = Arc::new(Shard::new(ShardNumber(1), State::default()));
        let waiter = tokio::spawn({
            let shard = shard.clone();
            async move { shard.grown(Position::new(1, 3)).await }
        });
        for next in 1..=4 {
            tokio::task::yield_now().await;
            shard.announce(Position::new(1, next));
        }
        assert_eq!(waiter.await.unwrap(), Position::new(1, 4));
    }
}
