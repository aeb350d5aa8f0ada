//! Functions that take events: what their answers make of a batch, and that a batch is one event.

use millstream_core::limit;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::world::{Fate, World};

/// A trigger whose function reports failures, besides `settings`.
fn world(settings: Value) -> World {
    let mut all = json!({"function_response_types": ["ReportBatchItemFailures"]});
    for (name, value) in settings.as_object().unwrap() {
        all[name] = value.clone();
    }
    World::of_events(all)
}

fn calls(world: &World) -> Vec<(Vec<usize>, u32)> {
    let calls = world.calls.iter();
    calls.map(|c| (c.records.clone(), c.attempt)).collect()
}

fn letters(world: &World) -> Vec<(usize, &str, u64)> {
    let letters = world.letters.iter();
    letters
        .map(|letter| (letter.record, letter.reason.as_str(), letter.attempts))
        .collect()
}

/// The number that is in a record of an event.
fn number(record: &Value) -> usize {
    let data = record["kinesis"]["data"].as_str().unwrap();
    let data = base64_simd::STANDARD.decode_to_vec(data).unwrap();
    String::from_utf8(data).unwrap().trim_end().parse().unwrap()
}

/// The answer that reports those records of the event that are among `poisons`.
fn reports(event: &Value, poisons: &[usize]) -> String {
    let records = event["Records"].as_array().unwrap().iter();
    let failed = records.filter(|record| poisons.contains(&number(record)));
    let item = |record: &Value| json!({"itemIdentifier": record["kinesis"]["sequenceNumber"]});
    json!({"batchItemFailures": failed.map(item).collect::<Vec<_>>()}).to_string()
}

#[test]
fn partial_progress_begins_a_new_batch_that_is_tried_as_often_as_any() {
    let mut world = world(json!({"batch_size": 3, "maximum_retry_attempts": 3}));
    world.put(6);
    world.run_events(|event| reports(event, &[5]));
    assert_eq!(
        calls(&world),
        [
            (vec![0, 1, 2], 1),
            (vec![3, 4, 5], 1),
            (vec![5], 1),
            (vec![5], 2),
            (vec![5], 3),
            (vec![5], 4),
        ]
    );
    assert_eq!(letters(&world), [(5, "RetryAttemptsExhausted", 4)]);
}

#[test]
fn the_lowest_reported_record_is_where_the_batch_is_cut() {
    let mut world = world(json!({"maximum_retry_attempts": 1}));
    world.put(6);
    world.run_events(|event| reports(event, &[4, 2]));
    assert_eq!(
        calls(&world),
        [
            (vec![0, 1, 2, 3, 4, 5], 1),
            (vec![2, 3, 4, 5], 1),
            (vec![2, 3, 4, 5], 2),
            // The record that was reported is given up, and what comes after it is not.
            (vec![3, 4, 5], 1),
            (vec![4, 5], 1),
            (vec![4, 5], 2),
            (vec![5], 1),
        ]
    );
    let expected = [
        (2, "RetryAttemptsExhausted", 2),
        (4, "RetryAttemptsExhausted", 2),
    ];
    assert_eq!(letters(&world), expected);
    assert!(world.letters[0].error.contains("batchItemFailures"));
}

#[test]
fn an_answer_that_names_no_record_of_the_batch_fails_all_of_it() {
    for entry in [
        json!({"itemIdentifier": ""}),
        json!({"itemIdentifier": null}),
        json!({"itemIdentifier": "123"}),
        json!({"foo": 123}),
        json!({"foo": null}),
    ] {
        let mut world = world(json!({"maximum_retry_attempts": 2}));
        world.put(2);
        world.run_events(|_| json!({"batchItemFailures": [entry]}).to_string());
        assert_eq!(
            calls(&world),
            [(vec![0, 1], 1), (vec![0, 1], 2), (vec![0, 1], 3)]
        );
        let exhausted = "RetryAttemptsExhausted";
        assert_eq!(
            letters(&world),
            [(0, exhausted, 3), (1, exhausted, 3)],
            "{entry}"
        );
    }
}

#[test]
fn without_the_setting_an_answer_changes_nothing() {
    let mut world = World::of_events(json!({"maximum_retry_attempts": 0}));
    world.put(3);
    world.run_events(|event| reports(event, &[1]));
    assert_eq!(calls(&world), [(vec![0, 1, 2], 1)]);
    assert!(world.letters.is_empty());
    assert_eq!(world.checkpoint().unwrap().next.ordinal(), 3);
}

#[test]
fn with_bisecting_a_report_cuts_where_it_says_and_an_invalid_answer_halves() {
    let settings = json!({"maximum_retry_attempts": 0, "bisect_batch_on_function_error": true});
    let mut reported = world(settings.clone());
    reported.put(4);
    reported.run_events(|event| reports(event, &[1]));
    let expected = [(vec![0, 1, 2, 3], 1), (vec![1, 2, 3], 1), (vec![2, 3], 1)];
    assert_eq!(calls(&reported), expected);
    assert_eq!(letters(&reported), [(1, "RetryAttemptsExhausted", 1)]);

    let mut invalid = world(settings);
    invalid.put(4);
    invalid.run_events(|event| {
        let has_poison = reports(event, &[1]).contains("itemIdentifier");
        if has_poison {
            "oh".to_owned()
        } else {
            "{}".to_owned()
        }
    });
    let expected = [
        (vec![0, 1, 2, 3], 1),
        (vec![0, 1], 1),
        (vec![0], 1),
        (vec![1], 1),
        (vec![2, 3], 1),
    ];
    assert_eq!(calls(&invalid), expected);
    assert_eq!(letters(&invalid), [(1, "RetryAttemptsExhausted", 1)]);
}

#[test]
fn a_batch_ends_before_the_record_that_its_event_has_no_room_for() {
    // Three of these have 4.5 MB, which a batch may have; in base64 they are more than an event's.
    let third = limit::BATCH_BYTES / 3 - 1;
    let mut world = world(json!({}));
    world.put_sized(&[third; 4]);
    let mut sizes = Vec::new();
    world.run_events(|event| {
        sizes.push(event.to_string().len());
        String::new()
    });
    let given: Vec<_> = world.calls.iter().map(|call| call.records.len()).collect();
    assert_eq!(given, [2, 2]);
    assert!(
        sizes.iter().all(|&size| size <= limit::EVENT_BYTES),
        "{sizes:?}"
    );
}

#[test]
fn many_small_records_are_cut_to_events_too() {
    let mut world = world(json!({"batch_size": 10_000}));
    world.put_sized(&[100; 10_000]);
    let mut events = 0;
    world.run_events(|event| {
        events += 1;
        // The parser's order of keys is another one, of the same length.
        assert!(event.to_string().len() <= limit::EVENT_BYTES);
        "null".to_owned()
    });
    assert_eq!(events, 2);
    let all: Vec<_> = world
        .calls
        .iter()
        .flat_map(|call| call.records.clone())
        .collect();
    assert_eq!(all, (0..10_000).collect::<Vec<_>>());
}

#[test]
fn a_record_that_no_event_has_room_for_is_given_up_and_the_lane_goes_on() {
    let mut world = world(json!({"batch_size": 10}));
    world.put_sized(&[10, limit::EVENT_BYTES, 10, limit::RECORD_BYTES_MAX, 10]);
    world.run_events(|_| "{}".to_owned());
    assert_eq!(calls(&world), [(vec![0], 1), (vec![2], 1), (vec![4], 1)]);
    let given_up = [
        (1, "PayloadLimitExceeded", 0),
        (3, "PayloadLimitExceeded", 0),
    ];
    assert_eq!(letters(&world), given_up);
    assert!(
        world.letters[0].error.contains("6291556 bytes"),
        "{:?}",
        world.letters
    );
    assert_eq!(world.checkpoint().unwrap().next.ordinal(), 5);
}

#[test]
fn unpacked_records_fit_into_events_as_well() {
    let mut world = world(json!({"unpack_aggregated_records": true, "batch_size": 100}));
    // Some 500 bytes of event each.
    world.put_packed(&[5_000, 5_000, 5_000]);
    let mut sizes = Vec::new();
    world.run_events(|event| {
        assert!(event.to_string().len() <= limit::EVENT_BYTES);
        sizes.push(event["Records"].as_array().unwrap().len());
        String::new()
    });
    assert_eq!(sizes, [10_000, 5_000]);
    let number = |call: usize, at: usize| world.calls[call].records[at];
    assert_eq!((number(0, 9_999), number(1, 0)), (9_999, 10_000));
}

#[test]
fn a_reported_user_record_means_the_record_that_holds_it() {
    let mut world = world(json!({
        "unpack_aggregated_records": true, "maximum_retry_attempts": 0,
    }));
    world.put_packed(&[2, 3, 1]);
    world.run_events(|event| reports(event, &[3]));
    let expected = [
        (vec![0, 1, 2, 3, 4, 5], 1),
        (vec![2, 3, 4, 5], 1),
        (vec![5], 1),
    ];
    assert_eq!(calls(&world), expected);
    assert_eq!(letters(&world), [(2, "RetryAttemptsExhausted", 1)]);
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
    /// Whatever becomes of commits, each poison is given up once and nothing else is.
    #[test]
    fn exactly_the_poisons_are_given_up(
        puts in prop::collection::vec(1usize..6, 1..5),
        poisons in prop::collection::btree_set(0usize..24, 0..6),
        fates in prop::collection::vec(any_fate(), 0..12),
        batch_size in 1u32..8,
        retries in 0i32..3,
        bisect in any::<bool>(),
    ) {
        let mut world = world(json!({
            "batch_size": batch_size, "maximum_retry_attempts": retries,
            "bisect_batch_on_function_error": bisect,
        }));
        for &records in &puts {
            world.put(records);
        }
        world.fates = fates;
        let poisons: Vec<usize> = poisons.into_iter().collect();
        world.run_events(|event| reports(event, &poisons));
        let put = world.records();
        let given_up: Vec<_> = world.letters.iter().map(|letter| letter.record).collect();
        let expected: Vec<_> = poisons.into_iter().filter(|&poison| poison < put).collect();
        prop_assert_eq!(given_up, expected);
        prop_assert_eq!(world.checkpoint().unwrap().next.ordinal(), put as u64);
    }
}
