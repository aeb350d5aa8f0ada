//! CloudWatch Logs over the model: groups, streams, lines, and every error.

pub(crate) mod client;
mod filter;
mod groups;
mod requests;
mod streams;

use std::sync::Arc;

use millstream_core::{journal::Room, port::Invoke};
use millstream_worker::{Recorder, RecorderOptions};

/// A recorder before `invoke`, as the host has one.
pub(crate) fn recorder(invoke: Arc<dyn Invoke>) -> Arc<Recorder> {
    let options = RecorderOptions {
        room: Room::default(),
        memory_bytes_max: u64::MAX,
        host: 0xab,
        clock: crate::model::now,
    };
    Recorder::new(invoke, options)
}
