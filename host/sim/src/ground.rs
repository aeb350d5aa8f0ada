//! What a world is made of beside its hosts: what is durable, what goes wrong, what happened, and who
//! judges it. One lock, held for moments only; a world has one thread.

use std::{
    fmt, mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use millstream_core::{
    catalog::Catalog,
    port::{Appended, Commit, CommitError},
};
use tokio::sync::{Notify, oneshot, watch};

use crate::{
    audit::Audit,
    chance::Chance,
    fault::{Fate, Faults},
    guest::Guests,
    store::Store,
    trace::Trace,
};

pub(crate) type Written = Result<Vec<Appended>, CommitError>;

#[derive(Debug)]
pub(crate) struct Ground {
    inner: Mutex<Inner>,
    /// The newest host that has ended, or whose world has gone wrong.
    pub(crate) ended: watch::Sender<u64>,
    /// Told when a commit waits.
    pub(crate) waits: Notify,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) chance: Chance,
    pub(crate) trace: Trace,
    pub(crate) store: Store,
    pub(crate) faults: Faults,
    pub(crate) audit: Audit,
    pub(crate) guests: Guests,
    /// What is published.
    pub(crate) catalog: Arc<Catalog>,
    /// How often anything was read.
    pub(crate) reads: u64,
    /// The host that runs.
    life: Option<u64>,
    lives: u64,
    /// Commits in the order in which they were asked for.
    queue: Vec<Job>,
    /// Those in the transaction under way.
    writing: Vec<Job>,
}

pub(crate) struct Job {
    pub(crate) commit: Commit,
    pub(crate) reply: oneshot::Sender<Written>,
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.commit.fmt(f)
    }
}

impl Ground {
    pub(crate) fn new(chance: Chance, guests: Guests) -> Arc<Self> {
        Arc::new(Self {
            inner: Mutex::new(Inner {
                chance,
                trace: Trace::new(),
                store: Store::default(),
                faults: Faults::default(),
                audit: Audit::default(),
                guests,
                catalog: Arc::default(),
                reads: 0,
                life: None,
                lives: 0,
                queue: Vec::new(),
                writing: Vec::new(),
            }),
            ended: watch::Sender::new(0),
            waits: Notify::new(),
        })
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What `with` gives, where the host lives.
    pub(crate) fn of_life<T>(&self, life: u64, with: impl FnOnce(&mut Inner) -> T) -> Option<T> {
        let mut inner = self.lock();
        inner.lives_on(life).then(|| with(&mut inner))
    }

    /// A host begins: its number.
    pub(crate) fn begin(&self) -> u64 {
        let mut inner = self.lock();
        inner.lives += 1;
        let life = inner.lives;
        inner.life = Some(life);
        inner.store.open();
        inner.trace.note(format_args!("host {life} begins"));
        life
    }

    /// The host ends where it stands. The transaction under way was written, or it was not.
    pub(crate) fn crash(&self) {
        self.lock().crash();
        self.tell();
    }

    /// Tells those who wait for the end of a host, or of all.
    pub(crate) fn tell(&self) {
        let inner = self.lock();
        let ended = match inner.life {
            _ if inner.trace.violation().is_some() => u64::MAX,
            Some(life) => life - 1,
            None => inner.lives,
        };
        drop(inner);
        self.ended
            .send_if_modified(|before| mem::replace(before, ended) != ended);
    }

    /// Writes what waits, all in one transaction; false once the host has ended.
    pub(crate) fn write(&self, life: u64) -> bool {
        let mut inner = self.lock();
        if !inner.lives_on(life) {
            return false;
        }
        if inner.faults.ends_now() {
            inner.crash();
        } else {
            for Job { commit, reply } in mem::take(&mut inner.writing) {
                // Nobody listens where a lane was dropped meanwhile.
                let _ = reply.send(inner.settle(commit));
            }
        }
        let is_over = inner.life.is_none() || inner.trace.violation().is_some();
        drop(inner);
        if is_over {
            self.tell();
        }
        !is_over
    }

    /// Records that something is wrong.
    pub(crate) fn accuse(&self, what: &str) {
        self.lock().trace.accuse(what);
        self.tell();
    }
}

impl Inner {
    pub(crate) fn lives_on(&self, life: u64) -> bool {
        self.life == Some(life)
    }

    pub(crate) fn is_alive(&self) -> bool {
        self.life.is_some()
    }

    /// A commit that is asked for.
    pub(crate) fn submit(&mut self, commit: Commit) -> oneshot::Receiver<Written> {
        let (reply, receiver) = oneshot::channel();
        let busy = self.faults.busy;
        if self.chance.odds(busy) {
            self.trace.note(format_args!("a commit finds the log busy"));
            let _ = reply.send(Err(CommitError::Busy));
        } else {
            self.queue.push(Job { commit, reply });
        }
        receiver
    }

    /// Begins a transaction with all that waits; none where nothing does.
    pub(crate) fn take(&mut self) -> bool {
        self.writing.append(&mut self.queue);
        !self.writing.is_empty()
    }

    fn crash(&mut self) {
        let Some(life) = self.life.take() else { return };
        let is_written = self.chance.odds(500);
        let writing = mem::take(&mut self.writing);
        let what = if is_written { "after" } else { "before" };
        let jobs = writing.len();
        (self.trace).note(format_args!("host {life} crashes {what} {jobs} commits"));
        if is_written {
            for job in writing {
                let _untold = self.write(job.commit);
            }
        }
        self.queue.clear();
        self.audit.host_ended();
    }

    fn settle(&mut self, commit: Commit) -> Written {
        let fate = self.faults.fate(&mut self.chance);
        match fate {
            Fate::Durable => return self.write(commit),
            Fate::Untold => drop(self.write(commit)),
            Fate::Full | Fate::Unavailable | Fate::Lost => {}
        }
        self.trace.note(format_args!("a commit is {fate:?}"));
        Err(match fate {
            Fate::Full => CommitError::Full,
            Fate::Unavailable => CommitError::Unavailable("it failed".into()),
            _ => CommitError::Ambiguous("the disk said nothing".into()),
        })
    }

    fn write(&mut self, commit: Commit) -> Written {
        if let Err(error) = self.store.check(&commit) {
            self.trace.note(format_args!("refused: {error}"));
            return Err(error);
        }
        match self.audit.commit(&self.store, &commit) {
            Ok(what) => self.trace.note(format_args!("written: {what}")),
            Err(wrong) => self.trace.accuse(&wrong),
        }
        Ok(self.store.write(commit))
    }
}

/// Waits until host `life` has ended, or something is wrong.
pub(crate) async fn ended(ground: &Ground, life: u64) {
    // An error cannot be: the ground is borrowed.
    let _ = (ground.ended.subscribe())
        .wait_for(|&ended| ended >= life)
        .await;
}

/// The log's writer, for as long as its host lives.
pub(crate) async fn writer(ground: Arc<Ground>, life: u64) {
    loop {
        let waits = ground.waits.notified();
        let (is_alive, began, sync) = {
            let mut inner = ground.lock();
            let is_alive = inner.lives_on(life);
            let began = is_alive && inner.take();
            let most = inner.faults.sync_ms;
            let sync = if began { inner.chance.from(0, most) } else { 0 };
            (is_alive, began, sync)
        };
        if !is_alive {
            return;
        }
        if !began {
            waits.await;
            continue;
        }
        tokio::time::sleep(std::time::Duration::from_millis(sync)).await;
        if !ground.write(life) {
            return;
        }
    }
}
