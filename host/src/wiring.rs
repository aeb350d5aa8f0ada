//! Puts the crates together, in the order in which data flows, and takes them apart again.

use std::{io, process, sync::Arc, time::Duration};

use millstream_api::{
    app::{App, Identity},
    auth::Access,
    native::health::{Life, Stage},
    server::{self, Door},
};
use millstream_channel::{Deliveries, Outboxes};
use millstream_core::{
    catalog::{Catalog, Rules, UnreadableCatalogError, key},
    journal::RequestId,
    port::{Control, Invoke, Modules, ReadError},
};
use millstream_log::OpenError;
use millstream_queue::Desks;
use millstream_runtime::{Runtime, RuntimeError, RuntimeOptions};
use millstream_worker::{Recorder, RecorderOptions, Workers};
use thiserror::Error;
use tokio::{
    sync::oneshot,
    task::{JoinHandle, JoinSet},
    time::timeout,
};

use crate::{
    channels, clock,
    control::Plane,
    demand,
    door::{self, DoorError},
    functions, housekeeping, metrics,
    reserve::Reserved,
    settings::{GuestSettings, Settings},
    storage::Storage,
    sweep,
};

/// The hidden subcommand under which the runtime has modules compiled.
pub(crate) const COMPILE_COMMAND: &str = "__compile";
/// How long in-flight batches get to finish when the host stops.
const DRAIN: Duration = Duration::from_secs(4);
/// How long answers under way get after that.
const FINISH: Duration = Duration::from_secs(3);

/// Why a host could not be started. Nothing of it is left running.
#[derive(Debug, Error)]
pub(crate) enum StartError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Catalog(#[from] UnreadableCatalogError),
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    #[error(transparent)]
    Door(#[from] DoorError),
    #[error("cannot start: {0}")]
    Io(#[from] io::Error),
}

/// A host that serves.
#[derive(Debug)]
pub(crate) struct Host {
    url: String,
    is_open: bool,
    is_exposed: bool,
    life: Arc<Life>,
    workers: Arc<Workers>,
    channels: Arc<Deliveries>,
    outboxes: Arc<Outboxes>,
    queues: Arc<Desks>,
    storage: Storage,
    server: JoinHandle<io::Result<()>>,
    stop_server: oneshot::Sender<()>,
    /// Ends with the host.
    background: JoinSet<()>,
}

/// Starts a host. It is ready when this returns.
#[expect(
    clippy::too_many_lines,
    reason = "one part after another, in the order of the data"
)]
pub(crate) async fn start(settings: &Settings) -> Result<Host, StartError> {
    // First, so that a taken address is told before a log is recovered.
    let access = door::access(&settings.door)?;
    let listener = door::listen(&settings.listen, &access).await?;
    let address = listener.local_addr()?;
    let storage = Storage::open(settings)?;
    let tls = door::tls(settings, address)?;
    let is_open = matches!(access, Access::Local);
    let scheme = if tls.is_some() { "https" } else { "http" };
    let log = storage.log();
    let runtime_options = runtime_options(settings)?;
    let memory_bytes_max = runtime_options.memory_bytes_max as u64;
    let runtime = Runtime::new(runtime_options)?;
    let catalog = Catalog::load(log.scan(key::CATALOG.into()).await?)?;
    let orphans = sweep::orphans(log.as_ref(), &catalog).await?;

    let identity = Arc::new(Identity {
        account: settings.account.clone(),
        region: settings.region.clone(),
    });
    let outboxes = Outboxes::new(Arc::clone(&log), clock::now, channels::outbox(settings));
    outboxes.begin(&Arc::new(catalog.clone())).await?;
    let recorder = Recorder::new(
        runtime.clone(),
        RecorderOptions {
            room: settings.journal.room(),
            memory_bytes_max,
            host: RequestId::following(&[clock::now().0, process::id().into()]).bits(),
            clock: clock::now,
        },
    );
    // What is throttled is not called, so it has no lines.
    let reserved = Reserved::new(recorder.clone());
    let invoke: Arc<dyn Invoke> = reserved.clone();
    let modules: Arc<dyn Modules> = runtime.clone();
    let workers = Workers::new(
        Arc::clone(&log),
        Arc::clone(&invoke),
        clock::now,
        millstream_worker::Options {
            identity: Identity::clone(&identity),
            outbox: Some(outboxes.clone()),
            ..Default::default()
        },
    );
    let plane = Plane::new(
        Arc::clone(&log),
        Arc::clone(&modules),
        Arc::clone(&workers),
        catalog,
        Rules {
            shard_limit: settings.shard_limit,
            change_ms: settings.state_change_delay.0,
        },
    );
    let channels = Deliveries::new(Arc::clone(&log), clock::now, channels::options(settings));
    let queues = Desks::new(Arc::clone(&log), Arc::new(plane.clone()), clock::now);
    let control: Arc<dyn Control> = Arc::new(plane.clone());
    reserved.follow(&control);
    let app = App {
        log: Arc::clone(&log),
        control,
        modules: Arc::clone(&modules),
        invoke,
        journals: recorder,
        triggers: workers.clone(),
        queues: queues.clone(),
        channels: channels.clone(),
        outbox: outboxes.clone(),
        metrics: Default::default(),
        uploads: Default::default(),
        life: Default::default(),
        host: Arc::new(storage.clone()),
        started: clock::now(),
        identity,
        access,
        quotas: settings.enforce_limits.then(Default::default),
        now: clock::now,
    };
    metrics::connect(&app.metrics, &storage, &runtime, &workers);
    metrics::connect_channels(&app.metrics, &channels, &outboxes);

    let life = Arc::clone(&app.life);
    let (stop_server, stopped) = oneshot::channel::<()>();
    let shutdown = async move {
        // A host that is gone without a word stops its server as well.
        let _ = stopped.await;
    };
    let server = tokio::spawn(server::serve(Door { listener, tls }, app, shutdown));

    let uncompiled = functions::bind_all(&plane, &modules).await;
    plane.reconcile().await;
    let mut background = JoinSet::new();
    background.spawn(functions::compile_all(
        plane.clone(),
        Arc::clone(&log),
        modules,
        uncompiled,
    ));
    background.spawn(sweep::remove(Arc::clone(&log), orphans));
    background.spawn(Arc::clone(&channels).follow(Arc::new(plane.clone())));
    background.spawn(Arc::clone(&outboxes).follow(Arc::new(plane.clone())));
    background.spawn(Arc::clone(&queues).tidy());
    let demand_period = Duration::from_millis(settings.demand_period.0);
    background.spawn(demand::run(
        Arc::clone(&log),
        Arc::new(plane.clone()),
        demand_period,
    ));
    background.spawn(housekeeping::run(log, Arc::new(plane)));
    life.enter(Stage::Ready);
    Ok(Host {
        url: format!("{scheme}://{address}"),
        is_open,
        is_exposed: !address.ip().to_canonical().is_loopback(),
        life,
        workers,
        queues,
        channels,
        outboxes,
        storage,
        server,
        stop_server,
        background,
    })
}

impl Host {
    /// Where it answers, as in `http://127.0.0.1:4567`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Whether it asks for nobody's credentials.
    pub(crate) fn is_open(&self) -> bool {
        self.is_open
    }

    /// Whether other machines reach it.
    pub(crate) fn is_exposed(&self) -> bool {
        self.is_exposed
    }

    /// Stops taking work, finishes what is under way as far as the time allows, closes the log.
    ///
    /// Whatever is broken off here is not acknowledged, so nothing is lost by it.
    pub(crate) async fn stop(mut self) {
        self.life.enter(Stage::Draining);
        self.background.shutdown().await;
        self.queues.close();
        self.channels.drain().await;
        if timeout(DRAIN, self.workers.drain()).await.is_err() {
            tracing::warn!("batches that are still running are done again after the next start");
        }
        self.outboxes.drain().await;
        // The receiver is gone where the server failed already.
        let _ = self.stop_server.send(());
        match timeout(FINISH, &mut self.server).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => tracing::error!(%error, "the server failed"),
            Ok(Err(error)) => tracing::error!(%error, "the server was broken off"),
            Err(_) => {
                tracing::warn!("some requests did not end in time");
                self.server.abort();
            }
        }
        self.storage.close().await;
    }
}

fn runtime_options(settings: &Settings) -> Result<RuntimeOptions, StartError> {
    let mut options = RuntimeOptions::new(settings.data.join("compiled"))?;
    let GuestSettings {
        instances,
        function_instances,
        instance_memory_bytes,
        guest_stack_bytes,
        compile_cpu_seconds,
        compile_seconds,
        compile_memory_bytes,
        compiled_bytes,
    } = settings.guests;
    let set = |option: &mut u64, setting: Option<u64>| *option = setting.unwrap_or(*option);
    let size = |option: &mut usize, setting: Option<u64>| {
        *option = setting.map_or(*option, |bytes| bytes.try_into().unwrap_or(usize::MAX));
    };
    options.instances = instances.unwrap_or(options.instances);
    options.function_instances = function_instances.unwrap_or(options.instances.div_ceil(2));
    size(&mut options.memory_bytes_max, instance_memory_bytes);
    size(&mut options.stack_bytes, guest_stack_bytes);
    set(&mut options.compile.cpu_seconds, compile_cpu_seconds);
    set(
        &mut options.compile.address_space_bytes,
        compile_memory_bytes,
    );
    set(&mut options.cache_bytes_max, compiled_bytes);
    if let Some(seconds) = compile_seconds {
        options.compile.wall = Duration::from_secs(seconds);
    }
    Ok(options)
}
