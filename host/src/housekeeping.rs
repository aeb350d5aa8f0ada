//! Removes expired records, the shards that held nothing else, and what deleted streams left, each
//! minute, a few blocks at a time.

use std::{sync::Arc, time::Duration};

use millstream_core::{
    catalog::{Request, Shard, StreamChange, channel, queue, stream::reshard::Reshard},
    port::{Control, Log},
};
use tokio::time::MissedTickBehavior;

use crate::clock;

const PERIOD: Duration = Duration::from_secs(60);
/// Shards that go in one commit.
const SHARDS_AT_ONCE: usize = 500;

/// Runs until it is dropped.
pub(crate) async fn run(log: Arc<dyn Log>, control: Arc<dyn Control>) {
    let mut ticks = tokio::time::interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        forget(control.as_ref()).await;
        let removed = trim(log.as_ref(), control.as_ref()).await;
        if removed > 0 {
            tracing::info!(records = removed, "removed expired records");
        }
        expire(log.as_ref(), control.as_ref()).await;
    }
}

/// Removes the entries of what was deleted and does not even show as that any more.
async fn forget(control: &dyn Control) {
    let (catalog, now) = (control.catalog(), clock::now());
    for stream in catalog.streams().filter(|stream| stream.is_gone(now)) {
        let name = stream.name.clone();
        // Somebody may have created it anew meanwhile.
        let _refused = control.apply(Request::ForgetStream { name }).await;
    }
    for channel in catalog.channels().filter(|channel| channel.is_gone(now)) {
        let name = channel.name.clone();
        let forget = channel::Request::Forget { name };
        let _refused = control.apply(Request::Channel(forget)).await;
    }
    for queue in catalog.queues().filter(|queue| queue.is_gone(now)) {
        let name = queue.name.clone();
        let forget = queue::Request::Forget { name };
        let _refused = control.apply(Request::Queue(forget)).await;
    }
}

/// Removes closed shards whose records have all expired. What removing them did not reach goes later.
pub(crate) async fn expire(log: &dyn Log, control: &dyn Control) {
    let (catalog, now) = (control.catalog(), clock::now());
    for stream in catalog.streams().filter(|stream| !stream.is_deleted()) {
        let is_empty = |shard: &&Shard| {
            let span = log.span(shard.number);
            span.first == span.next
        };
        let empty = stream.expired_shards(now).filter(is_empty);
        let shards: Vec<u32> = empty
            .map(|shard| shard.index)
            .take(SHARDS_AT_ONCE)
            .collect();
        if shards.is_empty() {
            continue;
        }
        let request = Request::ChangeStream {
            name: stream.name.clone(),
            change: StreamChange::Reshard(Reshard::Expire(shards)),
        };
        if let Err(error) = control.apply(request).await {
            tracing::warn!(stream = %stream.name, %error, "expired shards stay for now");
        }
    }
}

async fn trim(log: &dyn Log, control: &dyn Control) -> u64 {
    let (catalog, now) = (control.catalog(), clock::now());
    let mut removed = 0;
    for stream in catalog.streams().filter(|stream| !stream.is_deleted()) {
        let horizon = stream.horizon(now);
        for shard in &stream.shards {
            let span = log.span(shard.number);
            if span.first == span.next {
                continue;
            }
            loop {
                match log.trim(shard.number, horizon).await {
                    Ok(0) => break,
                    Ok(records) => removed += records,
                    Err(error) => {
                        let (stream, shard) = (&stream.name, shard.id());
                        tracing::warn!(%stream, shard, %error, "expired records stay for now");
                        break;
                    }
                }
            }
        }
    }
    removed
}
