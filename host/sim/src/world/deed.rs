//! Doing what a scenario says.

use std::{sync::Arc, time::Duration};

use millstream_core::{
    block::BlockBuilder,
    catalog::{Request, Shard, StreamChange, stream::reshard::Reshard},
    hash_key::HashKey,
    time::Millis,
};
use tokio::time::sleep;

use super::{World, producer::produce};
use crate::{
    clock,
    scenario::{Act, STREAMS},
};

impl World {
    /// Does it; false where the host ended over it.
    pub(super) async fn act(&mut self, act: Act) -> bool {
        match act {
            Act::Put { stream, keys } => self.put(stream, &keys),
            Act::Crash => {
                self.ground.crash();
                return false;
            }
            Act::CrashIn(transactions) => {
                self.ground.lock().faults.transactions_left = Some(transactions);
            }
            Act::Restart => {
                if self.survives(self.host.drain()).await {
                    self.ground.crash();
                }
                return false;
            }
            Act::Full(ms) => self.ground.lock().faults.full_until = clock::elapsed() + ms,
            Act::Unreadable(ms) => {
                self.ground.lock().faults.unreadable_until = clock::elapsed() + ms;
            }
            Act::Jump(ms) => {
                clock::jump(ms);
                self.ground.lock().audit.went_back |= ms < 0;
            }
            Act::Trim(stream, age) => self.trim(stream, age),
            change => return self.survives(self.change(change)).await,
        }
        true
    }

    async fn change(&self, act: Act) {
        let host = &self.host;
        match act {
            Act::Create(number) => self.create(number).await,
            Act::Update(number, settings) => {
                let name = format!("t{number}");
                if self.ground.lock().catalog.trigger(&name).is_some() {
                    self.put_trigger(number, settings).await;
                }
            }
            Act::Enable(number, enabled) => {
                if let Ok(name) = format!("t{number}").as_str().try_into() {
                    host.change(Request::EnableTrigger { name, enabled }).await;
                }
            }
            Act::Delete(number) => {
                if let Ok(name) = format!("t{number}").as_str().try_into() {
                    host.change(Request::DeleteTrigger { name }).await;
                }
            }
            Act::Deploy(number) => host.deploy(&format!("f{number}")).await,
            Act::Undeploy(number) => {
                if let Ok(name) = format!("f{number}").as_str().try_into() {
                    host.change(Request::DeleteFunction { name }).await;
                }
            }
            Act::Split(stream, number) => self.reshard(stream, |open| split(open, number)).await,
            Act::Merge(stream, number) => self.reshard(stream, |open| merge(open, number)).await,
            Act::Resize(stream, target) => {
                self.reshard(stream, |_| Some(Reshard::Resize { target }))
                    .await;
            }
            _ => {}
        }
    }

    /// Tries for a while, as a client does.
    async fn create(&self, number: usize) {
        let settings = &self.scenario.triggers[number].settings;
        for _ in 0..20 {
            self.put_trigger(number, settings.clone()).await;
            let catalog = Arc::clone(&self.ground.lock().catalog);
            if catalog.trigger(&format!("t{number}")).is_some() {
                return;
            }
            sleep(Duration::from_millis(500)).await;
        }
    }

    async fn put_trigger(&self, number: usize, settings: serde_json::Value) {
        match serde_json::from_value(settings) {
            Ok(settings) => self.host.put_trigger(&format!("t{number}"), settings).await,
            Err(error) => self.ground.accuse(&format!("settings: {error}")),
        }
    }

    async fn reshard(&self, stream: usize, change: impl FnOnce(&[Shard]) -> Option<Reshard>) {
        let catalog = Arc::clone(&self.ground.lock().catalog);
        let Some(stream) = catalog.stream(STREAMS[stream]) else {
            return;
        };
        let mut open: Vec<_> = stream.open_shards().cloned().collect();
        open.sort_by_key(|shard| shard.range.start);
        let Some(change) = change(&open) else { return };
        let request = Request::ChangeStream {
            name: stream.name.clone(),
            change: StreamChange::Reshard(change),
        };
        self.host.change(request).await;
    }

    fn put(&mut self, stream: usize, keys: &[u64]) {
        let mut builder = BlockBuilder::default();
        for key in keys {
            self.puts += 1;
            builder.push(&format!("k{key}"), format!("p|{}", self.puts).as_bytes());
        }
        if let Some(block) = builder.finish() {
            tokio::spawn(produce(Arc::clone(&self.ground), stream, block));
        }
    }

    fn trim(&self, stream: usize, age: u64) {
        let mut inner = self.ground.lock();
        let catalog = Arc::clone(&inner.catalog);
        let before = Millis(clock::now().0.saturating_sub(age));
        for shard in catalog
            .stream(STREAMS[stream])
            .iter()
            .flat_map(|stream| &stream.shards)
        {
            inner.store.trim(shard.number, before);
        }
    }
}

fn split(open: &[Shard], number: u64) -> Option<Reshard> {
    let shard = &open[number as usize % open.len()];
    if open.len() >= 5 {
        return None;
    }
    let (start, end) = (shard.range.start.0, shard.range.end.0);
    // Anywhere within it.
    let part = (end - start) / 1000 * (1 + u128::from(number >> 32) % 999);
    Some(Reshard::Split {
        shard: shard.index,
        at: HashKey(start + part.max(1)),
    })
}

fn merge(open: &[Shard], number: u64) -> Option<Reshard> {
    let pairs = open.len().checked_sub(1).filter(|pairs| *pairs > 0)?;
    let at = number as usize % pairs;
    Some(Reshard::Merge {
        shard: open[at].index,
        adjacent: open[at + 1].index,
    })
}
