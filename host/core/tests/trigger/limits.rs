//! Retries and ages at their limits, one below and one above, and clocks that jump.

use millstream_core::{port::Disposition, time::Millis};
use serde_json::json;

use crate::world::{Answer, World, error, verdict};

const YEAR_MS: u64 = 365 * 24 * 3_600_000;

/// A function that fails so many times, then works.
fn fails(times: u32) -> impl FnMut(&[usize], u32) -> Answer {
    let mut left = times;
    move |records, _| {
        if left > 0 {
            left -= 1;
            return error();
        }
        verdict(records, &[])
    }
}

#[test]
fn retries_are_exact_at_every_limit() {
    for limit in (0..=40).chain([10_000]) {
        for failures in [limit.max(1) - 1, limit, limit + 1] {
            for records in [1, 3] {
                let mut world = World::new(json!({"maximum_retry_attempts": limit}));
                world.put(records);
                world.run(fails(failures));
                let calls = world.calls.len() as u32;
                assert_eq!(calls, failures.min(limit) + 1, "{failures} of {limit}");
                let given_up = if failures > limit { records } else { 0 };
                assert_eq!(world.letters.len(), given_up, "{failures} of {limit}");
                assert_eq!(world.outputs.len(), records - given_up);
                let attempts = u64::from(limit) + 1;
                assert!(
                    world
                        .letters
                        .iter()
                        .all(|letter| letter.attempts == attempts)
                );
            }
        }
    }
}

#[test]
fn minus_one_is_endless() {
    let mut world = World::new(json!({"maximum_retry_attempts": -1}));
    world.put(1);
    world.run(fails(5_000));
    assert_eq!((world.calls.len(), world.letters.len()), (5_001, 0));
}

#[test]
fn reports_of_the_first_record_count_as_any_failure() {
    for limit in 0..=10 {
        let mut world = World::new(json!({"maximum_retry_attempts": limit}));
        world.put(3);
        world.run(|records, _| match records[0] {
            1 => verdict(&[], &[(0, Disposition::Retry)]),
            _ => match records.iter().position(|record| *record == 1) {
                Some(at) => verdict(&records[..at], &[(at as u32, Disposition::Retry)]),
                None => verdict(records, &[]),
            },
        });
        let letters: Vec<_> = world
            .letters
            .iter()
            .map(|l| (l.record, l.attempts))
            .collect();
        assert_eq!(letters, [(1, limit + 1)]);
        assert_eq!(world.outputs, [0, 2]);
        // One that is done in part, one for each attempt of what remained, one for what came after.
        assert_eq!(world.calls.len() as u64, limit + 3);
    }
}

#[test]
fn a_record_is_delivered_at_its_age_and_not_a_millisecond_later() {
    for age in [60_u64, 61, 3_600, 604_800] {
        for (waited, is_delivered) in [
            (age * 1000 - 1, true),
            (age * 1000, true),
            (age * 1000 + 1, false),
        ] {
            let mut world = World::new(json!({"maximum_record_age_in_seconds": age}));
            world.put(2);
            world.now = world.now.plus(waited);
            world.run(|records, _| verdict(records, &[]));
            let found = (world.outputs.len(), world.letters.len());
            let expected = if is_delivered { (2, 0) } else { (0, 2) };
            assert_eq!(found, expected, "{waited} ms of {age} s");
        }
    }
}

#[test]
fn a_clock_that_went_back_gives_nothing_up_and_does_not_spin() {
    for back in [1_000, 3_600_000, YEAR_MS] {
        let mut world = World::new(json!({
            "maximum_record_age_in_seconds": 60, "maximum_batching_window_in_seconds": 2,
        }));
        world.now = Millis(2 * YEAR_MS);
        world.put(1);
        world.now = Millis(2 * YEAR_MS - back);
        world.coming = vec![(0, 1)];
        world.run(fails(2));
        assert_eq!((world.outputs.len(), world.letters.len()), (2, 0), "{back}");
        assert!(
            world.calls.len() <= 4 && world.reads < 30,
            "{} reads",
            world.reads
        );
    }
}

#[test]
fn a_clock_that_went_ahead_gives_up_what_is_old_by_it_and_goes_on() {
    let mut world = World::new(json!({"maximum_record_age_in_seconds": 60}));
    world.put(2);
    world.now = world.now.plus(YEAR_MS);
    world.put(1);
    world.run(|records, _| verdict(records, &[]));
    assert_eq!(world.outputs, [2]);
    let given_up: Vec<_> = world
        .letters
        .iter()
        .map(|l| (l.record, l.attempts))
        .collect();
    assert_eq!(given_up, [(0, 0), (1, 0)]);
}
