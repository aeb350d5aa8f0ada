//! From an upload to something that can be called: compile unless cached, link, try, bind.

use std::sync::Arc;

use bytes::Bytes;
use millstream_core::{
    batch::Columns,
    event::{Identity, Origin},
    journal::RequestId,
    name::{FunctionName, StreamName},
    port::{
        Call, GuestError, InvokeError, Invoked, Later, Limits, ModuleError, ModuleInfo, Modules,
    },
    time::Millis,
};
use tokio::task;

use super::{Bound, Callable, Runtime, Shared};
use crate::{
    cache, call, compile, function::Function, no_state::NoState, options::RuntimeOptions, upload,
};

impl Modules for Runtime {
    fn compile(
        &self,
        wasm: Bytes,
        limits: Limits,
    ) -> Later<'static, Result<ModuleInfo, ModuleError>> {
        Box::pin(Arc::clone(&self.shared).compile(wasm, limits))
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
            let loaded = Arc::clone(&shared).loaded(hash).await;
            shared.publish((function, version), loaded)
        })
    }

    fn unbind(&self, function: &FunctionName, keep: &[u64]) {
        self.shared.bound.rcu(|bound| {
            let mut bound = Bound::clone(bound);
            bound.retain(|(name, version), _| name != function || keep.contains(version));
            bound
        });
    }

    fn fault(&self, function: &FunctionName, version: u64) -> Option<String> {
        let key = (function.clone(), version);
        match self.shared.bound.load().get(&key) {
            Some(Ok(_)) => None,
            Some(Err(error)) => Some(error.to_string()),
            None => Some("it is not loaded".to_owned()),
        }
    }

    fn held(&self, limits: Limits) -> Limits {
        call::clamp(limits, self.shared.options.memory_bytes_max)
    }
}

impl Shared {
    /// What was compiled before, for [`Modules::bind`].
    async fn loaded(self: Arc<Self>, hash: String) -> Result<Arc<Function>, ModuleError> {
        if !cache::is_digest(&hash) {
            return Err(broken(format!("`{hash}` is no SHA-256")));
        }
        let again = format!("{hash} must be compiled again");
        let loaded = self.load(hash).await?;
        loaded.map(Arc::new).ok_or_else(|| broken(again))
    }

    /// Makes the version callable, or notes why it is not.
    fn publish(
        &self,
        key: (FunctionName, u64),
        loaded: Result<Arc<Function>, ModuleError>,
    ) -> Result<(), ModuleError> {
        let new_share = self.pool.share();
        self.bound.rcu(|bound| {
            let mut bound = Bound::clone(bound);
            let callable = loaded.clone().map(|function| {
                // Another upload does not get a function more than its share.
                let mut before = bound.iter().filter(|((name, _), _)| *name == key.0);
                let before = before.find_map(|(_, before)| before.as_ref().ok());
                let share = before.map_or(&new_share, |before| &before.share).clone();
                Callable { function, share }
            });
            // What can be called stays so.
            if callable.is_ok() || !matches!(bound.get(&key), Some(Ok(_))) {
                bound.insert(key.clone(), callable);
            }
            bound
        });
        loaded.map(drop)
    }

    async fn compile(
        self: Arc<Self>,
        wasm: Bytes,
        limits: Limits,
    ) -> Result<ModuleInfo, ModuleError> {
        let size = wasm.len() as u64;
        let (hash, wasm) =
            blocking(move || upload::screen(&wasm).map(|()| (cache::digest(&wasm), wasm))).await?;
        // What is compiled already does not wait for what is being compiled.
        let function = match Arc::clone(&self).load(hash.clone()).await? {
            Some(function) => function,
            None => Arc::clone(&self).load_or_build(&hash, wasm).await?,
        };
        let (world, imports) = (function.world().to_owned(), function.imports());
        self.smoke(function, limits).await?;
        Ok(ModuleInfo {
            hash,
            size,
            world,
            imports,
        })
    }

    /// One at a time; who waited may find that the one before compiled the same.
    async fn load_or_build(
        self: Arc<Self>,
        hash: &str,
        wasm: Bytes,
    ) -> Result<Function, ModuleError> {
        let _one_at_a_time = self.compiling.lock().await;
        if let Some(function) = Arc::clone(&self).load(hash.to_owned()).await? {
            return Ok(function);
        }
        let built = Arc::clone(&self).build(hash, wasm).await;
        if built.is_err() {
            // Machine code that can never be called would take the place of other.
            let (host, hash) = (Arc::clone(&self), hash.to_owned());
            let removed = blocking(move || host.cache.remove(&hash).map_err(broken)).await;
            // Mostly there is none, as where the compiler refused it.
            drop(removed);
        }
        built
    }

    async fn build(self: Arc<Self>, hash: &str, wasm: Bytes) -> Result<Function, ModuleError> {
        let host = Arc::clone(&self);
        let (from, to) = blocking(move || {
            let from = host.cache.temporary(&wasm).map_err(broken)?;
            Ok((from, host.cache.temporary(&[]).map_err(broken)?))
        })
        .await?;
        let RuntimeOptions {
            compiler, compile, ..
        } = &self.options;
        compile::compile(compiler, &from, &to, *compile).await?;
        self.counters.count_compiled();
        let (host, name) = (Arc::clone(&self), hash.to_owned());
        blocking(move || host.cache.store(&name, to).map_err(broken)).await?;
        self.load(hash.to_owned())
            .await?
            .ok_or_else(|| broken("what the compiler wrote cannot be loaded"))
    }

    /// The function of `hash`, where it is compiled.
    async fn load(self: Arc<Self>, hash: String) -> Result<Option<Function>, ModuleError> {
        blocking(move || {
            let component = self.cache.load(&self.engine, &hash)?;
            let stack = self.options.stack_bytes;
            component
                .map(|component| Function::link(&self.linker, &component, stack))
                .transpose()
        })
        .await
    }

    /// Whether an instance starts, under the limits of its calls. The time alone is that of a call
    /// by default: who has a long one must not keep others from being tried out.
    async fn smoke(self: Arc<Self>, function: Function, limits: Limits) -> Result<(), ModuleError> {
        let admitted = self.pool.smoke().await;
        let mut call = blank();
        let limits = call::clamp(limits, self.options.memory_bytes_max);
        call.limits = Limits {
            time_ms: call.limits.time_ms,
            ..limits
        };
        let host = Arc::clone(&self);
        let run = async move {
            let _admitted = admitted;
            call::smoke(&function, &call, &host.ticker).await
        };
        let unable = |message: String| ModuleError::NotAModule {
            message: format!("it cannot be instantiated: {message}"),
        };
        match self.threads.run(run).await {
            Ok(Invoked { result: Ok(_), .. }) => Ok(()),
            Ok(Invoked {
                result: Err(GuestError::Limit { limit, message }),
                ..
            }) => Err(ModuleError::Limit {
                limit: limit.to_owned(),
                message: format!("when it is instantiated, {message}"),
            }),
            Ok(Invoked {
                result: Err(error), ..
            }) => Err(unable(error.to_string())),
            Err(InvokeError::Host(message)) => Err(unable(message)),
            Err(error) => Err(broken(error)),
        }
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
    let function = FunctionName::try_from("smoke-test").expect("the name is valid");
    let stream = StreamName::try_from("none").expect("the name is valid");
    let origin = Origin::supposed(&Identity::default(), &stream, &function, Millis(0));
    Call {
        request: RequestId::following(&[]),
        function,
        version: 0,
        number: None,
        stream,
        shard_id: String::new(),
        attempt: 0,
        batch: Arc::new(Columns::default()),
        origin: Arc::new(origin),
        reports: false,
        window: None,
        state: Arc::new(NoState),
        limits: Limits::default(),
        config: Arc::default(),
    }
}
