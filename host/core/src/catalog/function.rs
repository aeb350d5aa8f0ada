//! A function: a module that was uploaded, with its settings.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    name::FunctionName,
    port::{COMMAND_WORLD, Limits, ModuleInfo},
    time::Millis,
};

/// A function as of its newest upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Function {
    /// Its name.
    pub name: FunctionName,
    /// Rises with each upload; never given twice in a cell.
    pub version: u64,
    /// What was uploaded.
    pub module: ModuleInfo,
    /// What an invocation may use.
    pub limits: Limits,
    /// What the guest may ask for by `config`.
    pub config: BTreeMap<String, String>,
    /// When it was uploaded.
    pub updated: Millis,
}

impl Function {
    /// Whether it is called with Lambda's event JSON, not with columns.
    #[must_use]
    pub fn takes_events(&self) -> bool {
        self.module.world == COMMAND_WORLD
    }
}
