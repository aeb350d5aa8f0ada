//! HTTP in, AWS shapes and our own out. Sole owner of hyper and axum.
//!
//! A request meets the modules in this order: `server` accepts the connection and runs its deadlines,
//! `admit` refuses what is too big, `front` tells the services apart that share a path, `wire` decodes,
//! `kinesis`, `lambda`, `logs` or `native` decide with core and answer.

pub mod app;
pub mod auth;
pub mod server;

mod admit;
mod front;

mod error;
#[doc(hidden)]
pub mod fuzz;
pub mod kinesis;
mod lambda;
mod logs;
pub mod quota;
mod wire;

pub mod native;
