//! All triggers' outboxes: filled by lanes, found again after a start, emptied by couriers.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use millstream_core::{
    catalog::{Catalog, key},
    port::{Control, Log, Outbox, OutboxStatus, ReadError},
    time::Millis,
};
use tokio::task::JoinHandle;

use super::{
    aws::Aws,
    courier::{self, World},
    desk::Desk,
    samples,
    sender::Sender,
};
use crate::destination::Destination;

/// Keys that are looked at in one step.
const KEYS_A_PAGE: usize = 10_000;

/// How failure records are sent.
#[derive(Debug, Clone, Default)]
pub struct OutboxOptions {
    /// Where AWS's services answer, and who asks them.
    pub aws: Aws,
    /// Where buckets lie: one in a directory does not go to S3.
    pub buckets: Destination,
}

/// The outboxes of a host.
#[derive(Debug)]
pub struct Outboxes {
    world: Arc<World>,
    running: Mutex<Running>,
}

#[derive(Debug, Default)]
struct Running {
    /// By the trigger's id, which is never given twice.
    couriers: BTreeMap<u64, Handle>,
    drained: bool,
}

/// A courier. Dropping it ends its task.
#[derive(Debug)]
pub(super) struct Handle {
    pub(super) desk: Arc<Desk>,
    task: JoinHandle<()>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Outboxes {
    /// Without any entry: [`Outboxes::begin`] finds those that wait.
    #[must_use]
    pub fn new(log: Arc<dyn Log>, clock: fn() -> Millis, options: OutboxOptions) -> Arc<Self> {
        // An error means that the process has chosen already, which is as good.
        let _chosen = rustls::crypto::ring::default_provider().install_default();
        let OutboxOptions { aws, buckets } = options;
        let sender = Sender::new(aws, buckets);
        Arc::new(Self {
            world: Arc::new(World::new(log, clock, sender)),
            running: Mutex::default(),
        })
    }

    /// Goes on with what waits in the log, also of triggers that are gone.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn begin(&self, catalog: &Arc<Catalog>) -> Result<(), ReadError> {
        self.world.know(catalog);
        let mut after = None;
        loop {
            let log = self.world.log();
            let keys = log.keys(key::OUTBOX.into(), after, KEYS_A_PAGE).await?;
            after = keys.last().cloned();
            if after.is_none() {
                return Ok(());
            }
            self.filled(keys);
        }
    }

    /// Sends to where triggers say, whenever that changes, until it is dropped.
    pub async fn follow(self: Arc<Self>, control: Arc<dyn Control>) {
        let mut catalog = control.catalog();
        loop {
            self.world.know(&catalog);
            catalog = control.changed(catalog).await;
        }
    }

    /// Stops for good. What is under way is sent again after the next start.
    pub async fn drain(&self) {
        let ended = {
            let mut running = self.running();
            running.drained = true;
            std::mem::take(&mut running.couriers)
        };
        for mut handle in ended.into_values() {
            handle.task.abort();
            // It was ended on purpose, which is the error that this gives.
            let _ended = (&mut handle.task).await;
        }
    }

    /// Adds samples to `text`, in Prometheus's format. Of a trigger that is gone they are gone, too, once
    /// nothing of it waits.
    pub fn samples(&self, text: &mut String) {
        let catalog = self.world.catalog();
        let mut running = self.running();
        let is_there = |id| catalog.triggers().any(|trigger| trigger.id == id);
        let stays = |id: &u64, handle: &mut Handle| is_there(*id) || !handle.desk.is_empty();
        running.couriers.retain(stays);
        samples::write(text, running.couriers.values());
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outbox for Outboxes {
    fn filled(&self, keys: Vec<Bytes>) {
        let mut running = self.running();
        if running.drained {
            // The next start finds them.
            return;
        }
        for key in keys {
            let Some((trigger, _)) = key::outbox_entry(&key) else {
                continue;
            };
            let handle = running.couriers.entry(trigger).or_insert_with(|| {
                let desk = Arc::new(Desk::default());
                let world = Arc::clone(&self.world);
                let run = courier::run(world, trigger, Arc::clone(&desk));
                Handle {
                    desk,
                    task: tokio::spawn(run),
                }
            });
            handle.desk.put(key);
        }
    }

    fn status(&self, trigger: u64) -> Option<OutboxStatus> {
        let running = self.running();
        Some(running.couriers.get(&trigger)?.desk.status())
    }
}
