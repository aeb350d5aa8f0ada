//! The runtime through its ports: modules that are taken or refused, calls that are answered or
//! stopped.

mod answers;
mod attacks;
mod cached;
mod compiling;
mod records;
mod refused;
mod support;
