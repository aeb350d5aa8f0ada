//! Who is subscribed: one subscription for a consumer and a shard. Knows nothing of records.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use millstream_core::{name::ConsumerName, position::ShardNumber, time::Millis};
use tokio::{sync::oneshot, time::Instant};

/// How long nobody may take over from a subscription, whether or not it still goes on.
const REST: Duration = Duration::from_secs(5);
/// Entries before those that nobody needs any more are looked for.
const SWEEP: usize = 64;

/// A consumer at a shard. Its creation tells it from an older one of its name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Who {
    pub(super) shard: ShardNumber,
    pub(super) consumer: ConsumerName,
    pub(super) created: Millis,
}

/// The last subscription was a moment ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Early;

/// All subscriptions, and those that ended a moment ago.
#[derive(Debug, Default)]
pub(super) struct Seats(Mutex<Taken>);

#[derive(Debug, Default)]
struct Taken {
    held: HashMap<Who, Held>,
    /// Entries that were left after the last sweep.
    left: usize,
}

#[derive(Debug)]
struct Held {
    since: Instant,
    /// Dropped when somebody takes over.
    over: oneshot::Sender<()>,
}

/// A subscription's right to go on.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) who: Who,
    seats: Arc<Seats>,
    since: Instant,
    over: oneshot::Receiver<()>,
}

impl Seats {
    /// Whether [`Seats::take`] would succeed.
    pub(super) fn check(&self, who: &Who) -> Result<(), Early> {
        match self.lock().held.get(who) {
            Some(held) if held.since.elapsed() < REST => Err(Early),
            _ => Ok(()),
        }
    }

    /// Takes the place at the shard, from whoever has it.
    pub(super) fn take(self: &Arc<Self>, who: Who) -> Result<Seat, Early> {
        let mut taken = self.lock();
        let (since, before) = (Instant::now(), taken.held.get(&who));
        if before.is_some_and(|held| since - held.since < REST) {
            return Err(Early);
        }
        if taken.held.len() >= 2 * taken.left.max(SWEEP) {
            taken
                .held
                .retain(|_, held| since - held.since < REST || !held.over.is_closed());
            taken.left = taken.held.len();
        }
        let (sender, over) = oneshot::channel();
        let held = Held {
            since,
            over: sender,
        };
        taken.held.insert(who.clone(), held);
        drop(taken);
        Ok(Seat {
            who,
            seats: Arc::clone(self),
            since,
            over,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Whether somebody took over.
    pub(super) fn is_lost(&mut self) -> bool {
        // There is never a message: the other end is there, or it is not.
        self.over.try_recv() == Err(oneshot::error::TryRecvError::Closed)
    }

    /// Waits until somebody takes over.
    pub(super) async fn lost(&mut self) {
        let _dropped = (&mut self.over).await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.lock();
        let mine = taken.held.get(&self.who);
        if mine.is_some_and(|held| held.since == self.since) && self.since.elapsed() >= REST {
            taken.held.remove(&self.who);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn who(shard: u32) -> Who {
        Who {
            shard: ShardNumber(shard),
            consumer: "c".try_into().unwrap(),
            created: Millis(1),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_seat_is_lost_to_whoever_comes_after_five_seconds() {
        let seats = Arc::new(Seats::default());
        let mut first = seats.take(who(1)).unwrap();
        advance(REST - Duration::from_millis(1)).await;
        assert_eq!(seats.take(who(1)).unwrap_err(), Early);
        assert_eq!(seats.check(&who(1)), Err(Early));
        assert!(!first.is_lost());
        advance(Duration::from_millis(1)).await;
        assert_eq!(seats.check(&who(1)), Ok(()));
        let mut second = seats.take(who(1)).unwrap();
        assert!(first.is_lost());
        drop(first);
        assert!(!second.is_lost(), "the older one took nothing with it");
        assert_eq!(seats.take(who(1)).unwrap_err(), Early);
    }

    #[tokio::test(start_paused = true)]
    async fn what_ended_is_remembered_for_five_seconds_and_then_forgotten() {
        let seats = Arc::new(Seats::default());
        drop(seats.take(who(1)).unwrap());
        assert_eq!(seats.check(&who(1)), Err(Early));
        let held = seats.take(who(2)).unwrap();
        advance(REST).await;
        drop(held);
        assert_eq!(seats.lock().held.len(), 1, "gone as it ended");
        for shard in 11..10 + 2 * SWEEP {
            drop(seats.take(who(u32::try_from(shard).unwrap())).unwrap());
        }
        advance(REST).await;
        drop(seats.take(who(3)).unwrap());
        assert_eq!(seats.lock().held.len(), 1, "swept");
    }
}
