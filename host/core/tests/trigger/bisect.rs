//! Halving batches that fail as a whole, over every batch and every place of what fails it.

use millstream_core::port::Disposition::{Reject, Retry};
use serde_json::json;

use crate::world::{Answer, Fate, World, error, verdict};

const POISONS: usize = 3;

fn fails_with(poison: &[usize]) -> impl Fn(&[usize], u32) -> Answer {
    move |records, _| match records.iter().any(|record| poison.contains(record)) {
        true => error(),
        false => verdict(records, &[]),
    }
}

fn halving(batch_size: usize, retries: i32) -> World {
    World::new(json!({
        "batch_size": batch_size, "maximum_retry_attempts": retries,
        "bisect_batch_on_function_error": true,
    }))
}

/// All ways to choose at most `count` of the numbers from `from` to `below`.
fn choices(from: usize, below: usize, count: usize, of: &mut impl FnMut(&[usize])) {
    fn go(
        from: usize,
        below: usize,
        left: usize,
        so_far: &mut Vec<usize>,
        of: &mut impl FnMut(&[usize]),
    ) {
        of(so_far);
        if left > 0 {
            for next in from..below {
                so_far.push(next);
                go(next + 1, below, left - 1, so_far, of);
                so_far.pop();
            }
        }
    }
    go(from, below, count, &mut Vec::new(), of);
}

#[test]
fn every_poison_in_every_batch_is_found_and_everything_else_is_delivered_once() {
    // Some 700,000 lives of a lane, on two processors.
    std::thread::scope(|scope| {
        for odd in [0, 1] {
            let sizes = (1..=64).filter(move |size| size % 2 == odd);
            scope.spawn(|| sizes.for_each(every_poison_in_a_batch_of));
        }
    });
}

fn every_poison_in_a_batch_of(size: usize) {
    let fresh = halving(64, 0);
    choices(0, size, POISONS, &mut |poison| {
        let mut world = fresh.clone();
        world.put(size);
        world.run(fails_with(poison));
        let dead: Vec<usize> = world.letters.iter().map(|letter| letter.record).collect();
        assert_eq!(dead, poison, "of {size}");
        let healthy = (0..size).filter(|record| !poison.contains(record));
        assert!(
            world.outputs.iter().copied().eq(healthy),
            "{poison:?} of {size}"
        );
        let depth = size.next_power_of_two().trailing_zeros() as usize;
        let calls = world.calls.len();
        let most = 2 * poison.len() * depth + 1;
        assert!(calls <= most, "{calls} calls for {poison:?} of {size}");
    });
}

#[test]
fn splitting_spends_no_retry_and_a_single_record_has_all_of_them() {
    let mut world = halving(4, 2);
    world.put(4);
    world.run(fails_with(&[2]));
    let calls: Vec<_> = world
        .calls
        .iter()
        .map(|call| (call.records.clone(), call.attempt))
        .collect();
    assert_eq!(
        calls,
        [
            (vec![0, 1, 2, 3], 1),
            (vec![0, 1], 1),
            (vec![2, 3], 1),
            (vec![2], 1),
            (vec![2], 2),
            (vec![2], 3),
            (vec![3], 1),
        ]
    );
    assert_eq!((world.letters[0].record, world.letters[0].attempts), (2, 3));
}

#[test]
fn the_halves_follow_each_other_without_a_rest() {
    let mut world = halving(8, 0);
    world.put(8);
    let start = world.now;
    world.run(fails_with(&[5]));
    assert_eq!(world.now, start);
}

#[test]
fn a_partial_answer_splits_where_it_says_and_a_failure_in_halves() {
    let mut world = halving(8, 0);
    world.put(8);
    world.run(|records, _| match records {
        [0, ..] => verdict(&records[..3], &[(3, Retry)]),
        [3, .., 7] => error(),
        _ => verdict(records, &[]),
    });
    let calls: Vec<_> = world.calls.iter().map(|call| call.records.len()).collect();
    assert_eq!(calls, [8, 5, 3, 2]);
    assert!(world.letters.is_empty());
}

#[test]
fn a_record_that_is_named_is_not_looked_for() {
    let mut world = halving(8, 1);
    world.put(3);
    world.run(|records, _| match records {
        [0, ..] => verdict(&[], &[(0, Retry), (1, Reject)]),
        _ => verdict(records, &[]),
    });
    let calls: Vec<_> = world.calls.iter().map(|call| call.records.len()).collect();
    assert_eq!(calls, [3, 3, 2]);
    assert_eq!((world.letters[0].record, world.letters.len()), (0, 1));
}

#[test]
fn what_is_left_of_a_halved_batch_outlives_a_crash_and_retention() {
    for fate in [
        Fate::CrashAfter,
        Fate::CrashBefore,
        Fate::Ambiguous,
        Fate::Lost,
    ] {
        for at in 0..6 {
            let mut world = halving(8, 0);
            world.put(8);
            world.fates = [vec![Fate::Durable; at], vec![fate]].concat();
            world.run(fails_with(&[1, 6]));
            assert_eq!(world.outputs, [0, 2, 3, 4, 5, 7], "{fate:?} at {at}");
            let dead: Vec<usize> = world.letters.iter().map(|letter| letter.record).collect();
            assert_eq!(dead, [1, 6], "{fate:?} at {at}");
        }
    }
}
