//! The parts of a host that most tests do without.

use bytes::Bytes;
use millstream_api::app::{BackupError, Host};
use millstream_core::{
    name::{FunctionName, TriggerName},
    port::{
        Call, Channels, Invoke, InvokeError, Invoked, LaneStatus, Later, Limits, ModuleError,
        ModuleInfo, Modules, Outbox, OutboxStatus, Triggers,
    },
};

use super::ready;

/// No functions, no triggers, nothing to back up.
#[derive(Debug)]
pub(crate) struct Nothing;

impl Channels for Nothing {
    fn failure(&self, _channel: u64) -> Option<String> {
        None
    }
}

impl Outbox for Nothing {
    fn filled(&self, _keys: Vec<Bytes>) {}

    fn status(&self, _trigger: u64) -> Option<OutboxStatus> {
        None
    }
}

impl Modules for Nothing {
    fn compile(&self, _wasm: Bytes, _: Limits) -> Later<'static, Result<ModuleInfo, ModuleError>> {
        ready(Err(ModuleError::NotAModule {
            message: "nothing is a module here".into(),
        }))
    }

    fn bind(
        &self,
        _function: FunctionName,
        _version: u64,
        _hash: String,
    ) -> Later<'static, Result<(), ModuleError>> {
        ready(Ok(()))
    }

    fn unbind(&self, _function: &FunctionName, _keep: &[u64]) {}

    fn fault(&self, _function: &FunctionName, _version: u64) -> Option<String> {
        None
    }

    fn held(&self, limits: Limits) -> Limits {
        limits
    }
}

impl Invoke for Nothing {
    fn call(&self, _call: Call) -> Later<'static, Result<Invoked, InvokeError>> {
        ready(Err(InvokeError::Throttled))
    }
}

impl Triggers for Nothing {
    fn status(&self, _trigger: &TriggerName) -> Vec<LaneStatus> {
        Vec::new()
    }
}

impl Host for Nothing {
    fn backup(
        &self,
        _to: std::path::PathBuf,
    ) -> Later<'static, Result<serde_json::Map<String, serde_json::Value>, BackupError>> {
        ready(Err(BackupError::Failed("there is nothing here".into())))
    }

    fn figures(&self) -> serde_json::Map<String, serde_json::Value> {
        serde_json::Map::new()
    }
}
