//! The runtime through its ports: modules that are taken or refused, calls that are answered or
//! stopped.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod answers;
mod attacks;
mod cached;
mod commands;
mod compiling;
mod records;
mod refused;
mod slots;
mod support;
