//! All channels: started, told and stopped as the catalog says.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use millstream_core::{
    catalog::{Catalog, Channel},
    port::{Channels, Control, Log},
    time::Millis,
};
use tokio::{sync::watch, task::JoinHandle};

use crate::{
    board::Board,
    destination::Destination,
    outlet::{self, Order, World},
    samples,
};

/// How channels deliver.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the buckets lie.
    pub destination: Destination,
    /// Milliseconds after which records are delivered although their channel allows more.
    pub freshness_ms_max: Option<u64>,
    /// Objects that may be in memory at once, over all channels; each takes up to about 40 MiB.
    pub objects: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            destination: Destination::Nowhere,
            freshness_ms_max: None,
            objects: 4,
        }
    }
}

/// The channels of a host.
#[derive(Debug)]
pub struct Deliveries {
    world: Arc<World>,
    running: Mutex<Running>,
}

/// By the channel's id, which is never given twice.
#[derive(Debug, Default)]
struct Running {
    channels: BTreeMap<u64, Handle>,
    drained: bool,
}

/// A channel's task. Dropping it ends the task.
#[derive(Debug)]
pub(crate) struct Handle {
    pub(crate) channel: Arc<Channel>,
    pub(crate) board: Arc<Board>,
    orders: watch::Sender<Order>,
    task: JoinHandle<()>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Deliveries {
    /// Without any channel: [`Deliveries::follow`] starts them.
    #[must_use]
    pub fn new(log: Arc<dyn Log>, clock: fn() -> Millis, options: Options) -> Arc<Self> {
        // An error means that the process has chosen already, which is as good.
        let _chosen = rustls::crypto::ring::default_provider().install_default();
        Arc::new(Self {
            world: Arc::new(World::new(log, clock, options)),
            running: Mutex::default(),
        })
    }

    /// Does what the catalog says, whenever it changes, until it is dropped.
    pub async fn follow(self: Arc<Self>, control: Arc<dyn Control>) {
        let mut catalog = control.catalog();
        loop {
            self.arrange(&catalog);
            catalog = control.changed(catalog).await;
        }
    }

    /// Stops all channels for good. What is under way is delivered again after the next start.
    pub async fn drain(&self) {
        let ended = {
            let mut running = self.running();
            running.drained = true;
            std::mem::take(&mut running.channels)
        };
        for mut handle in ended.into_values() {
            handle.task.abort();
            // It was ended on purpose, which is the error that this gives.
            let _ended = (&mut handle.task).await;
        }
    }

    /// Adds the channels' samples to `text`, in Prometheus's format.
    pub fn samples(&self, text: &mut String) {
        let running = self.running();
        samples::write(text, running.channels.values());
    }

    fn arrange(&self, catalog: &Catalog) {
        let mut running = self.running();
        if running.drained {
            return;
        }
        let mut before = std::mem::take(&mut running.channels);
        for channel in catalog.channels().filter(|channel| !channel.is_deleted()) {
            let Some(stream) = catalog.living(channel.stream.as_str()) else {
                continue;
            };
            let order = Order {
                channel: Arc::clone(channel),
                stream: Arc::clone(stream),
            };
            let before = before.remove(&channel.id);
            let alive = before.filter(|handle| !handle.task.is_finished());
            let handle = match alive {
                Some(handle) => handle.told(order),
                None => self.start(order),
            };
            running.channels.insert(channel.id, handle);
        }
    }

    fn start(&self, order: Order) -> Handle {
        let channel = Arc::clone(&order.channel);
        let board = Arc::new(Board::default());
        let (orders, to_follow) = watch::channel(order);
        let task = outlet::run(Arc::clone(&self.world), Arc::clone(&board), to_follow);
        Handle {
            channel,
            board,
            orders,
            task: tokio::spawn(task),
        }
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Handle {
    fn told(mut self, order: Order) -> Self {
        self.channel = Arc::clone(&order.channel);
        self.orders.send_if_modified(|current| {
            let changed = *current != order;
            *current = order;
            changed
        });
        self
    }
}

impl Channels for Deliveries {
    fn failure(&self, channel: u64) -> Option<String> {
        self.running().channels.get(&channel)?.board.failure()
    }
}
