//! One channel's task: it opens the buckets, then runs a lane for every shard of the stream.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use millstream_core::{
    catalog::{Channel, Stream},
    channel::pace,
    port::Log,
    time::Millis,
};
use tokio::{
    sync::{Semaphore, SemaphorePermit, watch},
    time::sleep,
};

use crate::{
    board::Board, bucket::Bucket, deliveries::Options, destination::Destination,
    error::DeliveryError, lane,
};

/// Objects that one channel may be writing at once, so that one that hangs leaves room for others.
const OBJECTS_OF_CHANNEL: usize = 2;

/// What all channels share.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) log: Arc<dyn Log>,
    pub(crate) clock: fn() -> Millis,
    pub(crate) destination: Destination,
    pub(crate) freshness_ms_max: Option<u64>,
    /// One for every object that may be in memory.
    objects: Semaphore,
}

impl World {
    pub(crate) fn new(log: Arc<dyn Log>, clock: fn() -> Millis, options: Options) -> Self {
        let Options {
            destination,
            freshness_ms_max,
            objects,
        } = options;
        Self {
            log,
            clock,
            destination,
            freshness_ms_max,
            objects: Semaphore::new(objects),
        }
    }

    /// How long records of a channel may wait.
    pub(crate) fn freshness_ms(&self, channel: &Channel) -> u64 {
        let asked = u64::from(channel.settings.destination.freshness_seconds) * 1000;
        asked.min(self.freshness_ms_max.unwrap_or(u64::MAX))
    }
}

/// What a channel's task is told, whenever it changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) channel: Arc<Channel>,
    pub(crate) stream: Arc<Stream>,
}

/// A channel whose buckets are open.
#[derive(Debug)]
pub(crate) struct Outlet {
    pub(crate) world: Arc<World>,
    /// As it was when the task began; see [`Order`] for what changes.
    pub(crate) channel: Arc<Channel>,
    pub(crate) board: Arc<Board>,
    pub(crate) bucket: Bucket,
    pub(crate) dead_letters: Bucket,
    own: Semaphore,
}

impl Outlet {
    /// Waits until an object may be in memory.
    pub(crate) async fn slots(&self) -> (SemaphorePermit<'_>, SemaphorePermit<'_>) {
        let open = "nobody closes it";
        let own = self.own.acquire().await.expect(open);
        (own, self.world.objects.acquire().await.expect(open))
    }

    async fn open(
        world: &Arc<World>,
        channel: &Arc<Channel>,
        board: &Arc<Board>,
    ) -> Result<Self, DeliveryError> {
        let destination = &channel.settings.destination;
        let open = |arn: &str| Bucket::open(&world.destination, bucket_name(arn));
        let bucket = open(&destination.bucket.arn)?;
        let dead_letters = if destination.dead_letters.bucket == destination.bucket {
            bucket.clone()
        } else {
            open(&destination.dead_letters.bucket.arn)?
        };
        bucket.probe().await?;
        dead_letters.probe().await?;
        Ok(Self {
            world: Arc::clone(world),
            channel: Arc::clone(channel),
            board: Arc::clone(board),
            bucket,
            dead_letters,
            own: Semaphore::new(OBJECTS_OF_CHANNEL),
        })
    }
}

/// Delivers until it is dropped.
pub(crate) async fn run(world: Arc<World>, board: Arc<Board>, mut orders: watch::Receiver<Order>) {
    let channel = Arc::clone(&orders.borrow().channel);
    let mut failures = 0;
    let outlet = loop {
        match Outlet::open(&world, &channel, &board).await {
            Ok(outlet) => break outlet,
            Err(error) => {
                failures += 1;
                board.failed(&error);
                tracing::warn!(channel = %channel.name, attempt = failures, %error, "nothing is delivered");
                sleep(Duration::from_millis(pace::pause_ms(failures))).await;
            }
        }
    };
    board.succeeded();
    let mut lanes = FuturesUnordered::new();
    let mut started = BTreeSet::new();
    loop {
        let stream = Arc::clone(&orders.borrow_and_update().stream);
        for shard in &stream.shards {
            if started.insert(shard.number) {
                lanes.push(lane::run(&outlet, shard.clone(), orders.clone()));
            }
        }
        tokio::select! {
            changed = orders.changed() => if changed.is_err() {
                return;
            },
            Some(()) = lanes.next() => (),
        }
    }
}

/// What follows the last colon of a bucket's ARN.
fn bucket_name(arn: &str) -> &str {
    arn.rsplit_once(':').map_or(arn, |(_, name)| name)
}
