//! From an upload to something that can be called: compile unless cached, link, try, bind.

use std::sync::Arc;

use bytes::Bytes;
use millstream_core::{
    batch::Columns,
    name::{FunctionName, StreamName},
    port::{
        Call, InvokeError, Invoked, Later, Limits, ModuleError, ModuleInfo, Modules, ReadError,
        State,
    },
};
use tokio::task;

use super::{Bound, Callable, Runtime, Shared};
use crate::{cache, call, compile, function::Function, options::RuntimeOptions, upload};

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
            let new_share = shared.pool.share();
            shared.bound.rcu(|bound| {
                let mut bound = Bound::clone(bound);
                // Another upload does not get a function more than its share.
                let mut before = bound.iter().filter(|((name, _), _)| *name == function);
                let share = before
                    .next()
                    .map_or(&new_share, |(_, before)| &before.share);
                let callable = Callable {
                    function: Arc::clone(&loaded),
                    share: share.clone(),
                };
                bound.insert((function.clone(), version), callable);
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

impl Shared {
    async fn compile(self: Arc<Self>, wasm: Bytes) -> Result<ModuleInfo, ModuleError> {
        let size = wasm.len() as u64;
        let (hash, wasm) =
            blocking(move || upload::screen(&wasm).map(|()| (cache::digest(&wasm), wasm))).await?;
        let function = {
            let _one_at_a_time = self.compiling.lock().await;
            match Arc::clone(&self).load(hash.clone()).await? {
                Some(function) => function,
                None => Arc::clone(&self).build(&hash, wasm).await?,
            }
        };
        let (world, imports) = (function.world().to_owned(), function.imports());
        self.smoke(function).await?;
        Ok(ModuleInfo {
            hash,
            size,
            world,
            imports,
        })
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
            let component = self.cache.load(&self.engine, &hash);
            component
                .map(|component| Function::link(&self.linker, &component))
                .transpose()
        })
        .await
    }

    /// Whether an instance starts, under the limits of a call.
    async fn smoke(self: Arc<Self>, function: Function) -> Result<(), ModuleError> {
        let admitted = self.pool.smoke().await;
        let mut call = blank();
        call.limits = call::clamp(call.limits, self.options.memory_bytes_max);
        let host = Arc::clone(&self);
        let run = async move {
            let _admitted = admitted;
            call::smoke(&function, &call, &host.ticker).await
        };
        match self.threads.run(run).await {
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
