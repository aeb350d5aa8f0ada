//! Workers over a log in memory and a scripted function, on virtual time.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod events;
mod faults;
mod function;
mod host;
mod lanes;
mod log;
mod orders;
mod outbox;
mod parts;
mod recorder;
mod reshard;
mod shown;
mod windows;
