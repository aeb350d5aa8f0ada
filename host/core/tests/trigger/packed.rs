//! Aggregated records: the function gets what they hold, everything else stays about whole records.

use std::{cell::RefCell, collections::BTreeMap};

use millstream_core::{
    limit,
    port::Disposition::{Reject, Retry},
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::world::{Answer, Fate, World, error, verdict};

fn world(settings: Value) -> World {
    let mut all = json!({"unpack_aggregated_records": true});
    for (name, value) in settings.as_object().unwrap() {
        all[name] = value.clone();
    }
    World::new(all)
}

fn calls(world: &World) -> Vec<(Vec<usize>, u32)> {
    let calls = world.calls.iter();
    calls.map(|c| (c.records.clone(), c.attempt)).collect()
}

/// Stops at `poison` each time that it is asked for it.
fn stops_at(poison: usize) -> impl FnMut(&[usize], u32) -> Answer {
    move |records, _| match records.iter().position(|&record| record == poison) {
        Some(at) => verdict(&records[..at], &[(at as u32, Retry)]),
        None => verdict(records, &[]),
    }
}

#[test]
fn the_function_gets_what_is_packed() {
    let mut world = world(json!({}));
    world.put(1);
    world.put_packed(&[3, 1]);
    world.put(1);
    world.run(|records, _| verdict(records, &[]));
    assert_eq!(calls(&world), [((0..6).collect(), 1)]);
    assert_eq!(world.outputs, [0, 1, 2, 3, 4, 5]);
    assert_eq!(world.checkpoint().unwrap().next.ordinal(), 4);
}

#[test]
fn a_stop_within_a_record_commits_what_is_before_the_record() {
    let mut world = world(json!({"maximum_retry_attempts": 1}));
    world.put_packed(&[2, 3]);
    world.put(1);
    world.run(stops_at(3));
    assert_eq!(
        calls(&world),
        [
            (vec![0, 1, 2, 3, 4, 5], 1),
            // Without the record that could be done in part only.
            (vec![0, 1], 1),
            (vec![2, 3, 4, 5], 1),
            (vec![2, 3, 4, 5], 2),
            (vec![5], 1),
        ]
    );
    assert_eq!(world.outputs, [0, 1, 5]);
    let [letter] = &world.letters[..] else {
        panic!("{:?}", world.letters);
    };
    assert_eq!((letter.record, letter.attempts), (2, 2));
    assert_eq!(letter.reason, "RetryAttemptsExhausted");
    assert_eq!(letter.error, "user record 1 of 3: record 1 failed");
}

#[test]
fn a_function_that_stops_elsewhere_each_time_gets_the_first_record_alone() {
    let mut world = world(json!({}));
    world.put_packed(&[2, 2, 2, 2]);
    let mut stops = vec![7, 5].into_iter();
    world.run(|records, _| match stops.next() {
        Some(stop) => verdict(&records[..stop], &[(stop as u32, Retry)]),
        None => verdict(records, &[]),
    });
    let given: Vec<_> = world.calls.iter().map(|call| call.records.len()).collect();
    assert_eq!(given, [8, 6, 2, 6]);
    assert_eq!(world.outputs, [0, 1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn a_rejected_user_record_costs_its_record_once_and_nothing_else() {
    let mut world = world(json!({}));
    world.put_packed(&[3, 2]);
    world.run(|records, _| {
        verdict(
            &[records[0], records[4]],
            &[(1, Reject), (2, Reject), (3, Reject)],
        )
    });
    assert_eq!(world.outputs, [0, 4]);
    let letters: Vec<_> = world
        .letters
        .iter()
        .map(|letter| (letter.record, letter.reason.as_str(), letter.error.as_str()))
        .collect();
    assert_eq!(
        letters,
        [
            (0, "Rejected", "user record 1 of 3: record 1 failed"),
            (3, "Rejected", "user record 0 of 2: record 3 failed"),
        ]
    );
}

#[test]
fn records_that_a_call_has_no_room_for_are_not_blamed_for_it() {
    let half = limit::BATCH_RECORDS_MAX as usize / 2 + 1;
    let mut world = world(json!({"maximum_retry_attempts": 0}));
    world.put_packed(&[half, half]);
    world.run(|records, _| match records[0] {
        0 => error(),
        _ => verdict(records, &[]),
    });
    let given: Vec<_> = world.calls.iter().map(|call| call.records.len()).collect();
    assert_eq!(given, [half, half]);
    let letters: Vec<_> = world.letters.iter().map(|letter| letter.record).collect();
    assert_eq!(letters, [0]);
    assert_eq!(world.outputs, (half..2 * half).collect::<Vec<_>>());
}

fn any_fate() -> impl Strategy<Value = Fate> {
    prop::sample::select(vec![
        Fate::Durable,
        Fate::Full,
        Fate::Ambiguous,
        Fate::Lost,
        Fate::CrashAfter,
        Fate::CrashBefore,
    ])
}

proptest! {
    #[test]
    fn every_user_record_takes_effect_once_and_in_order(
        puts in prop::collection::vec(prop::collection::vec(1usize..5, 1..5), 1..5),
        // Which user records stop the function, and how often.
        stops in prop::collection::btree_map(0usize..60, 1u32..4, 0..6),
        fates in prop::collection::vec(any_fate(), 0..12),
        batch_size in 1u32..8,
    ) {
        let mut world = world(json!({"batch_size": batch_size}));
        for users in &puts {
            world.put_packed(users);
        }
        world.fates = fates;
        let stops: RefCell<BTreeMap<usize, u32>> = RefCell::new(stops);
        world.run(|records, _| {
            let mut stops = stops.borrow_mut();
            let stop = records.iter().position(|record| stops.get(record).is_some_and(|&n| n > 0));
            match stop {
                Some(at) => {
                    *stops.get_mut(&records[at]).unwrap() -= 1;
                    verdict(&records[..at], &[(at as u32, Retry)])
                }
                None => verdict(records, &[]),
            }
        });
        let users: usize = puts.concat().iter().sum();
        prop_assert_eq!(&world.outputs, &(0..users).collect::<Vec<_>>());
        prop_assert!(world.letters.is_empty());
    }
}
