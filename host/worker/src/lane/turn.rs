//! What the lanes of a divided shard share: the pages that they read, and their turns to call the
//! function, so that the state that it keeps is as if they had called one after another.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use millstream_core::trigger::{
    Effects,
    ledger::{Ledger, Reads, Writes},
};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::pages::Pages;

/// Shared by the lanes of one shard.
#[derive(Debug)]
pub(super) struct Shared {
    ledger: Mutex<Ledger>,
    /// One permit a lane. A call whose answer did not count takes all the next time, so that it comes
    /// through.
    turns: Arc<Semaphore>,
    /// Told when a commit has ended.
    ended: Notify,
    lanes: u32,
    pub(super) pages: Pages,
}

/// A lane's turn: from a call until nothing more comes of it.
#[derive(Debug)]
pub(super) struct Turn {
    shared: Arc<Shared>,
    permit: Option<OwnedSemaphorePermit>,
    reads: Arc<Mutex<Reads>>,
}

/// Where it is noted what a call reads.
#[derive(Debug)]
pub(crate) struct Noted(Arc<Mutex<Reads>>);

impl Noted {
    pub(crate) fn add(&self, names: &[String]) {
        lock(&self.0).add(names.iter().cloned());
    }
}

impl Shared {
    pub(super) fn of(lanes: usize) -> Arc<Self> {
        Arc::new(Self {
            ledger: Mutex::default(),
            turns: Arc::new(Semaphore::new(lanes)),
            ended: Notify::new(),
            // There are ten at most.
            lanes: lanes as u32,
            pages: Pages::default(),
        })
    }

    /// Waits for a turn; no other lane has one meanwhile where it is taken `alone`, nor a commit under
    /// way, which would make this call stale, too.
    pub(super) async fn turn(self: &Arc<Self>, alone: bool) -> Turn {
        let permits = if alone { self.lanes } else { 1 };
        let permit = Arc::clone(&self.turns).acquire_many_owned(permits).await;
        if alone {
            self.quiet().await;
        }
        Turn {
            shared: Arc::clone(self),
            // Nobody closes the semaphore.
            permit: permit.ok(),
            reads: Arc::new(Mutex::new(lock(&self.ledger).begin())),
        }
    }

    /// Waits until no commit is under way.
    async fn quiet(&self) {
        loop {
            // Enlisted before looking, so that an end in between is not missed.
            let ended = self.ended.notified();
            if !lock(&self.ledger).is_writing() {
                return;
            }
            ended.await;
        }
    }
}

impl Turn {
    pub(super) fn noted(&self) -> Noted {
        Noted(Arc::clone(&self.reads))
    }

    /// Whether another lane has changed what the call read.
    pub(super) fn is_stale(&self) -> bool {
        lock(&self.shared.ledger).is_stale(&lock(&self.reads))
    }

    /// Lets others call. What was read still counts: the answer's commit may be tried again.
    pub(super) fn rest(&mut self) {
        self.permit = None;
    }

    pub(super) fn admit(&self, effects: &Effects) -> Option<Writes> {
        let reads = lock(&self.reads);
        lock(&self.shared.ledger).admit(&reads, effects.writes.keys())
    }

    pub(super) fn end(&self, writes: Writes, may_be_durable: bool) {
        lock(&self.shared.ledger).end(writes, may_be_durable);
        self.shared.ended.notify_waiters();
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let reads = lock(&self.reads);
        lock(&self.shared.ledger).close(&reads);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
