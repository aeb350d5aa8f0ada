//! Write Millstream functions in Rust.
//!
//! A function is called with the records of one shard, in order. It puts records into other
//! streams and keeps state; all of that becomes durable together with the position of its
//! trigger, or none of it happened.
//!
//! ```
//! use millstream_sdk::{Context, Error, Record, handler};
//!
//! /// Numbers the visits of each user and passes them on.
//! #[handler]
//! fn number(record: Record<'_>, cx: &mut Context) -> Result<(), Error> {
//!     let visit: u64 = cx.state().get(record.key())?.unwrap_or(0) + 1;
//!     cx.state().set(record.key(), &visit)?;
//!     let line = format!("{visit}. {}", record.text()?);
//!     cx.emit("numbered", record.key(), line)
//! }
//!
//! # fn main() {
//! let outcome = millstream_sdk::testing::run(number, [("ann", "in"), ("bob", "in"), ("ann", "out")]);
//! assert_eq!(outcome.texts("numbered"), ["1. in", "1. in", "2. out"]);
//! # }
//! ```
//!
//! What an error does to its record is said by [`Error`], how a whole batch is handled by
//! [`Batch`], and how a function is tested without a host by [`testing`].
//!
//! A program that is a Lambda handler already, of Lambda's own event JSON, is deployed as it is but
//! for its `main`: see [`event`].

#![warn(missing_docs)]

mod batch;
mod context;
mod error;
mod handler;
mod host;
mod output;
mod record;
mod state;

pub mod event;
pub mod testing;

#[cfg(target_family = "wasm")]
mod bindings;
#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub mod component;

pub use millstream_aggregate::{self as aggregate, UserRecord};
pub use millstream_sdk_macro::handler;

pub use self::{
    batch::Batch,
    context::Context,
    error::{Disposition, Error},
    handler::Handler,
    host::Level,
    record::Record,
    state::State,
};

// The crate's own tests and examples name it as its users do.
extern crate self as millstream_sdk;
