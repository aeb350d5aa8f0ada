//! Both interfaces as a client sees them: the public router over a model of the log and the runtime.

// All of it is test code, so unwrap() is as good as in unit tests.
#![cfg(test)]

mod kinesis;
mod lambda;
mod logs;
mod model;
mod native;
mod server;
