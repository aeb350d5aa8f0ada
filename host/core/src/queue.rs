//! Queues: shared, acknowledged, unordered delivery of a stream's records to any number of workers.
//!
//! Decisions only: which records are due, what a receipt is good for, what must be written. The shell
//! reads records, commits what a step gives, and answers once that is durable. The state costs per
//! record that is in flight, waits for another delivery or is dead, never per record of the stream.

pub mod entry;
pub mod machine;
pub mod receipt;

pub use self::{
    entry::{Entry, Place},
    machine::{Ask, Delivery, Machine, Received, Refusal},
    receipt::Receipt,
};
