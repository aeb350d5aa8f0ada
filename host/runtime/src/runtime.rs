//! The runtime as the rest of the host sees it: modules in, calls answered.

mod modules;

use std::{collections::BTreeMap, sync::Arc};

use arc_swap::ArcSwap;
use millstream_core::{
    name::FunctionName,
    port::{Call, EventCall, EventInvoked, Invoke, InvokeError, Invoked, Later, ModuleError},
};
use thiserror::Error;
use tokio::sync::Mutex;
use wasmtime::{Engine, component::Linker};

use crate::{
    cache::Cache,
    call, command, engine,
    function::{self, Function},
    guest::Guest,
    options::RuntimeOptions,
    pool::{Admitted, Pool, Share},
    stats::{Counters, RuntimeStats},
    threads::Threads,
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

/// A version of a function that can be called.
#[derive(Clone)]
struct Callable {
    function: Arc<Function>,
    share: Share,
}

/// By function and version: what can be called, or why it cannot.
type Bound = BTreeMap<(FunctionName, u64), Result<Callable, ModuleError>>;

struct Shared {
    options: RuntimeOptions,
    engine: Engine,
    linker: Linker<Guest>,
    cache: Cache,
    ticker: Ticker,
    bound: ArcSwap<Bound>,
    pool: Pool,
    threads: Threads,
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
            pool: Pool::new(&options),
            threads: Threads::start()?,
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
            functions: shared.bound.load().values().flatten().count() as u64,
            ..shared.counters.read()
        }
    }
}

impl Shared {
    async fn batch(self: Arc<Self>, call: Call) -> Result<Invoked, InvokeError> {
        let Callable { function, share } = self.callable(&call.function, call.version)?;
        if call.window.is_some() && !function.is_command() {
            return Err(InvokeError::NoEvents(call.function, function.world()));
        }
        let admitted = self.pool.batch(&share).await;
        self.call(function, call, admitted).await
    }

    async fn event(self: Arc<Self>, mut call: EventCall) -> Result<EventInvoked, InvokeError> {
        let Callable { function, share } = self.callable(&call.function, call.version)?;
        if !function.is_command() {
            return Err(InvokeError::NoEvents(call.function, function.world()));
        }
        call.limits = call::clamp(call.limits, self.options.memory_bytes_max);
        let invoked = match self.pool.batch(&share).await {
            Ok(admitted) => {
                let host = Arc::clone(&self);
                let run = async move {
                    let _admitted = admitted;
                    command::event_of(&function, call, &host.ticker).await
                };
                self.threads.run(run).await
            }
            Err(error) => Err(error),
        };
        let fault = invoked
            .as_ref()
            .map(|invoked| invoked.result.as_ref().err());
        self.counters.count(fault);
        invoked
    }

    async fn dry_run(self: Arc<Self>, call: Call) -> Result<Invoked, InvokeError> {
        let Callable { function, .. } = self.callable(&call.function, call.version)?;
        let admitted = self.pool.dry_run().await;
        self.call(function, call, admitted).await
    }

    fn callable(&self, function: &FunctionName, version: u64) -> Result<Callable, InvokeError> {
        let key = (function.clone(), version);
        let why = match self.bound.load().get(&key) {
            Some(Ok(callable)) => return Ok(callable.clone()),
            Some(Err(error)) => format!("version {} cannot be called: {error}", key.1),
            None => format!("version {} is not loaded", key.1),
        };
        Err(InvokeError::NotReady(key.0, why))
    }

    async fn call(
        self: Arc<Self>,
        function: Arc<Function>,
        mut call: Call,
        admitted: Result<Admitted, InvokeError>,
    ) -> Result<Invoked, InvokeError> {
        call.limits = call::clamp(call.limits, self.options.memory_bytes_max);
        let invoked = match admitted {
            Ok(admitted) => {
                let host = Arc::clone(&self);
                let run = async move {
                    // Given back when the instance is gone, not when the caller is.
                    let _admitted = admitted;
                    call::run(&function, &call, &host.ticker).await
                };
                self.threads.run(run).await
            }
            Err(error) => Err(error),
        };
        let fault = invoked
            .as_ref()
            .map(|invoked| invoked.result.as_ref().err());
        self.counters.count(fault);
        invoked
    }
}

impl Invoke for Runtime {
    fn call(&self, call: Call) -> Later<'static, Result<Invoked, InvokeError>> {
        Box::pin(Arc::clone(&self.shared).batch(call))
    }

    fn dry_run(&self, call: Call) -> Later<'static, Result<Invoked, InvokeError>> {
        Box::pin(Arc::clone(&self.shared).dry_run(call))
    }

    fn event(&self, call: EventCall) -> Later<'static, Result<EventInvoked, InvokeError>> {
        Box::pin(Arc::clone(&self.shared).event(call))
    }
}
