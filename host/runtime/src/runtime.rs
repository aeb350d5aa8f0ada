//! The runtime as the rest of the host sees it: modules in, calls answered.

mod modules;

use std::{collections::BTreeMap, sync::Arc};

use arc_swap::ArcSwap;
use millstream_core::{
    name::FunctionName,
    port::{Call, Invoke, InvokeError, Invoked, Later},
};
use thiserror::Error;
use tokio::{
    sync::{Mutex, Semaphore, SemaphorePermit},
    time,
};
use wasmtime::{Engine, component::Linker};

use crate::{
    cache::Cache,
    call, engine,
    function::{self, Function},
    guest::Guest,
    options::RuntimeOptions,
    stats::{Counters, RuntimeStats},
    ticker::Ticker,
};

/// Why a runtime could not be made.
#[derive(Debug, Error)]
pub enum RuntimeError {
    /// The engine does not accept its configuration on this machine.
    #[error("cannot set up the WebAssembly engine: {0}")]
    Engine(wasmtime::Error),
    /// The directory for compiled components, or a thread.
    #[error("cannot set up the runtime: {0}")]
    Io(#[from] std::io::Error),
}

type Bound = BTreeMap<(FunctionName, u64), Arc<Function>>;

struct Shared {
    options: RuntimeOptions,
    engine: Engine,
    linker: Linker<Guest>,
    cache: Cache,
    ticker: Ticker,
    bound: ArcSwap<Bound>,
    permits: Semaphore,
    compiling: Mutex<()>,
    counters: Counters,
}

/// Compiles modules and calls functions, each call in a fresh instance under its limits.
#[derive(Clone)]
pub struct Runtime {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Runtime({:?})", self.stats())
    }
}

impl Runtime {
    /// Reserves the pool of instances (address space, not memory) and opens the cache.
    ///
    /// # Errors
    /// When the machine does not give what the options ask for.
    pub fn new(options: RuntimeOptions) -> Result<Arc<Self>, RuntimeError> {
        let engine = engine::running(&options).map_err(RuntimeError::Engine)?;
        let shared = Shared {
            linker: function::linker(&engine).map_err(RuntimeError::Engine)?,
            cache: Cache::open(
                options.cache_dir.clone(),
                engine::fingerprint(&engine),
                options.cache_bytes_max,
            )?,
            ticker: Ticker::start(engine.clone())?,
            bound: ArcSwap::default(),
            permits: Semaphore::new(options.instances as usize),
            compiling: Mutex::new(()),
            counters: Counters::default(),
            engine,
            options,
        };
        Ok(Arc::new(Self {
            shared: Arc::new(shared),
        }))
    }

    /// Figures since the start.
    #[must_use]
    pub fn stats(&self) -> RuntimeStats {
        let shared = &self.shared;
        RuntimeStats {
            running: shared.ticker.running() as u64,
            instances: shared.options.instances.into(),
            functions: shared.bound.load().len() as u64,
            ..shared.counters.read()
        }
    }
}

impl Shared {
    async fn call(self: Arc<Self>, mut call: Call) -> Result<Invoked, InvokeError> {
        let key = (call.function.clone(), call.version);
        let Some(function) = self.bound.load().get(&key).map(Arc::clone) else {
            let what = format!("version {} is not loaded", call.version);
            return Err(InvokeError::NotReady(call.function, what));
        };
        call.limits = call::clamp(call.limits, self.options.memory_bytes_max);
        let invoked = match self.admit().await {
            Ok(_permit) => call::run(&function, &call, &self.ticker).await,
            Err(error) => Err(error),
        };
        self.counters.count(&invoked);
        invoked
    }

    /// Waits in line for an instance.
    async fn admit(&self) -> Result<SemaphorePermit<'_>, InvokeError> {
        match time::timeout(self.options.admission_wait, self.permits.acquire()).await {
            Ok(permit) => Ok(permit.expect("the semaphore is never closed")),
            Err(_) => Err(InvokeError::Throttled),
        }
    }
}

impl Invoke for Runtime {
    fn call(&self, call: Call) -> Later<'static, Result<Invoked, InvokeError>> {
        Box::pin(Arc::clone(&self.shared).call(call))
    }
}
