//! The model with a compiler, a runtime, triggers and a host that do what a test says.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use axum::Router;
use bytes::Bytes;
use millstream_api::app::{App, BackupError, Host};
use millstream_core::{
    name::{FunctionName, TriggerName},
    port::{
        Call, EventCall, EventInvoked, Invoke, InvokeError, Invoked, LaneStatus, Later, Limits,
        ModuleError, ModuleInfo, Modules, Triggers,
    },
};
use serde_json::{Map, Value, json};
use tokio::sync::Semaphore;

use crate::{logs::recorder, model::Model};

/// A host in memory.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) model: Model,
    pub(crate) app: App,
    pub(crate) router: Router,
    pub(crate) compiler: Arc<Compiler>,
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) lanes: Arc<Lanes>,
}

impl World {
    pub(crate) fn new() -> Self {
        let model = Model::new();
        let compiler = Arc::new(Compiler {
            gate: Arc::new(Semaphore::new(0)),
        });
        let runtime = Arc::new(Runtime::default());
        let lanes = Arc::new(Lanes::default());
        let recorder = recorder(Arc::clone(&runtime) as _);
        let app = App {
            modules: Arc::clone(&compiler) as _,
            invoke: Arc::clone(&recorder) as _,
            journals: recorder,
            triggers: Arc::clone(&lanes) as _,
            host: Arc::new(Disk),
            ..model.app()
        };
        Self {
            router: millstream_api::server::router(app.clone()),
            model,
            app,
            compiler,
            runtime,
            lanes,
        }
    }

    pub(crate) async fn with_stream(name: &str, shards: u32) -> Self {
        let world = Self::new();
        world.model.create_stream(name, shards).await;
        world
    }

    pub(crate) async fn with_function(name: &str) -> Self {
        let world = Self::new();
        let path = format!("/v1/functions/{name}");
        super::client::put(&world.router, &path, "good")
            .await
            .expect(201);
        world
    }
}

/// The most that an instance is given here.
pub(crate) const HELD_MEMORY_BYTES: u64 = 256 << 20;

/// Compiles what the module says: its text is the script.
#[derive(Debug)]
pub(crate) struct Compiler {
    gate: Arc<Semaphore>,
}

impl Compiler {
    /// Lets one `slow` compilation come to its end.
    pub(crate) fn release(&self) {
        self.gate.add_permits(1);
    }
}

impl Modules for Compiler {
    fn compile(&self, wasm: Bytes, _: Limits) -> Later<'static, Result<ModuleInfo, ModuleError>> {
        let gate = Arc::clone(&self.gate);
        let script = String::from_utf8(wasm.to_vec()).unwrap();
        Box::pin(async move {
            let message = format!("{script} was uploaded");
            let (first, rest) = script.split_once(' ').unwrap_or((&script, ""));
            if first == "slow" {
                gate.acquire().await.unwrap().forget();
            }
            match (first, rest) {
                ("text", _) | (_, "text") => Err(ModuleError::NotAModule { message }),
                ("foreign", _) => Err(ModuleError::NoWorld { message }),
                ("bomb", _) => Err(ModuleError::Limit {
                    limit: "cpu_seconds".into(),
                    message,
                }),
                ("ill", _) => Err(ModuleError::Host { message }),
                ("panic", _) => panic!("as the script says"),
                _ => Ok(ModuleInfo {
                    hash: format!("hash of {script}"),
                    size: script.len() as u64,
                    world: "handler".into(),
                    imports: vec!["millstream:function/runtime@0.1.0".into()],
                }),
            }
        })
    }

    fn bind(
        &self,
        _function: FunctionName,
        _version: u64,
        _hash: String,
    ) -> Later<'static, Result<(), ModuleError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn unbind(&self, _function: &FunctionName, _keep: &[u64]) {}

    fn fault(&self, function: &FunctionName, _version: u64) -> Option<String> {
        (function.as_str() == "faulty").then(|| "it is too large".to_owned())
    }

    fn held(&self, limits: Limits) -> Limits {
        let memory_bytes = limits.memory_bytes.min(HELD_MEMORY_BYTES);
        Limits {
            memory_bytes,
            ..limits
        }
    }
}

type Script = Box<dyn FnOnce(&Call) -> Result<Invoked, InvokeError> + Send>;
type EventScript = Box<dyn FnOnce(&EventCall) -> Result<EventInvoked, InvokeError> + Send>;

/// Runs the script that a test gave for the next call, and keeps the call.
#[derive(Default)]
pub(crate) struct Runtime {
    script: Mutex<Option<Script>>,
    event_script: Mutex<Option<EventScript>>,
    called: Mutex<Option<Call>>,
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime").finish_non_exhaustive()
    }
}

impl Runtime {
    pub(crate) fn next(
        &self,
        script: impl FnOnce(&Call) -> Result<Invoked, InvokeError> + Send + 'static,
    ) {
        *self.script.lock().unwrap() = Some(Box::new(script));
    }

    /// As [`Runtime::next`], for an event.
    pub(crate) fn next_event(
        &self,
        script: impl FnOnce(&EventCall) -> Result<EventInvoked, InvokeError> + Send + 'static,
    ) {
        *self.event_script.lock().unwrap() = Some(Box::new(script));
    }

    /// The last call.
    pub(crate) fn called(&self) -> Call {
        self.called.lock().unwrap().take().expect("a call")
    }
}

impl Invoke for Runtime {
    fn call(&self, call: Call) -> Later<'static, Result<Invoked, InvokeError>> {
        let script = self.script.lock().unwrap().take().expect("a script");
        let result = script(&call);
        *self.called.lock().unwrap() = Some(call);
        Box::pin(std::future::ready(result))
    }

    fn event(&self, call: EventCall) -> Later<'static, Result<EventInvoked, InvokeError>> {
        let script = self.event_script.lock().unwrap().take().expect("a script");
        Box::pin(std::future::ready(script(&call)))
    }
}

/// What the triggers' lanes are said to do.
#[derive(Debug, Default)]
pub(crate) struct Lanes(pub(crate) Mutex<Vec<LaneStatus>>);

impl Triggers for Lanes {
    fn status(&self, _trigger: &TriggerName) -> Vec<LaneStatus> {
        self.0.lock().unwrap().clone()
    }
}

/// A disk on which everything fits, but `/there` is taken and `/full` is full.
#[derive(Debug)]
struct Disk;

impl Host for Disk {
    fn backup(&self, to: PathBuf) -> Later<'static, Result<Map<String, Value>, BackupError>> {
        let done = json!({"path": to, "bytes": 4096});
        let result = if to == Path::new("/there") {
            Err(BackupError::Exists(to))
        } else if to == Path::new("/full") {
            Err(BackupError::Full(to))
        } else if to == Path::new("/dev/null/directory") {
            Err(BackupError::Unusable(to, "not a directory".into()))
        } else if to == Path::new("/no/such/directory") {
            Err(BackupError::Failed("no such directory".into()))
        } else {
            Ok(done.as_object().unwrap().clone())
        };
        Box::pin(std::future::ready(result))
    }

    fn figures(&self) -> Map<String, Value> {
        json!({"wal_bytes": 77}).as_object().unwrap().clone()
    }
}
