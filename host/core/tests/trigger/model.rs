//! For any records, function, settings, failing commits and crashes: each record has its effect
//! exactly once, in order, or is a dead letter for a reason that is true.

use std::collections::BTreeMap;

use millstream_core::port::{Disposition, InvokeError};
use proptest::prelude::*;
use serde_json::json;

use crate::world::{Answer, Fate, World, error, verdict};

/// What a function does with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Fine,
    Rejected,
    /// Retry, so many times.
    Retried(u32),
    /// Fails the whole batch, so many times.
    Poison(u32),
    /// Makes the host unable to call, so many times.
    Uncallable(u32),
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        6 => Just(Kind::Fine),
        1 => Just(Kind::Rejected),
        1 => (1u32..5).prop_map(Kind::Retried),
        1 => (1u32..5).prop_map(Kind::Poison),
        1 => (1u32..3).prop_map(Kind::Uncallable),
    ]
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        4 => Just(Fate::Durable),
        1 => Just(Fate::Full),
        1 => Just(Fate::Ambiguous),
        1 => Just(Fate::Lost),
        1 => Just(Fate::CrashAfter),
        1 => Just(Fate::CrashBefore),
    ]
}

fn call(kinds: &[Kind], tries: &mut BTreeMap<usize, u32>, records: &[usize]) -> Answer {
    let mut spent = |record: usize, times: u32| {
        let tried = tries.entry(record).or_default();
        *tried += 1;
        *tried > times
    };
    let (mut done, mut failures) = (Vec::new(), Vec::new());
    for (&record, index) in records.iter().zip(0..) {
        match kinds[record % kinds.len()] {
            Kind::Rejected => failures.push((index, Disposition::Reject)),
            Kind::Retried(times) if !spent(record, times) => {
                failures.push((index, Disposition::Retry));
                break;
            }
            Kind::Poison(times) if !spent(record, times) => return error(),
            Kind::Uncallable(times) if !spent(record, times) => {
                return Err(InvokeError::Throttled);
            }
            _ => done.push(record),
        }
    }
    verdict(&done, &failures)
}

fn settings() -> impl Strategy<Value = (serde_json::Value, Option<u32>)> {
    let retries = prop::option::of(0u32..4);
    let age = prop::bool::weighted(0.3);
    (1u32..7, 0u32..3, retries, age, any::<bool>()).prop_map(
        |(size, window, retries, age, bisect)| {
            let settings = json!({
                "batch_size": size,
                "maximum_batching_window_in_seconds": window,
                "maximum_retry_attempts": retries.map_or(-1, |n| n as i32),
                "maximum_record_age_in_seconds": if age { 60 } else { -1 },
                "bisect_batch_on_function_error": bisect,
            });
            (settings, retries)
        },
    )
}

/// A filter for every other record.
fn even() -> serde_json::Value {
    let digits = ["0", "2", "4", "6", "8"].map(|digit| json!({"suffix": digit}));
    json!({"partitionKey": digits})
}

fn rises(records: &[usize]) -> bool {
    records.windows(2).all(|pair| pair[0] < pair[1])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn every_record_counts_exactly_once(
        (settings, retries) in settings(),
        kinds in prop::collection::vec(kind(), 1..25),
        puts in prop::collection::vec((0u64..40_000, 1usize..8), 1..8),
        fates in prop::collection::vec(fate(), 0..25),
        short_reads: bool,
        only_even in prop::bool::weighted(0.5),
    ) {
        let mut world = World::new(settings.clone());
        if only_even {
            world.filter(&[even()]);
        }
        let calm = fates.is_empty();
        world.short_reads = short_reads;
        world.fates = fates;
        let mut at = world.now.0;
        for (gap, records) in puts {
            at += gap;
            world.coming.push((at, records));
        }
        let mut tries = BTreeMap::new();
        world.run(|records, _| call(&kinds, &mut tries, records));

        let given_up: Vec<usize> = world.letters.iter().map(|letter| letter.record).collect();
        prop_assert!(rises(&world.outputs), "{:?}", world.outputs);
        prop_assert!(rises(&given_up), "{:?}", given_up);
        let mut all = [world.outputs.clone(), given_up].concat();
        all.sort_unstable();
        let wanted = |record: &usize| !only_even || record.is_multiple_of(2);
        prop_assert_eq!(all, (0..world.records()).filter(wanted).collect::<Vec<_>>());
        // In the end the lane has passed all, and says so durably.
        let passed = world.checkpoint().unwrap().next.ordinal();
        prop_assert_eq!(passed, world.records() as u64);
        if calm {
            let left_out = (0..world.records()).filter(|record| !wanted(record)).count();
            prop_assert_eq!(world.filtered, left_out as u64);
        }

        let may_age = settings["maximum_record_age_in_seconds"] == 60;
        for letter in &world.letters {
            let kind = kinds[letter.record % kinds.len()];
            match letter.reason.as_str() {
                "Rejected" => prop_assert_eq!(kind, Kind::Rejected),
                "RecordAgeExceeded" => prop_assert!(may_age),
                _ => prop_assert_eq!(Some(letter.attempts), retries.map(|n| u64::from(n) + 1)),
            }
        }
        if let Some(retries) = retries {
            prop_assert!(world.calls.iter().all(|call| call.attempt <= retries + 1));
        }
        let size = settings["batch_size"].as_u64().unwrap() as usize;
        prop_assert!(world.calls.iter().all(|call| (1..=size).contains(&call.records.len())));
    }

    #[test]
    fn enough_attempts_leave_only_what_was_rejected(
        batch_size in 1u32..7,
        kinds in prop::collection::vec(kind(), 1..25),
        records in 1usize..40,
    ) {
        // A batch may hold several records that fail it four times each.
        let mut world = World::new(json!({"batch_size": batch_size, "maximum_retry_attempts": 28}));
        world.put(records);
        let mut tries = BTreeMap::new();
        world.run(|records, _| call(&kinds, &mut tries, records));
        let rejected = |record: &usize| kinds[record % kinds.len()] == Kind::Rejected;
        let letters: Vec<usize> = world.letters.iter().map(|letter| letter.record).collect();
        prop_assert_eq!(letters, (0..records).filter(rejected).collect::<Vec<_>>());
    }
}
