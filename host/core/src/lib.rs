//! Decisions: what a record, a block, a stream and a trigger are, and what follows from an event.
//!
//! This crate imports nothing of the workspace but the format of aggregated records, and touches
//! nothing of the world.
//! Time, randomness and ids are arguments; `clippy.toml` beside the manifest bans the ambient calls.
//! The modules below stand in the order in which a record meets them.

mod bucket;
pub mod limit;
pub mod name;
pub mod time;

pub mod hash_key;
pub mod position;
pub mod sequence;

pub mod batch;
pub mod block;

pub mod catalog;
pub mod event;
pub mod journal;
pub mod port;
pub mod put;
pub mod read;
pub mod replay;
pub mod trigger;

pub mod channel;
pub mod queue;

pub mod stored;

pub mod planted;
