//! The native interface over the model: every route, every error code.

mod access;
mod client;
mod dry_run;
mod errors;
mod explain;
mod functions;
mod host;
mod ingest;
mod redrive;
mod replay;
mod streams;
mod tail;
mod triggers;
pub(crate) mod world;
