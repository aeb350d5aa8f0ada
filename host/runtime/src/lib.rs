//! Components in, verdicts out.
//!
//! Sole owner of wasmtime: nothing of it shows outside. It knows what a guest may do and use, and
//! nothing of streams' shards, triggers or the log; what a guest did stays in its verdict until
//! someone else commits it. The modules stand in the order in which an upload and then a call
//! meet them.

mod options;

mod upload;

mod engine;
mod ticker;

mod compile;

mod cache;
mod slot;

mod function;

mod columns;
mod effects;
mod growth;
mod guest;
mod import;
mod logbook;
mod no_state;
mod payload;

mod answer;
mod call;
mod command;
mod failure;
mod pool;
mod threads;

mod runtime;
mod stats;

pub use compile::child::compile_child;
pub use options::{CompileLimits, RuntimeOptions};
pub use runtime::{Runtime, RuntimeError};
pub use stats::RuntimeStats;
