//! All queues that were asked for something since the host started, each with a desk of its own.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use millstream_core::{
    catalog::{Catalog, Queue, Status, Stream},
    port::{Control, Handed, Later, Log, QueueError, Queues, Receive, Wish},
    queue::{Receipt, Refusal},
    time::Millis,
};
use tokio::time::MissedTickBehavior;

use crate::desk::Desk;

/// How often records that retention removed are forgotten.
const PERIOD: Duration = Duration::from_secs(60);

/// What all desks share.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) log: Arc<dyn Log>,
    pub(crate) control: Arc<dyn Control>,
    pub(crate) clock: fn() -> Millis,
    /// Whether nobody shall wait any more.
    pub(crate) closing: AtomicBool,
}

/// A queue as it is at the moment, with its stream.
#[derive(Debug, Clone)]
pub(crate) struct Current {
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) queue: Arc<Queue>,
    pub(crate) stream: Arc<Stream>,
}

impl World {
    /// The queue of that id, while it delivers records.
    pub(crate) fn current(&self, queue: &Queue) -> Option<Current> {
        let catalog = self.control.catalog();
        let found = catalog.queue(queue.name.as_str());
        let queue = Arc::clone(found.filter(|found| found.id == queue.id)?);
        let stream = Arc::clone(catalog.living(queue.stream.as_str())?);
        match queue.status((self.clock)()) {
            Status::Active | Status::Updating => Some(Current {
                catalog,
                queue,
                stream,
            }),
            Status::Creating | Status::Deleting => None,
        }
    }
}

/// The queues of a host.
#[derive(Debug)]
pub struct Desks {
    world: Arc<World>,
    /// By the queue's id, which is never given twice.
    desks: Mutex<BTreeMap<u64, Arc<Desk>>>,
}

impl Desks {
    /// Over what the log holds. Nothing is read before it is asked for.
    #[must_use]
    pub fn new(log: Arc<dyn Log>, control: Arc<dyn Control>, clock: fn() -> Millis) -> Arc<Self> {
        Arc::new(Self {
            world: Arc::new(World {
                log,
                control,
                clock,
                closing: AtomicBool::new(false),
            }),
            desks: Mutex::default(),
        })
    }

    /// Answers everyone who waits, and lets nobody wait any more.
    pub fn close(&self) {
        self.world.closing.store(true, Ordering::Relaxed);
        for desk in self.all() {
            desk.stir();
        }
    }

    /// Forgets, each minute, what retention has removed from queues that are in use, and queues that
    /// are gone. Runs until it is dropped.
    pub async fn tidy(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            for desk in self.all() {
                if let Err(error) = desk.expire().await {
                    tracing::warn!(%error, "expired records stay in a queue for now");
                }
            }
            let catalog = self.world.control.catalog();
            let alive = catalog.queues().map(|queue| queue.id);
            let alive: std::collections::BTreeSet<u64> = alive.collect();
            self.desks().retain(|id, _| alive.contains(id));
        }
    }

    fn all(&self) -> Vec<Arc<Desk>> {
        self.desks().values().cloned().collect()
    }

    fn desk(&self, queue: &Arc<Queue>) -> Arc<Desk> {
        let mut desks = self.desks();
        let new = || Arc::new(Desk::new(Arc::clone(&self.world), Arc::clone(queue)));
        Arc::clone(desks.entry(queue.id).or_insert_with(new))
    }

    fn desks(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, Arc<Desk>>> {
        self.desks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queues for Desks {
    fn receive(
        &self,
        queue: Arc<Queue>,
        receive: Receive,
    ) -> Later<'static, Result<Vec<Handed>, QueueError>> {
        Box::pin(self.desk(&queue).receive(receive))
    }

    fn settle(
        &self,
        queue: Arc<Queue>,
        dead: bool,
        wishes: Vec<(Receipt, Wish)>,
    ) -> Later<'static, Result<Vec<Result<(), Refusal>>, QueueError>> {
        Box::pin(self.desk(&queue).settle(dead, wishes))
    }
}
