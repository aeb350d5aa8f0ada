//! Delivers streams to object storage, as their channels say, and failure records to AWS's services, as
//! triggers say; sole owner of `object_store`.
//!
//! Core says what becomes of a record, what objects are called and when they are written; this crate
//! reads, compresses, stores, sends and remembers. It knows nothing of HTTP requests or of the log's files.

mod board;
mod bucket;
mod deliveries;
mod destination;
mod encoder;
mod error;
mod lane;
mod object;
mod outbox;
mod outlet;
mod samples;

pub use self::{
    deliveries::{Deliveries, Options},
    destination::{Destination, S3},
    outbox::{Aws, OutboxOptions, Outboxes},
};
