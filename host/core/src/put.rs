//! From records to shards: what a put, or a function's output, becomes before the log sees it.

pub mod plan;
pub mod quota;
pub mod route;
