//! How batches are cut: by size, by window, by what is there.

use serde_json::json;

use crate::world::{World, verdict};

fn batches(world: &World) -> Vec<usize> {
    world.calls.iter().map(|call| call.records.len()).collect()
}

fn all_done(records: &[usize], _attempt: u32) -> crate::world::Answer {
    verdict(records, &[])
}

#[test]
fn a_backlog_is_cut_into_full_batches() {
    let mut world = World::new(json!({"batch_size": 10}));
    world.put(17);
    world.put(13);
    world.run(all_done);
    assert_eq!(batches(&world), [10, 10, 10]);
    assert_eq!(world.outputs, (0..30).collect::<Vec<_>>());
}

#[test]
fn short_reads_do_not_make_small_batches() {
    let mut world = World::new(json!({"batch_size": 10}));
    world.short_reads = true;
    for _ in 0..10 {
        world.put(2);
    }
    world.run(all_done);
    assert_eq!(batches(&world), [10, 10]);
}

#[test]
fn without_a_window_a_single_record_goes_at_once() {
    let mut world = World::new(json!({"batch_size": 10}));
    world.coming = vec![(1_000_007, 1), (1_000_011, 2)];
    world.run(all_done);
    let calls: Vec<_> = world
        .calls
        .iter()
        .map(|call| (call.at, call.records.len()))
        .collect();
    assert_eq!(calls, [(1_000_007, 1), (1_000_011, 2)]);
}

#[test]
fn a_window_begins_with_its_first_record_and_ends_on_time() {
    let mut world = World::new(json!({"batch_size": 10, "maximum_batching_window_in_seconds": 2}));
    world.coming = vec![
        (1_005_000, 1),
        (1_006_000, 2),
        (1_006_999, 3),
        (1_007_001, 1),
    ];
    world.run(all_done);
    let calls: Vec<_> = world
        .calls
        .iter()
        .map(|call| (call.at, call.records.len()))
        .collect();
    assert_eq!(calls, [(1_007_000, 6), (1_009_001, 1)]);
}

#[test]
fn a_full_batch_does_not_wait_for_its_window() {
    let mut world = World::new(json!({"batch_size": 4, "maximum_batching_window_in_seconds": 300}));
    world.coming = vec![(1_000_001, 3), (1_000_002, 1)];
    world.run(all_done);
    assert_eq!((world.calls[0].at, batches(&world)), (1_000_002, vec![4]));
}

#[test]
fn large_records_end_a_batch_before_its_bytes_are_exceeded() {
    use millstream_core::{
        block::{BlockBuilder, Slice},
        limit,
        position::Position,
        time::Millis,
        trigger::{Batch, batch::Room},
    };
    let mut builder = BlockBuilder::default();
    for _ in 0..6 {
        builder.push("", &vec![0; limit::BATCH_BYTES / 4]);
    }
    let slice = Slice {
        block: builder.finish().unwrap(),
        range: 0..6,
        base: Position(0),
        arrival: Millis(0),
    };
    let mut batch = Batch::default();
    let room = Room {
        records: 100,
        bytes: limit::BATCH_BYTES,
        end: None,
        windows: None,
    };
    assert!(batch.take(vec![slice], &room));
    assert_eq!((batch.len(), batch.bytes()), (4, limit::BATCH_BYTES));
}
