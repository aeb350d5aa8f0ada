//! The smallest host: a catalog, a log, a function and workers. It is restarted by dropping its
//! workers.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use bytes::Bytes;
use millstream_core::{
    block::BlockBuilder,
    catalog::{Catalog, NewStream, Request, Rules, StreamChange, stream::reshard::Reshard},
    hash_key::HashKey,
    port::{LaneStatus, ModuleInfo, Triggers},
    position::ShardNumber,
    time::Millis,
};
use millstream_worker::{Options, Workers};
use serde_json::{Value, json};

use crate::{
    function::Function,
    log::{self, ModelLog},
    outbox::Notes,
};

/// Virtual time, as tokio has it.
pub(crate) fn clock() -> Millis {
    static BASE: OnceLock<Instant> = OnceLock::new();
    let now = tokio::time::Instant::now().into_std();
    let since = now.saturating_duration_since(*BASE.get_or_init(|| now));
    Millis(1_000_000_000 + since.as_millis() as u64)
}

pub(crate) struct Host {
    pub(crate) log: Arc<ModelLog>,
    pub(crate) function: Arc<Function>,
    pub(crate) catalog: Catalog,
    pub(crate) workers: Arc<Workers>,
    pub(crate) outbox: Arc<Notes>,
}

impl Host {
    /// With the streams `in` (of so many shards), `out` and `dead`, and the function `f`.
    pub(crate) async fn new(shards: u32) -> Self {
        let (log, function) = (Arc::new(ModelLog::default()), Function::echo());
        let outbox = Arc::<Notes>::default();
        let workers = workers(&log, &function, &outbox);
        let mut host = Self {
            log,
            function,
            catalog: Catalog::default(),
            workers,
            outbox,
        };
        for (name, shards) in [("in", shards), ("out", 1), ("dead", 1)] {
            host.stream(name, shards).await;
        }
        host.upload("f").await;
        host
    }

    pub(crate) async fn stream(&mut self, name: &str, shards: u32) {
        let name = name.try_into().unwrap();
        self.apply(Request::CreateStream {
            name,
            settings: NewStream::of(shards),
        })
        .await;
    }

    pub(crate) async fn upload(&mut self, name: &str) {
        self.upload_for("handler", name).await;
    }

    /// Gives a function a version of that world.
    pub(crate) async fn upload_for(&mut self, world: &str, name: &str) {
        let module = ModuleInfo {
            hash: name.to_owned(),
            size: 0,
            world: world.into(),
            imports: Vec::new(),
        };
        self.apply(Request::PutFunction {
            name: name.try_into().unwrap(),
            module,
            wasm: Bytes::new(),
            limits: Default::default(),
            config: BTreeMap::new(),
        })
        .await;
    }

    /// A trigger from `in` to `f`, unless `settings` say otherwise.
    pub(crate) async fn trigger(&mut self, name: &str, settings: Value) {
        let mut all = json!({
            "stream": "in", "function": "f", "starting_position": "TRIM_HORIZON",
            "on_failure_stream": "dead",
        });
        for (name, value) in settings.as_object().unwrap() {
            all[name] = value.clone();
        }
        self.apply(Request::PutTrigger {
            name: name.try_into().unwrap(),
            settings: serde_json::from_value(all).unwrap(),
            starts: BTreeMap::new(),
        })
        .await;
    }

    pub(crate) async fn enable(&mut self, trigger: &str, enabled: bool) {
        let name = trigger.try_into().unwrap();
        self.apply(Request::EnableTrigger { name, enabled }).await;
    }

    pub(crate) async fn delete(&mut self, trigger: &str) {
        let name = trigger.try_into().unwrap();
        self.apply(Request::DeleteTrigger { name }).await;
    }

    pub(crate) async fn apply(&mut self, request: Request) {
        self.decide(request);
        self.reconcile().await;
    }

    /// Changes what there is, without the workers' knowing it.
    pub(crate) fn decide(&mut self, request: Request) {
        let change = self.catalog.decide(request, clock(), &Rules::default());
        let change = change.unwrap();
        for shard in change.commit.closes {
            self.log.close(shard);
        }
        self.catalog = change.catalog;
    }

    /// A request to change the shards of a stream.
    pub(crate) fn reshard(stream: &str, reshard: Reshard) -> Request {
        Request::ChangeStream {
            name: stream.try_into().unwrap(),
            change: StreamChange::Reshard(reshard),
        }
    }

    pub(crate) async fn reconcile(&self) {
        self.workers.reconcile(Arc::new(self.catalog.clone())).await;
    }

    /// Ends the workers where they are, and starts new ones.
    pub(crate) async fn crash(&mut self) {
        self.workers = workers(&self.log, &self.function, &self.outbox);
        // Tasks end where they wait next; let them.
        tokio::time::sleep(Duration::from_millis(1)).await;
        self.reconcile().await;
    }

    /// Puts records of one key as one block.
    pub(crate) fn put(&self, key: &str, data: &[&str]) {
        let mut builder = BlockBuilder::default();
        for data in data {
            builder.push(key, data.as_bytes());
        }
        let stream = self.catalog.stream("in").unwrap();
        let shard = stream.shard_for(HashKey::of(key.as_bytes())).number;
        self.log.put(shard, builder.finish().unwrap());
    }

    pub(crate) fn shard(&self, stream: &str) -> ShardNumber {
        self.catalog.stream(stream).unwrap().shards[0].number
    }

    pub(crate) fn out(&self) -> Vec<String> {
        self.log.data(self.shard("out"))
    }

    /// Dead letters: reason, attempts, error and text of each.
    pub(crate) fn dead(&self) -> Vec<(String, u64, String, String)> {
        let parse = |letter: String| {
            let letter: Value = serde_json::from_str(&letter).unwrap();
            let text = |name: &str| letter[name].as_str().unwrap().to_owned();
            let attempts = letter["attempts"].as_u64().unwrap();
            (text("reason"), attempts, text("error"), text("text"))
        };
        self.log
            .data(self.shard("dead"))
            .into_iter()
            .map(parse)
            .collect()
    }

    pub(crate) fn status(&self, trigger: &str) -> Vec<LaneStatus> {
        self.workers.status(&trigger.try_into().unwrap())
    }

    /// Waits until something is so; ten minutes of virtual time are for ever.
    pub(crate) async fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        for _ in 0..600_000 {
            if is_so(self) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        panic!("never: {what}");
    }
}

fn workers(log: &Arc<ModelLog>, function: &Arc<Function>, outbox: &Arc<Notes>) -> Arc<Workers> {
    let function = Arc::<Function>::clone(function);
    let options = Options {
        outbox: Some(Arc::<Notes>::clone(outbox)),
        ..Options::default()
    };
    Workers::new(log::shared(log), function, clock, options)
}
