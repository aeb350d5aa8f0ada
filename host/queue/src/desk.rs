//! One queue at work.
//!
//! Invariant: its machine runs ahead of the log by what waits to be written, and nothing is answered
//! before it is written. Writes go one after another, so that a failure leaves no gap behind it: the
//! machine is then thrown away and loaded anew, and whoever waits for a write is told.

mod state;
mod wait;
mod write;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use millstream_core::{
    block::Slice,
    catalog::Queue,
    limit,
    port::{CommitError, Handed, Put, QueueError, ReadError, ReadLimits, Receive, Wish},
    position::{Position, ShardNumber},
    queue::{Ask, Delivery, Machine, Place, Receipt, Refusal},
    time::Millis,
};
use tokio::sync::Notify;

use self::state::{State, Ticket};
use crate::desks::{Current, World};

/// Records that are read ahead at once, of one shard.
const AHEAD: ReadLimits = ReadLimits {
    records: 200,
    bytes: 512 << 10,
};

#[derive(Debug)]
pub(crate) struct Desk {
    world: Arc<World>,
    queue: Arc<Queue>,
    state: Mutex<State>,
    /// Held by who writes, or loads what was written.
    turn: tokio::sync::Mutex<()>,
    /// Held by who reads ahead.
    reading: tokio::sync::Mutex<()>,
    /// Held by the one among those who wait that watches the log for all.
    lookout: tokio::sync::Mutex<()>,
    /// There may be something for those who wait.
    stirred: Notify,
}

impl Desk {
    pub(crate) fn new(world: Arc<World>, queue: Arc<Queue>) -> Self {
        Self {
            world,
            queue,
            state: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            reading: tokio::sync::Mutex::default(),
            lookout: tokio::sync::Mutex::default(),
            stirred: Notify::new(),
        }
    }

    /// Wakes who waits, to look again.
    pub(crate) fn stir(&self) {
        self.stirred.notify_waiters();
    }

    /// Does what a worker wishes, in a task of its own: what is written must not be left unseen by a
    /// client that goes away.
    pub(crate) async fn settle(
        self: Arc<Self>,
        dead: bool,
        wishes: Vec<(Receipt, Wish)>,
    ) -> Result<Vec<Result<(), Refusal>>, QueueError> {
        own_task(async move {
            self.load().await?;
            let (outcomes, ticket) = self.with_machine(|machine, now| {
                let mut puts = Vec::new();
                let outcomes = wishes.iter().map(|(receipt, wish)| {
                    let put = match wish {
                        Wish::Acknowledge => machine.acknowledge(receipt, dead),
                        Wish::Hide(ms) => machine.hide(receipt, dead, now.plus(*ms)),
                        Wish::Restore => machine.restore(receipt, now),
                    };
                    put.map(|put| puts.push(put))
                });
                let outcomes: Vec<_> = outcomes.collect();
                (outcomes, puts)
            })?;
            self.written(ticket).await?;
            Ok(outcomes)
        })
        .await
    }

    /// Forgets what retention has removed, where the queue is in use.
    pub(crate) async fn expire(&self) -> Result<(), QueueError> {
        loop {
            let Some(current) = self.world.current(&self.queue) else {
                return Ok(());
            };
            if !self.state().is_loaded() {
                return Ok(());
            }
            let horizon = current.queue.horizon(&current.stream, (self.world.clock)());
            let (left, ticket) = self.with_machine(|machine, _| {
                let puts = machine.expire(horizon);
                (!puts.is_empty(), puts)
            })?;
            self.written(ticket).await?;
            if !left {
                return Ok(());
            }
        }
    }

    /// Gives what is there at the moment.
    async fn take(&self, current: &Current, receive: Receive) -> Result<Vec<Handed>, QueueError> {
        loop {
            self.load().await?;
            self.follow(current)?;
            if !receive.dead {
                self.read_ahead().await?;
            }
            let horizon = current.queue.horizon(&current.stream, (self.world.clock)());
            let ask = Ask {
                records: receive.records,
                bytes: limit::RECEIVE_BYTES,
                hidden_ms: receive.hidden_ms,
                dead: receive.dead,
            };
            let (deliveries, ticket) = self.with_machine(|machine, now| {
                let received = machine.receive(now, ask, horizon);
                (received.deliveries, received.puts)
            })?;
            if deliveries.is_empty() {
                // Only when nothing is left is there nothing to give: a page may have held nothing
                // but what has expired.
                if receive.dead || self.wants().is_none() {
                    return Ok(Vec::new());
                }
                continue;
            }
            let handed = self.hand(deliveries, receive.dead).await?;
            self.written(ticket).await?;
            if !handed.is_empty() {
                return Ok(handed);
            }
        }
    }

    /// The records of `deliveries`, read where they are not at hand. Those that are gone are
    /// forgotten.
    async fn hand(&self, deliveries: Vec<Delivery>, dead: bool) -> Result<Vec<Handed>, QueueError> {
        let mut handed = Vec::with_capacity(deliveries.len());
        for delivery in deliveries {
            let Delivery {
                place,
                entry,
                slice,
            } = delivery;
            let slice = match slice {
                Some(slice) => Some(slice),
                None => self.read(place).await?,
            };
            match slice {
                Some(slice) => handed.push(Handed {
                    receipt: Receipt {
                        queue: self.queue.id,
                        place,
                        delivery: entry.delivery,
                        dead,
                    },
                    entry,
                    slice,
                }),
                None => {
                    let lost = |machine: &mut Machine| machine.lose(place, entry.delivery);
                    self.with_machine(|machine, _| ((), lost(machine).into_iter().collect()))?;
                }
            }
        }
        Ok(handed)
    }

    async fn read(&self, place: Place) -> Result<Option<Slice>, ReadError> {
        let one = ReadLimits {
            records: 1,
            bytes: 1,
        };
        let read = self.world.log.read(place.shard, place.position, one);
        let first = read.await?.slices.into_iter().next();
        Ok(first.filter(|slice| slice.first() == place.position))
    }

    /// Has the machine know what the catalog says.
    fn follow(&self, current: &Current) -> Result<(), QueueError> {
        let mut state = self.state();
        if state.follows(current) {
            return Ok(());
        }
        let starts = current.queue.starts_in(&current.stream);
        let max_receives = current.queue.attributes.max_receives;
        let puts = state.machine()?.follow(&starts, max_receives);
        state.followed(current, puts);
        Ok(())
    }

    /// Reads a page where nothing is at hand and something is to be read.
    async fn read_ahead(&self) -> Result<(), QueueError> {
        if self.wants().is_none() {
            return Ok(());
        }
        let _reading = self.reading.lock().await;
        let Some((shard, from)) = self.wants() else {
            return Ok(());
        };
        let before = self.world.log.span(shard);
        let page = self.world.log.read(shard, from, AHEAD).await?;
        if let Ok(machine) = self.state().machine() {
            machine.offer(shard, from, page, before);
        }
        Ok(())
    }

    fn wants(&self) -> Option<(ShardNumber, Position)> {
        let mut state = self.state();
        let machine = state.machine().ok()?;
        machine.wants(|shard| self.world.log.span(shard))
    }

    /// A step of the machine, with what it gives to write. Wakes those who wait where a record
    /// becomes visible sooner than they know.
    fn with_machine<T>(
        &self,
        step: impl FnOnce(&mut Machine, Millis) -> (T, Vec<Put>),
    ) -> Result<(T, Ticket), QueueError> {
        let now = (self.world.clock)();
        let mut state = self.state();
        let machine = state.machine()?;
        let next = |machine: &Machine| [true, false].map(|dead| machine.next_visible(dead));
        let before = next(machine);
        let (value, puts) = step(machine, now);
        let sooner = |(before, after)| match (before, after) {
            (Some(before), Some(after)) => after < before,
            (before, after) => before.is_none() && after.is_some(),
        };
        if before.into_iter().zip(next(machine)).any(sooner) {
            self.stir();
        }
        let ticket = state.enqueue(puts);
        Ok((value, ticket))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs to its end whatever becomes of the one who waits for it.
async fn own_task<T: Send + 'static>(
    work: impl Future<Output = Result<T, QueueError>> + Send + 'static,
) -> Result<T, QueueError> {
    tokio::spawn(work).await.unwrap_or_else(|error| {
        let what = format!("the request was broken off: {error}");
        Err(CommitError::Ambiguous(what).into())
    })
}
