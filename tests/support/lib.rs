//! What the tests share: a host process to talk to, and ways to wait for what it does.
//!
//! It knows the host from outside only: its command line, its HTTP interfaces and its files' names.
//! The binary is `MILLSTREAM_BIN`, or `target/debug/millstream`; the components lie in
//! `MILLSTREAM_GUESTS`, or `target/wasm32-wasip2/guest`. What is missing is built; what is there is
//! taken as it is, so that `make test` decides what is tested.

pub mod api;
pub mod build;
pub mod host;
pub mod process;
pub mod random;
pub mod records;
pub mod tail;
pub mod wait;

pub use self::{api::Api, host::Host, random::Random, wait::until};
