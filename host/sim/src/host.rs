//! One life of a host: the workers as they are, and the control plane in small. It carries out one
//! change after another, durable before it is seen, as the real one does.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use millstream_core::{
    catalog::{Catalog, Request, Rules, StartingPosition, TriggerSettings, key},
    port::{CommitError, Log, ModuleInfo, ReadError},
    position::{Position, ShardNumber},
};
use millstream_worker::{Options, Workers};
use tokio::time::sleep;

use crate::{
    clock,
    ground::{self, Ground},
    guest::Guest,
    log::ModelLog,
};

#[derive(Debug)]
pub(crate) struct Host {
    ground: Arc<Ground>,
    pub(crate) life: u64,
    log: Arc<ModelLog>,
    workers: Arc<Workers>,
}

impl Host {
    /// A host that has not looked into its log yet.
    pub(crate) fn new(ground: &Arc<Ground>, grace_ms: u64) -> Self {
        let life = ground.begin();
        tokio::spawn(ground::writer(Arc::clone(ground), life));
        let log = ModelLog::new(ground, life);
        let options = Options {
            grace: Duration::from_millis(grace_ms),
            ..Options::default()
        };
        let shared: Arc<ModelLog> = Arc::clone(&log);
        let workers = Workers::new(shared, Guest::new(ground, life), clock::now, options);
        Self {
            ground: Arc::clone(ground),
            life,
            log,
            workers,
        }
    }

    /// Goes on from what is durable.
    pub(crate) async fn start(&self) {
        let catalog = self.stored().await;
        self.ground.lock().audit.begins(&catalog);
        self.publish(catalog).await;
    }

    async fn stored(&self) -> Catalog {
        loop {
            match self.log.scan(Bytes::from_static(key::CATALOG)).await {
                Ok(entries) => match Catalog::load(entries) {
                    Ok(catalog) => return catalog,
                    Err(error) => self.ground.accuse(&error.to_string()),
                },
                Err(_) => sleep(Duration::from_millis(100)).await,
            }
        }
    }

    /// Makes the lanes follow what is durable.
    async fn publish(&self, catalog: Catalog) {
        let catalog = Arc::new(catalog);
        self.ground.lock().catalog = Arc::clone(&catalog);
        self.workers.reconcile(Arc::clone(&catalog)).await;
        let mut inner = self.ground.lock();
        inner.audit.settles(&catalog);
        inner.trace.note(format_args!("lanes follow"));
    }

    /// Carries out a change, if it may be made and the log takes it.
    pub(crate) async fn change(&self, request: Request) {
        let before = Arc::clone(&self.ground.lock().catalog);
        let change = match before.decide(request, clock::now(), &Rules::default()) {
            Ok(change) => change,
            Err(refused) => {
                let mut inner = self.ground.lock();
                inner.trace.note(format_args!("refused: {refused}"));
                return;
            }
        };
        self.ground.lock().audit.begins(&change.catalog);
        match self.log.commit(change.commit).await {
            Ok(_durable) => self.publish(change.catalog).await,
            Err(CommitError::Ambiguous(_)) => {
                let catalog = self.stored().await;
                self.publish(catalog).await;
            }
            Err(error) => {
                let mut inner = self.ground.lock();
                inner.trace.note(format_args!("not changed: {error}"));
                inner.audit.settles(&before);
            }
        }
    }

    /// Ends all lanes in good order.
    pub(crate) async fn drain(&self) {
        self.workers.drain().await;
        self.ground.lock().audit.drained();
    }

    /// Gives a function another version.
    pub(crate) async fn deploy(&self, name: &str) {
        let Ok(name) = name.try_into() else { return };
        let module = ModuleInfo {
            hash: String::new(),
            size: 0,
            world: "handler".into(),
            imports: Vec::new(),
        };
        let request = Request::PutFunction {
            name,
            module,
            wasm: Bytes::new(),
            limits: Default::default(),
            config: BTreeMap::new(),
        };
        self.change(request).await;
    }

    /// Makes a trigger, or changes it.
    pub(crate) async fn put_trigger(&self, name: &str, settings: TriggerSettings) {
        let Ok(name) = name.try_into() else { return };
        let Ok(starts) = self.starts(&settings).await else {
            return;
        };
        let request = Request::PutTrigger {
            name,
            settings,
            starts,
        };
        self.change(request).await;
    }

    /// Where each shard that there is begins.
    async fn starts(
        &self,
        settings: &TriggerSettings,
    ) -> Result<BTreeMap<ShardNumber, Position>, ReadError> {
        let catalog = Arc::clone(&self.ground.lock().catalog);
        let mut starts = BTreeMap::new();
        let Some(stream) = catalog.stream(settings.stream.as_str()) else {
            return Ok(starts);
        };
        for shard in &stream.shards {
            let position = match (
                settings.starting_position,
                settings.starting_position_timestamp,
            ) {
                (StartingPosition::TrimHorizon, _) => self.log.span(shard.number).first,
                (StartingPosition::AtTimestamp, Some(at)) => {
                    self.log.locate(shard.number, at.0).await?
                }
                _ => self.log.span(shard.number).next,
            };
            starts.insert(shard.number, position);
        }
        Ok(starts)
    }
}
