//! One channel on one shard: wait, deliver, remember, and again. Nothing polls: a commit wakes it, or
//! the time at which its oldest record must be delivered.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use millstream_core::{
    catalog::{Channel, Shard, key},
    channel::pace,
    port::{Commit, Put, ReadLimits},
    position::Position,
    time::Millis,
};
use tokio::{sync::watch, time::sleep};

use crate::{
    bucket::Label,
    error::DeliveryError,
    object::{self, Object},
    outlet::{Order, Outlet},
};

/// What a lane works by. Everything that can be changed later is read where it is needed.
#[derive(Debug)]
pub(crate) struct Spec {
    pub(crate) channel: Arc<Channel>,
    pub(crate) channel_id: String,
    pub(crate) shard: Shard,
}

const ONE: ReadLimits = ReadLimits {
    records: 1,
    bytes: 1,
};

/// Delivers the shard's records until it is dropped.
pub(crate) async fn run(outlet: &Outlet, shard: Shard, orders: watch::Receiver<Order>) {
    let spec = Arc::new(Spec {
        channel: Arc::clone(&outlet.channel),
        channel_id: outlet.channel.public_id(),
        shard,
    });
    let mut lane = Lane {
        outlet,
        spec,
        orders,
        failures: 0,
    };
    let mut next = lane.load().await;
    loop {
        match lane.step(next).await {
            Ok(after) => {
                next = after;
                lane.failures = 0;
            }
            Err(error) => lane.fail(&error).await,
        }
    }
}

struct Lane<'a> {
    outlet: &'a Outlet,
    spec: Arc<Spec>,
    orders: watch::Receiver<Order>,
    /// Attempts that failed one after another.
    failures: u32,
}

impl Lane<'_> {
    /// Where it stands: what was kept, or where the channel begins.
    async fn load(&mut self) -> Position {
        loop {
            match self.stored().await {
                Ok(stored) => {
                    let starts = &self.spec.channel.starts;
                    let start = starts.get(&self.spec.shard.number).copied();
                    return stored.or(start).unwrap_or(Position::START);
                }
                Err(error) => self.fail(&error).await,
            }
        }
    }

    async fn stored(&self) -> Result<Option<Position>, DeliveryError> {
        let values = self.outlet.world.log.get_many(vec![self.key()]).await?;
        let Some(value) = values.into_iter().next().flatten() else {
            return Ok(None);
        };
        let bytes = value.as_ref().try_into();
        let position = bytes.map_err(|_| DeliveryError::Unreadable)?;
        Ok(Some(Position(u64::from_be_bytes(position))))
    }

    /// Delivers what comes next, once it is time; gives the position after it.
    async fn step(&mut self, next: Position) -> Result<Position, DeliveryError> {
        let world = Arc::clone(&self.outlet.world);
        let shard = self.spec.shard.number;
        let tail = world.log.grown(shard, next).await;
        let waiting = world.log.read(shard, next, ONE).await?;
        let Some(oldest) = waiting.slices.first().map(|slice| slice.arrival) else {
            // Retention removed what came; there is nothing to remember.
            return Ok(tail);
        };
        self.hold(next, oldest).await;
        let _slots = self.outlet.slots().await;
        let until = world.log.span(shard).next;
        match object::gather(world.log.as_ref(), &self.spec, next, until).await? {
            Some(object) => {
                let after = object.next;
                self.store(object).await?;
                Ok(after)
            }
            None => Ok(until),
        }
    }

    /// Waits until the records from `next` on are due.
    async fn hold(&mut self, next: Position, oldest: Millis) {
        let world = &self.outlet.world;
        let shard = self.spec.shard.number;
        loop {
            let freshness = world.freshness_ms(&self.orders.borrow_and_update().channel);
            let tail = world.log.span(shard).next;
            let ms = pace::due_in(oldest, (world.clock)(), freshness, next.until(tail));
            if ms == 0 {
                return;
            }
            tokio::select! {
                () = sleep(Duration::from_millis(ms)) => (),
                _ = world.log.grown(shard, pace::enough(next, tail)) => (),
                changed = self.orders.changed() => if changed.is_err() {
                    // Nobody is left to give orders; the task is ended soon.
                    std::future::pending::<()>().await;
                },
            }
        }
    }

    /// Dead letters first: once the position is kept, nobody looks at these records again.
    async fn store(&self, object: Object) -> Result<(), DeliveryError> {
        let (outlet, destination) = (self.outlet, &self.spec.channel.settings.destination);
        let names = self.spec.channel.object_names(&self.spec.channel_id);
        let Object {
            first,
            arrival,
            next,
            body,
            dead,
            records,
            dead_records,
        } = object;
        let index = self.spec.shard.index;
        let label = Label {
            class: destination.storage_class,
            content_type: "application/octet-stream",
        };
        let mut bytes = 0;
        let objects = u64::from(body.is_some());
        if dead_records > 0 {
            let key = names.dead_letters(index, first, arrival);
            let label = Label {
                content_type: "application/x-ndjson",
                ..label
            };
            outlet.dead_letters.put(&key, dead, label).await?;
        }
        if let Some(body) = body {
            bytes = body.len() as u64;
            let key = names.delivered(index, first, arrival);
            outlet.bucket.put(&key, body, label).await?;
        }
        self.keep(next).await?;
        outlet.board.succeeded();
        let mut tally = outlet.board.tally();
        tally.objects += objects;
        tally.bytes += bytes;
        tally.records += records;
        tally.dead_letters += dead_records;
        Ok(())
    }

    async fn keep(&self, next: Position) -> Result<(), DeliveryError> {
        let value = Bytes::copy_from_slice(&next.0.to_be_bytes());
        let commit = Commit {
            puts: vec![Put {
                key: self.key(),
                value: Some(value),
            }],
            ..Commit::default()
        };
        let _durable = self.outlet.world.log.commit(commit).await?;
        Ok(())
    }

    async fn fail(&mut self, error: &DeliveryError) {
        self.failures += 1;
        self.outlet.board.failed(error);
        let (channel, shard) = (&self.spec.channel.name, self.spec.shard.id());
        tracing::warn!(%channel, shard, attempt = self.failures, %error, "not delivered yet");
        sleep(Duration::from_millis(pace::pause_ms(self.failures))).await;
    }

    fn key(&self) -> Bytes {
        key::channel_position(self.spec.channel.id, self.spec.shard.number)
    }
}
