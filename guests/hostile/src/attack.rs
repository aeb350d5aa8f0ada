//! What a guest may try against its host, one name an attempt.

use std::{hint::black_box, process, thread, time::Duration};

use crate::millstream::function::{runtime, types::Output};

const MIB: usize = 1 << 20;

/// Runs an attack. One that the host does not stop returns.
pub(crate) fn run(name: &str, argument: &str) {
    match name {
        "loop" => endless(),
        "log-loop" => loop {
            runtime::log(2, "again");
        },
        "get-loop" => loop {
            let _ = runtime::get_many(&["key".to_owned()]);
        },
        "sleep" => thread::sleep(Duration::from_secs(3600)),
        "grow" => grow(),
        "recurse" => {
            black_box(recurse(1));
        }
        "log-flood" => (0..10_000).for_each(|i| runtime::log(2, &format!("line {i}"))),
        "log-line" => runtime::log(2, &"x".repeat(8 * MIB)),
        "print-flood" => (0..2_000).for_each(|i| println!("line {i}")),
        "call-huge" => runtime::log(2, &"x".repeat(32 * MIB)),
        "emit-flood" => emit_all(usize::MAX, 1),
        "emit-huge" => emit_all(1, 9 * MIB),
        "state-flood" => (0..1_000_000u64).for_each(|i| set(i.to_string(), Vec::new())),
        "state-huge" => set("key".to_owned(), vec![0; 3 * MIB]),
        "get-flood" => {
            // One stored value, asked for a hundred thousand times in one call.
            let _ = runtime::get_many(&vec![argument.to_owned(); 100_000]);
        }
        "trap" => trap(),
        "random-huge" => {
            black_box(wasip2::random::random::get_random_bytes(2 * MIB as u64));
        }
        "hold" => hold(argument.parse().unwrap_or(100_000)),
        "panic" => panic!("this is {}", black_box("the guest's panic")),
        "exit" => process::exit(argument.parse().unwrap_or(0)),
        "allocate" => {
            let bytes = argument.parse().unwrap_or(0);
            black_box(vec![1u8; bytes]);
        }
        _ => {}
    }
}

fn endless() {
    let mut i = 0u64;
    loop {
        i = black_box(i.wrapping_add(1));
    }
}

fn grow() {
    let mut kept = Vec::new();
    loop {
        kept.push(black_box(vec![1u8; MIB]));
    }
}

fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 8]);
    if black_box(depth) == 0 {
        return 0;
    }
    recurse(depth + 1).wrapping_add(frame[(depth % 8) as usize])
}

fn emit_all(times: usize, bytes: usize) {
    for _ in 0..times {
        let _ = runtime::emit(&Output {
            stream: "out".to_owned(),
            key_ends: vec![1],
            keys: b"k".to_vec(),
            data_ends: vec![bytes as u32],
            data: vec![0; bytes],
        });
    }
}

/// Asks for timers and keeps them all.
fn hold(timers: usize) {
    let timer = |_| wasip2::clocks::monotonic_clock::subscribe_duration(0);
    black_box((0..timers).map(timer).collect::<Vec<_>>());
}

fn set(key: String, value: Vec<u8>) {
    let _ = runtime::set_many(&[(key, Some(value))]);
}

fn trap() {
    #[cfg(target_arch = "wasm32")]
    core::arch::wasm32::unreachable();
}
