//! The host's memory stays bounded, whatever a guest does with its own.
//!
//! A binary of its own, because it watches the whole process.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

#[path = "runtime/support.rs"]
#[expect(dead_code, reason = "the other tests use the rest")]
mod support;

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use millstream_core::port::{Invoke, Limits};
use support::{Stored, command, hostile, upload, world};

const MIB: u64 = 1 << 20;

/// The most that was resident at a time since the start.
fn peak() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib * 1024
}

#[tokio::test]
async fn attacks_cost_the_host_no_more_than_their_limits() {
    let world = world();
    upload(&world.runtime, hostile(), 1).await;
    let big = Bytes::from(vec![1; MIB as usize]);
    let state = Arc::new(Stored(BTreeMap::from([("big".into(), big)])));
    let limits = Limits {
        memory_bytes: 64 * MIB,
        time_ms: 60_000,
        ..Limits::default()
    };
    let before = peak();
    for attack in [
        "grow",
        "emit-flood",
        "emit-huge",
        "state-flood",
        "state-huge",
        "call-huge",
        "log-flood",
        "log-line",
        "print-flood",
        "get-flood big",
        "recurse",
        "panic",
    ] {
        let mut call = command(attack);
        call.limits = limits;
        call.state = state.clone();
        let invoked = world.runtime.call(call).await.unwrap();
        assert!(invoked.result.is_err(), "{attack}");
        // The guest's memory, one host call's data, and as much again for what is made of it.
        let grown = peak() - before;
        assert!(grown < (64 + 2 * 16) * MIB, "{attack}: {} MiB", grown / MIB);
    }
}
