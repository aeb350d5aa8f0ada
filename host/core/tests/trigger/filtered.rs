//! A lane with filters: what is left out takes no room, sets off nothing and is passed for good.

use std::cell::Cell;

use millstream_core::{
    limit,
    port::Disposition::{Reject, Retry},
};
use serde_json::{Value, json};

use crate::world::{Answer, Fate, World, error, verdict};

/// A filter for records whose number ends so.
fn ends(digits: &[&str]) -> Value {
    let suffixes: Vec<Value> = digits.iter().map(|d| json!({ "suffix": d })).collect();
    json!({ "partitionKey": suffixes })
}

/// Only even records are wanted.
fn even(settings: Value) -> World {
    let mut world = World::new(settings);
    world.filter(&[ends(&["0", "2", "4", "6", "8"])]);
    world
}

/// Nothing is wanted.
fn nothing() -> World {
    let mut world = World::new(json!({}));
    world.filter(&[json!({"data": {"a": [1]}})]);
    world
}

fn all_done(records: &[usize], _attempt: u32) -> Answer {
    verdict(records, &[])
}

fn batches(world: &World) -> Vec<Vec<usize>> {
    world
        .calls
        .iter()
        .map(|call| call.records.clone())
        .collect()
}

fn letters(world: &World) -> Vec<usize> {
    world.letters.iter().map(|letter| letter.record).collect()
}

fn position(world: &World) -> u64 {
    world.checkpoint().unwrap().next.ordinal()
}

/// Fails as a whole so many times, then does everything.
fn fails(times: usize) -> impl FnMut(&[usize], u32) -> Answer {
    let left = Cell::new(times);
    move |records, _| match left.get() {
        0 => verdict(records, &[]),
        n => {
            left.set(n - 1);
            error()
        }
    }
}

#[test]
fn records_that_are_left_out_take_no_room_in_a_batch() {
    let mut world = even(json!({"batch_size": 3}));
    world.put(5);
    world.put(8);
    world.run(all_done);
    assert_eq!(batches(&world), [vec![0, 2, 4], vec![6, 8, 10], vec![12]]);
    assert_eq!((position(&world), world.filtered), (13, 6));
    // A commit a batch, and none for what lies between.
    assert_eq!(world.commits, 3);
}

#[test]
fn what_is_left_out_is_passed_without_a_call() {
    let mut world = nothing();
    world.put(50);
    world.run(all_done);
    assert!(world.calls.is_empty());
    assert_eq!(
        (position(&world), world.filtered, world.commits),
        (50, 50, 1)
    );
}

#[test]
fn a_trickle_of_records_that_are_left_out_costs_a_commit_a_second() {
    let mut world = nothing();
    let start = world.now.0;
    world.coming = (0..500).map(|n| (start + 10 * n, 1)).collect();
    world.run(all_done);
    assert_eq!((position(&world), world.filtered), (500, 500));
    assert!(world.commits <= 6, "{} commits in 5 seconds", world.commits);
}

#[test]
fn a_long_stretch_is_passed_in_steps_and_few_reads() {
    let mut world = nothing();
    for _ in 0..35 {
        world.put(1_000);
    }
    world.run(all_done);
    assert_eq!((position(&world), world.filtered), (35_000, 35_000));
    assert!(
        (2..=4).contains(&world.commits),
        "{} commits",
        world.commits
    );
    // One read for a batch's worth of records would make 350.
    assert!(world.reads < 60, "{} reads", world.reads);
}

#[test]
fn after_a_crash_few_records_are_filtered_again() {
    let mut world = nothing();
    for _ in 0..15 {
        world.put(1_000);
    }
    world.fates = vec![Fate::Durable, Fate::CrashBefore];
    assert!(!world.life(&mut all_done));
    let passed = position(&world);
    assert!(
        (limit::FILTER_CHECKPOINT_RECORDS..15_000).contains(&passed),
        "{passed}"
    );
    world.run(all_done);
    assert_eq!((position(&world), world.filtered), (15_000, 15_000));
}

#[test]
fn what_is_passed_goes_into_the_commit_of_the_next_batch() {
    let mut world = even(json!({}));
    world.put(2);
    world.coming = vec![(world.now.0 + 100, 2)];
    world.run(all_done);
    assert_eq!(batches(&world), [[0], [2]]);
    // The last one is left out and waits for no batch.
    assert_eq!((position(&world), world.filtered, world.commits), (4, 2, 2));
}

#[test]
fn a_window_begins_with_the_first_record_that_is_wanted() {
    let mut world = even(json!({"maximum_batching_window_in_seconds": 2}));
    world.put(1);
    world.run(all_done);
    let start = world.now.0;
    world.coming = vec![(start + 1_000, 1), (start + 5_000, 2)];
    world.run(all_done);
    let last = world.calls.last().unwrap();
    assert_eq!((last.at - start, last.records.clone()), (7_000, vec![2]));
}

#[test]
fn a_failing_batch_is_filtered_again_to_the_same() {
    let mut world = even(json!({}));
    world.put(5);
    world.coming = vec![(world.now.0 + 10, 6)];
    // Two failures, one of them before a crash.
    world.fates = vec![Fate::CrashAfter];
    world.run(fails(2));
    assert_eq!(
        batches(&world),
        [vec![0, 2, 4], vec![0, 2, 4], vec![0, 2, 4], vec![6, 8, 10]]
    );
    let attempts: Vec<_> = world.calls.iter().map(|call| call.attempt).collect();
    assert_eq!(attempts, [1, 2, 3, 1]);
    assert_eq!((position(&world), world.filtered), (11, 5));
}

#[test]
fn a_partial_answer_goes_on_at_the_record_that_it_named() {
    let mut world = even(json!({"batch_size": 5}));
    world.put(12);
    let mut first = true;
    world.run(|records, _| {
        if std::mem::take(&mut first) {
            return verdict(&records[..2], &[(2, Retry)]);
        }
        verdict(records, &[])
    });
    assert_eq!(
        batches(&world),
        [vec![0, 2, 4, 6, 8], vec![4, 6, 8], vec![10]]
    );
    assert_eq!(world.outputs, [0, 2, 4, 6, 8, 10]);
    assert_eq!((position(&world), world.filtered), (12, 6));
}

#[test]
fn dead_letters_hold_the_records_that_were_delivered() {
    let mut world = even(json!({"maximum_retry_attempts": 0, "batch_size": 3}));
    world.put(9);
    world.run(fails(1));
    assert_eq!(letters(&world), [0, 2, 4]);
    assert_eq!(world.outputs, [6, 8]);
    let mut world = even(json!({}));
    world.put(9);
    world.run(|_, _| verdict(&[0, 4, 8], &[(1, Reject), (3, Reject)]));
    assert_eq!(letters(&world), [2, 6]);
    assert_eq!(world.filtered, 4);
}

#[test]
fn a_record_that_the_function_cannot_do_alone_is_the_one_that_is_given_up() {
    let mut world = even(json!({"maximum_retry_attempts": 1}));
    world.put(7);
    world.run(
        |records, _| match records.iter().position(|&record| record == 4) {
            Some(at) => verdict(&records[..at], &[(at as u32, Retry)]),
            None => verdict(records, &[]),
        },
    );
    assert_eq!(
        (letters(&world), world.outputs.clone()),
        (vec![4], vec![0, 2, 6])
    );
    assert_eq!((position(&world), world.filtered), (7, 3));
}

#[test]
fn records_that_are_too_old_and_not_wanted_are_no_dead_letters() {
    let mut world = even(json!({"maximum_record_age_in_seconds": 60}));
    world.put(4);
    world.now = world.now.plus(60_001);
    world.put(4);
    world.run(all_done);
    assert_eq!(
        (letters(&world), world.outputs.clone()),
        (vec![0, 2], vec![4, 6])
    );
    assert_eq!(world.filtered, 4);
}

#[test]
fn giving_up_a_large_batch_goes_on_at_the_right_record_after_a_crash() {
    let mut world = even(json!({"maximum_retry_attempts": 0, "batch_size": 2000}));
    world.put(2_400);
    world.fates = vec![Fate::CrashAfter];
    let mut function = fails(1);
    assert!(!world.life(&mut function));
    assert_eq!(world.letters.len(), 500);
    world.run(function);
    assert_eq!(letters(&world), (0..2_400).step_by(2).collect::<Vec<_>>());
    assert_eq!(world.calls.len(), 1);
}

#[test]
fn other_filters_apply_to_a_failing_batch_too() {
    let failed_once = || {
        let mut world = even(json!({"batch_size": 3}));
        world.put(9);
        world.fates = vec![Fate::CrashAfter];
        assert!(!world.life(&mut fails(1)));
        world
    };
    let mut world = failed_once();
    world.filter(&[ends(&["2", "8"])]);
    world.run(all_done);
    assert_eq!(batches(&world)[1..], [[2], [8]]);
    assert_eq!(world.calls[1].attempt, 2);
    // None of the failing batch is wanted any more.
    let mut world = failed_once();
    world.filter(&[ends(&["7"])]);
    world.run(all_done);
    assert_eq!(
        (batches(&world)[1..].to_vec(), world.calls[1].attempt),
        (vec![vec![7]], 1)
    );
    assert_eq!(world.checkpoint().unwrap().pending, None);
    // More of it is wanted than before: its extent stays.
    let mut world = failed_once();
    world.filter(&[]);
    world.run(all_done);
    assert_eq!(
        batches(&world)[1..],
        [vec![0, 1, 2, 3, 4], vec![5, 6, 7], vec![8]]
    );
}

#[test]
fn an_unknown_outcome_of_passing_is_looked_up() {
    for fate in [Fate::Ambiguous, Fate::Lost] {
        let mut world = nothing();
        world.put(20);
        world.fates = vec![fate];
        world.run(all_done);
        assert_eq!((position(&world), world.calls.len()), (20, 0), "{fate:?}");
    }
}

#[test]
fn a_full_disk_holds_nothing_up() {
    let mut world = even(json!({}));
    world.put(3);
    world.fates = vec![Fate::Full; 3];
    world.coming = vec![(world.now.0 + 5_000, 2)];
    world.run(all_done);
    assert_eq!(world.outputs, [0, 2, 4]);
    assert_eq!((position(&world), world.filtered), (5, 2));
}
