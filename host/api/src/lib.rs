//! HTTP in, AWS shapes and our own out. Sole owner of hyper and axum.
//!
//! A request meets the modules in this order: `server` accepts the connection and runs its deadlines,
//! `admit` refuses what is too big, `kinesis` or `native` decodes, decides with core and answers.

pub mod app;
pub mod kinesis;
pub mod native;
pub mod server;
