//! The native interface over the model: every route, every error code.

mod access;
pub(crate) mod client;
mod dry_run;
mod errors;
mod functions;
mod host;
mod ingest;
mod logs;
mod rollback;
mod streams;
mod tail;
mod triggers;
pub(crate) mod world;
