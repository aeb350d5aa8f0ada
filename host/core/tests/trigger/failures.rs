//! Attempts, back-off, partial answers, dead letters and age, one rule a test.

use std::cell::Cell;

use millstream_core::{
    port::{
        Disposition::{Reject, Retry},
        InvokeError,
    },
    trigger::Share,
};
use serde_json::json;

use crate::world::{Answer, Fate, World, error, verdict};

fn letters(world: &World) -> Vec<(usize, &str, u64)> {
    let letters = world.letters.iter();
    letters
        .map(|letter| (letter.record, letter.reason.as_str(), letter.attempts))
        .collect()
}

fn calls(world: &World) -> Vec<(Vec<usize>, u32)> {
    world
        .calls
        .iter()
        .map(|call| (call.records.clone(), call.attempt))
        .collect()
}

/// Fails as a whole so many times, then does everything.
fn fails(times: usize) -> impl FnMut(&[usize], u32) -> Answer {
    let left = Cell::new(times);
    move |records, _| {
        if left.get() == 0 {
            return verdict(records, &[]);
        }
        left.set(left.get() - 1);
        error()
    }
}

#[test]
fn a_batch_is_tried_once_more_than_it_is_retried() {
    for (failures, succeeds) in [(1, true), (2, true), (3, false)] {
        let mut world = World::new(json!({"maximum_retry_attempts": 2}));
        world.put(3);
        world.run(fails(failures));
        let attempts: Vec<_> = world.calls.iter().map(|call| call.attempt).collect();
        if succeeds {
            assert_eq!(world.outputs, [0, 1, 2]);
            assert_eq!(attempts.len(), failures + 1);
            assert!(world.letters.is_empty());
        } else {
            assert_eq!(attempts, [1, 2, 3]);
            let reason = "RetryAttemptsExhausted";
            assert_eq!(
                letters(&world),
                [(0, reason, 3), (1, reason, 3), (2, reason, 3)]
            );
            assert!(world.letters[0].error.contains("the function failed: no"));
            assert!(world.outputs.is_empty());
        }
    }
}

#[test]
fn without_retries_one_failure_is_enough() {
    let mut world = World::new(json!({"maximum_retry_attempts": 0, "batch_size": 1}));
    world.put(2);
    world.run(fails(1));
    assert_eq!(letters(&world), [(0, "RetryAttemptsExhausted", 1)]);
    assert_eq!(world.outputs, [1]);
}

#[test]
fn the_back_off_doubles() {
    let mut world = World::new(json!({}));
    world.put(1);
    let start = world.now.0;
    world.run(fails(10));
    let at: Vec<_> = world.calls.iter().map(|call| call.at - start).collect();
    assert_eq!(at[..5], [0, 250, 750, 1_750, 3_750]);
    assert_eq!(at[10] - at[9], 60_000);
}

#[test]
fn a_failing_batch_is_not_topped_up() {
    let mut world = World::new(json!({}));
    world.put(2);
    world.coming = vec![(world.now.0 + 10, 5)];
    world.run(fails(2));
    let whole = vec![0, 1];
    let rest = vec![2, 3, 4, 5, 6];
    assert_eq!(
        calls(&world),
        [
            (whole.clone(), 1),
            (whole.clone(), 2),
            (whole, 3),
            (rest, 1)
        ]
    );
}

#[test]
fn attempts_are_counted_over_restarts() {
    let mut world = World::new(json!({"maximum_retry_attempts": 3}));
    world.put(2);
    // The second failure is counted durably before the host ends; the third is not.
    world.fates = vec![Fate::Durable, Fate::CrashAfter, Fate::CrashBefore];
    world.run(fails(100));
    let attempts: Vec<_> = world.calls.iter().map(|call| call.attempt).collect();
    assert_eq!(attempts, [1, 2, 3, 3, 4]);
    assert_eq!(letters(&world)[1], (1, "RetryAttemptsExhausted", 4));
}

#[test]
fn a_partial_answer_keeps_what_is_done_and_counts_anew() {
    let mut world = World::new(json!({"maximum_retry_attempts": 1, "batch_size": 4}));
    world.put(6);
    world.run(
        |records, _| match records.iter().position(|&record| record == 2) {
            Some(at) => verdict(&records[..at], &[(at as u32, Retry)]),
            None => verdict(records, &[]),
        },
    );
    // Record 2 alone is given up; 3 follows in what remains of its batch.
    assert_eq!(
        calls(&world),
        [
            (vec![0, 1, 2, 3], 1),
            (vec![2, 3], 1),
            (vec![2, 3], 2),
            (vec![3], 1),
            (vec![4, 5], 1)
        ]
    );
    assert_eq!(letters(&world), [(2, "RetryAttemptsExhausted", 2)]);
    assert_eq!(world.letters[0].error, "record 0 failed");
    assert_eq!(world.outputs, [0, 1, 3, 4, 5]);
}

#[test]
fn rejected_records_go_at_once_with_the_attempt_that_rejected_them() {
    let mut world = World::new(json!({"maximum_retry_attempts": 5}));
    world.put(4);
    let mut first = true;
    world.run(|_, _| {
        if std::mem::take(&mut first) {
            return error();
        }
        verdict(&[0, 2], &[(1, Reject), (3, Reject)])
    });
    assert_eq!(letters(&world), [(1, "Rejected", 2), (3, "Rejected", 2)]);
    assert_eq!(world.outputs, [0, 2]);
}

#[test]
fn what_follows_a_retry_is_judged_again() {
    let mut world = World::new(json!({}));
    world.put(4);
    world.run(|records, _| match records {
        [0, ..] => verdict(&[1], &[(0, Reject), (2, Retry), (3, Reject)]),
        _ => verdict(&[2], &[(1, Reject)]),
    });
    assert_eq!(letters(&world), [(0, "Rejected", 1), (3, "Rejected", 1)]);
    assert_eq!(world.outputs, [1, 2]);
}

#[test]
fn a_retry_of_the_first_record_discards_the_whole_answer() {
    let mut world = World::new(json!({}));
    world.put(2);
    let mut first = true;
    world.run(|_, _| {
        if std::mem::take(&mut first) {
            return verdict(&[77], &[(0, Retry), (1, Reject)]);
        }
        verdict(&[0, 1], &[])
    });
    assert_eq!(
        (world.outputs.clone(), world.letters.len()),
        (vec![0, 1], 0)
    );
}

#[test]
fn only_records_that_are_too_old_are_given_up_and_the_rest_is_delivered() {
    let mut world = World::new(json!({
        "maximum_record_age_in_seconds": 60, "maximum_retry_attempts": 0,
    }));
    world.put(1);
    world.now = world.now.plus(60_000);
    world.put(2);
    let mut exact = World::new(json!({"maximum_record_age_in_seconds": 60}));
    exact.put(1);
    exact.now = exact.now.plus(60_000);
    world.now = world.now.plus(1);
    world.run(|records, _| verdict(records, &[]));
    assert_eq!(letters(&world), [(0, "RecordAgeExceeded", 0)]);
    assert_eq!(world.outputs, [1, 2]);
    exact.run(|records, _| verdict(records, &[]));
    assert_eq!(exact.outputs, [0]);
}

#[test]
fn endless_retries_end_with_the_records_age() {
    let mut world = World::new(json!({"maximum_record_age_in_seconds": 60}));
    world.put(1);
    world.coming = vec![(world.now.0 + 50_000, 1)];
    world.run(|records, _| {
        if records[0] == 0 {
            error()
        } else {
            verdict(records, &[])
        }
    });
    // At 0, .25, .75, 1.75, 3.75, 7.75, 15.75, 31.75 seconds; at 63.75 it is too old.
    assert_eq!(letters(&world), [(0, "RecordAgeExceeded", 8)]);
    assert!(world.letters[0].error.contains("the function failed"));
    assert_eq!(world.outputs, [1]);
}

#[test]
fn what_is_not_the_functions_fault_spends_no_attempt() {
    let mut world = World::new(json!({"maximum_retry_attempts": 0}));
    world.put(1);
    let mut errors = vec![
        InvokeError::Throttled,
        InvokeError::Host("no memory".into()),
    ];
    world.run(|records, attempt| {
        assert_eq!(attempt, 1);
        errors.pop().map_or_else(|| verdict(records, &[]), Err)
    });
    assert_eq!((world.outputs.clone(), world.calls.len()), (vec![0], 3));
}

#[test]
fn a_full_disk_does_not_call_the_function_again() {
    let mut world = World::new(json!({}));
    world.put(2);
    world.fates = vec![Fate::Full; 5];
    world.run(|records, _| verdict(records, &[]));
    assert_eq!((world.calls.len(), world.outputs.clone()), (1, vec![0, 1]));
}

#[test]
fn an_unknown_outcome_is_looked_up() {
    for (fate, calls) in [(Fate::Ambiguous, 1), (Fate::Lost, 2)] {
        let mut world = World::new(json!({}));
        world.put(2);
        world.fates = vec![fate];
        world.run(|records, _| verdict(records, &[]));
        assert_eq!(
            (world.calls.len(), world.outputs.clone()),
            (calls, vec![0, 1]),
            "{fate:?}"
        );
    }
}

#[test]
fn an_output_to_a_missing_stream_is_a_failure_of_the_function() {
    let mut world = World::new(json!({"maximum_retry_attempts": 1}));
    world.put(1);
    world.run(|records, _| {
        let mut answer = verdict(records, &[]);
        if let Ok(Ok(verdict)) = &mut answer {
            verdict.outputs[0].stream = "nowhere".try_into().unwrap();
        }
        answer
    });
    assert_eq!(letters(&world), [(0, "RetryAttemptsExhausted", 2)]);
    assert_eq!(world.letters[0].error, "stream `nowhere` does not exist");
}

#[test]
fn more_state_than_a_commit_takes_is_a_failure_of_the_function() {
    let mut world = World::new(json!({"maximum_retry_attempts": 0}));
    world.put(1);
    world.run(|records, _| {
        let mut answer = verdict(records, &[]);
        if let Ok(Ok(verdict)) = &mut answer {
            verdict.writes = (0..899).map(|i| (format!("k{i}"), None)).collect();
        }
        answer
    });
    assert!(
        world.letters[0].error.contains("901 operations"),
        "{:?}",
        world.letters
    );
}

#[test]
fn records_that_are_given_away_one_by_one_still_fit_into_a_commit() {
    let mut world = World::new(json!({"batch_size": 2000}));
    world.put(2_000);
    world.run(|records, _| {
        let one = |record: &usize| verdict(&[*record], &[]).unwrap().unwrap().outputs;
        let mut answer = verdict(&[], &[]);
        if let Ok(Ok(verdict)) = &mut answer {
            verdict.outputs = records.iter().flat_map(one).collect();
        }
        answer
    });
    assert_eq!(world.outputs, (0..2_000).collect::<Vec<_>>());
    assert_eq!(world.calls.len(), 1);
}

#[test]
fn a_busy_host_is_asked_again_at_the_same_pace() {
    let mut world = World::new(json!({}));
    world.put(1);
    let start = world.now.0;
    let mut left = 4;
    world.run(|records, _| {
        left -= 1;
        match left {
            0 => verdict(records, &[]),
            _ => Err(InvokeError::Throttled),
        }
    });
    let at: Vec<_> = world.calls.iter().map(|call| call.at - start).collect();
    assert_eq!(at, [0, 250, 500, 750]);
}

#[test]
fn giving_up_a_large_batch_takes_several_commits_and_survives_a_crash_between_them() {
    let mut world = World::new(json!({"maximum_retry_attempts": 0, "batch_size": 2000}));
    world.put(1_200);
    world.fates = vec![Fate::CrashAfter];
    let mut function = fails(1);
    assert!(!world.life(&mut function));
    assert_eq!(world.letters.len(), 500);
    world.run(function);
    let given_up: Vec<_> = world.letters.iter().map(|letter| letter.record).collect();
    assert_eq!(given_up, (0..1_200).collect::<Vec<_>>());
    assert!(
        world
            .letters
            .iter()
            .all(|letter| letter.error.contains("the function failed"))
    );
    assert_eq!(world.calls.len(), 1);
}

#[test]
fn a_failing_batch_that_retention_removed_is_passed_over() {
    let mut world = World::new(json!({"batch_size": 2}));
    world.put(2);
    world.put(3);
    // Its first failure is counted, then the host ends.
    world.fates = vec![Fate::CrashAfter];
    assert!(!world.life(&mut fails(1)));
    world.trim();
    world.run(fails(0));
    assert_eq!(
        (world.outputs.clone(), world.letters.len()),
        (vec![2, 3, 4], 0)
    );
    assert_eq!(calls(&world)[1..], [(vec![2, 3], 1), (vec![4], 1)]);
}

/// A lane on a shard that had been split failed without end. When its records expired it waited for
/// others, still before them, and the lanes on the shard's children waited for it.
#[test]
fn a_lane_whose_last_records_retention_removed_stands_at_the_end() {
    let mut world = World::new(json!({}));
    world.put(2);
    let (mut machine, mut action) = world.machine(Share::WHOLE, None);
    let mut function = fails(usize::MAX);
    while world.calls.len() < 3 {
        let event = world.react(action, &mut function).unwrap();
        action = machine.step(world.now, event);
    }
    assert_eq!(machine.checkpoint().next.ordinal(), 0);
    world.trim();
    while let Ok(event) = world.react(action, &mut function) {
        action = machine.step(world.now, event);
    }
    assert_eq!(machine.checkpoint().next.ordinal(), 2);
    assert!(world.outputs.is_empty() && world.letters.is_empty());
}

#[test]
fn what_is_left_of_a_failing_batch_keeps_its_attempts() {
    let mut world = World::new(json!({"batch_size": 3}));
    world.put(1);
    world.put(3);
    world.fates = vec![Fate::CrashAfter];
    assert!(!world.life(&mut fails(1)));
    world.trim();
    world.run(fails(0));
    assert_eq!(calls(&world)[1..], [(vec![1, 2], 2), (vec![3], 1)]);
}

#[test]
fn without_a_place_for_dead_letters_records_are_dropped() {
    let mut world = World::new(json!({"maximum_retry_attempts": 0, "on_failure_stream": null}));
    world.put(2);
    world.run(fails(1));
    assert!(world.letters.is_empty() && world.outputs.is_empty());
    let checkpoint = world.checkpoint().unwrap();
    assert_eq!((checkpoint.next.ordinal(), checkpoint.pending), (2, None));
}
