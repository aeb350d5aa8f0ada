//! The runtime as the rest of the host sees it: modules in, calls answered.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use arc_swap::ArcSwap;
use bytes::Bytes;
use millstream_core::{
    batch::Columns,
    name::{FunctionName, StreamName},
    port::{
        Call, GuestError, Invoke, InvokeError, Invoked, Later, Limits, ModuleError, ModuleInfo,
        Modules, ReadError, State,
    },
};
use thiserror::Error;
use tokio::{
    sync::{Mutex, Semaphore, SemaphorePermit},
    task, time,
};
use wasmtime::{Engine, component::Linker};

use crate::{
    cache::{self, Cache},
    call, compile, engine,
    function::{self, Function},
    guest::Guest,
    options::RuntimeOptions,
    ticker::Ticker,
    upload::{self, Prepared},
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

/// Figures of a runtime, since it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RuntimeStats {
    /// Calls that ran, whatever came of them.
    pub calls: u64,
    /// Calls that failed by the guest's fault.
    pub failed: u64,
    /// Of those, calls that hit a limit.
    pub limited: u64,
    /// Calls that found no room in time.
    pub throttled: u64,
    /// Modules compiled.
    pub compiled: u64,
    /// Calls that run at the moment.
    pub running: u64,
    /// Calls that may run at a time.
    pub instances: u64,
    /// Versions of functions that can be called.
    pub functions: u64,
}

#[derive(Debug, Default)]
struct Counters {
    calls: AtomicU64,
    failed: AtomicU64,
    limited: AtomicU64,
    throttled: AtomicU64,
    compiled: AtomicU64,
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
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let Counters {
            calls,
            failed,
            limited,
            throttled,
            compiled,
        } = &shared.counters;
        RuntimeStats {
            calls: of(calls),
            failed: of(failed),
            limited: of(limited),
            throttled: of(throttled),
            compiled: of(compiled),
            running: shared.ticker.running() as u64,
            instances: shared.options.instances.into(),
            functions: shared.bound.load().len() as u64,
        }
    }
}

impl Shared {
    async fn compile(self: Arc<Self>, wasm: Bytes) -> Result<ModuleInfo, ModuleError> {
        let size = wasm.len() as u64;
        let (hash, prepared) = blocking(move || {
            upload::prepare(&wasm).map(|prepared| (cache::digest(&wasm), prepared))
        })
        .await?;
        let Prepared { component, imports } = prepared;
        let function = {
            let _one_at_a_time = self.compiling.lock().await;
            match Arc::clone(&self).load(hash.clone()).await? {
                Some(function) => function,
                None => Arc::clone(&self).build(&hash, component).await?,
            }
        };
        self.smoke(&function).await?;
        Ok(ModuleInfo {
            hash,
            size,
            world: function.world().to_owned(),
            imports,
        })
    }

    async fn build(
        self: Arc<Self>,
        hash: &str,
        component: Vec<u8>,
    ) -> Result<Function, ModuleError> {
        let host = Arc::clone(&self);
        let (from, to) = blocking(move || {
            let from = host.cache.temporary(&component).map_err(broken)?;
            Ok((from, host.cache.temporary(&[]).map_err(broken)?))
        })
        .await?;
        let RuntimeOptions {
            compiler, compile, ..
        } = &self.options;
        compile::compile(compiler, &from, &to, *compile).await?;
        self.counters.compiled.fetch_add(1, Ordering::Relaxed);
        let (host, name) = (Arc::clone(&self), hash.to_owned());
        blocking(move || host.cache.store(&name, to).map_err(broken)).await?;
        self.load(hash.to_owned())
            .await?
            .ok_or_else(|| broken("what the compiler wrote cannot be loaded"))
    }

    /// The function of `hash`, where it is compiled.
    async fn load(self: Arc<Self>, hash: String) -> Result<Option<Function>, ModuleError> {
        blocking(move || {
            let component = self.cache.load(&self.engine, &hash);
            component
                .map(|component| Function::link(&self.linker, &component))
                .transpose()
        })
        .await
    }

    /// Whether an instance starts, under the limits of a call.
    async fn smoke(&self, function: &Function) -> Result<(), ModuleError> {
        let permit = self.permits.acquire().await;
        let _permit = permit.expect("the semaphore is never closed");
        let mut call = blank();
        call.limits = call::clamp(call.limits, self.options.memory_bytes_max);
        match call::smoke(function, &call, &self.ticker).await {
            Ok(Invoked { result: Ok(_), .. }) => Ok(()),
            Ok(Invoked {
                result: Err(error), ..
            }) => Err(ModuleError::NotAModule {
                message: format!("it cannot be instantiated: {error}"),
            }),
            Err(InvokeError::Host(message)) => Err(ModuleError::NotAModule {
                message: format!("it cannot be instantiated: {message}"),
            }),
            Err(error) => Err(broken(error)),
        }
    }

    async fn call(self: Arc<Self>, mut call: Call) -> Result<Invoked, InvokeError> {
        let key = (call.function.clone(), call.version);
        let Some(function) = self.bound.load().get(&key).map(Arc::clone) else {
            let what = format!("version {} is not loaded", call.version);
            return Err(InvokeError::NotReady(call.function, what));
        };
        call.limits = call::clamp(call.limits, self.options.memory_bytes_max);
        let _permit = self.admit().await?;
        let invoked = call::run(&function, &call, &self.ticker).await;
        self.count(&invoked);
        invoked
    }

    /// Waits in line for an instance.
    async fn admit(&self) -> Result<SemaphorePermit<'_>, InvokeError> {
        match time::timeout(self.options.admission_wait, self.permits.acquire()).await {
            Ok(permit) => Ok(permit.expect("the semaphore is never closed")),
            Err(_) => {
                self.counters.throttled.fetch_add(1, Ordering::Relaxed);
                Err(InvokeError::Throttled)
            }
        }
    }

    fn count(&self, invoked: &Result<Invoked, InvokeError>) {
        let Counters {
            calls,
            failed,
            limited,
            throttled,
            ..
        } = &self.counters;
        let add = |counter: &AtomicU64| counter.fetch_add(1, Ordering::Relaxed);
        match invoked {
            Ok(invoked) => {
                add(calls);
                if let Err(error) = &invoked.result {
                    add(failed);
                    if matches!(error, GuestError::Limit { .. }) {
                        add(limited);
                    }
                }
            }
            Err(InvokeError::Throttled) => {
                add(throttled);
            }
            Err(_) => {}
        }
    }
}

impl Invoke for Runtime {
    fn call(&self, call: Call) -> Later<'static, Result<Invoked, InvokeError>> {
        Box::pin(Arc::clone(&self.shared).call(call))
    }
}

impl Modules for Runtime {
    fn compile(&self, wasm: Bytes) -> Later<'static, Result<ModuleInfo, ModuleError>> {
        Box::pin(Arc::clone(&self.shared).compile(wasm))
    }

    /// [`ModuleError::Host`] where the compiled component is absent, damaged or of another host's
    /// making: [`Modules::compile`] with the stored upload makes it again, then bind again.
    fn bind(
        &self,
        function: FunctionName,
        version: u64,
        hash: String,
    ) -> Later<'static, Result<(), ModuleError>> {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            if !cache::is_digest(&hash) {
                return Err(broken(format!("`{hash}` is no SHA-256")));
            }
            let Some(loaded) = Arc::clone(&shared).load(hash.clone()).await? else {
                return Err(broken(format!("{hash} must be compiled again")));
            };
            let loaded = Arc::new(loaded);
            shared.bound.rcu(|bound| {
                let mut bound = Bound::clone(bound);
                bound.insert((function.clone(), version), Arc::clone(&loaded));
                bound
            });
            Ok(())
        })
    }

    fn unbind(&self, function: &FunctionName, keep: Option<u64>) {
        self.shared.bound.rcu(|bound| {
            let mut bound = Bound::clone(bound);
            bound.retain(|(name, version), _| name != function || Some(*version) == keep);
            bound
        });
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ModuleError> + Send + 'static,
) -> Result<T, ModuleError> {
    task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(broken(error)))
}

fn broken(error: impl std::fmt::Display) -> ModuleError {
    ModuleError::Host {
        message: error.to_string(),
    }
}

/// A call of nothing, to instantiate with.
fn blank() -> Call {
    Call {
        function: FunctionName::try_from("smoke-test").expect("the name is valid"),
        version: 0,
        stream: StreamName::try_from("none").expect("the name is valid"),
        shard_id: String::new(),
        attempt: 0,
        batch: Arc::new(Columns::default()),
        state: Arc::new(NoState),
        limits: Limits::default(),
        config: Arc::default(),
    }
}

#[derive(Debug)]
struct NoState;

impl State for NoState {
    fn get_many(&self, keys: Vec<String>) -> Later<'static, Result<Vec<Option<Bytes>>, ReadError>> {
        Box::pin(async move { Ok(vec![None; keys.len()]) })
    }
}
