//! Uploaded modules: checked, compiled, and bound to a function's version.

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Later, Limits};
use crate::name::FunctionName;

/// The world of a module that takes events: a program that reads one from its standard input and
/// answers on its standard output.
pub const COMMAND_WORLD: &str = "wasi:cli/command";

/// What a module turned out to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModuleInfo {
    /// SHA-256 of the uploaded bytes, in hexadecimal.
    pub hash: String,
    /// Bytes uploaded.
    pub size: u64,
    /// The world of `wit/` that it fits, `handler` or `record-handler`, or [`COMMAND_WORLD`].
    pub world: String,
    /// What it imports, as `package:name/interface@version`.
    pub imports: Vec<String>,
}

/// Why a module was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ModuleError {
    /// Not something that can become a component.
    #[error("not a usable module: {message}")]
    NotAModule {
        /// What it is, and what was expected.
        message: String,
    },
    /// A component, but for no world of ours.
    #[error("the component fits no world: {message}")]
    NoWorld {
        /// What is missing.
        message: String,
    },
    /// It has more of something than is allowed, or takes more to be compiled or to start.
    #[error("the module hits the limit `{limit}`: {message}")]
    Limit {
        /// Which limit.
        limit: String,
        /// By how much.
        message: String,
    },
    /// The host could not compile it, for reasons of its own.
    #[error("the host could not compile: {message}")]
    Host {
        /// What happened.
        message: String,
    },
}

/// Turns uploaded bytes into something that can be called.
pub trait Modules: Send + Sync + fmt::Debug + 'static {
    /// Checks, compiles (outside this process, under limits) and smoke-tests a module: an instance
    /// must start under the limits that its calls will have. May take long.
    fn compile(
        &self,
        wasm: Bytes,
        limits: Limits,
    ) -> Later<'static, Result<ModuleInfo, ModuleError>>;

    /// Makes `hash`, compiled before, callable as `function`@`version`. Cheap.
    fn bind(
        &self,
        function: FunctionName,
        version: u64,
        hash: String,
    ) -> Later<'static, Result<(), ModuleError>>;

    /// Forgets all versions of `function` but those of `keep`.
    fn unbind(&self, function: &FunctionName, keep: &[u64]);

    /// Why `function`@`version` cannot be called; nothing where it can.
    fn fault(&self, function: &FunctionName, version: u64) -> Option<String>;

    /// `limits` as far as this host can hold them.
    fn held(&self, limits: Limits) -> Limits;
}
