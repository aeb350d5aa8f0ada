//! Tumbling windows: of which one a batch is, what is handed on, and when one is closed.

use millstream_core::limit;
use serde_json::{Value, json};

use crate::world::World;

/// A window of a minute that began 40 seconds before the world did, and ends 20 seconds after.
const END: u64 = 1_020_000;

fn world(settings: Value) -> World {
    let mut all = json!({"tumbling_window_in_seconds": 60});
    for (name, value) in settings.as_object().unwrap() {
        all[name] = value.clone();
    }
    World::of_events(all)
}

/// The numbers that are in the event's records.
pub(crate) fn numbers(event: &Value) -> Vec<u64> {
    let number = |record: &Value| {
        let data = record["kinesis"]["data"].as_str().unwrap();
        let data = base64_simd::STANDARD.decode_to_vec(data).unwrap();
        let text = String::from_utf8(data).unwrap();
        text.trim_end().parse().unwrap()
    };
    event["Records"]
        .as_array()
        .unwrap()
        .iter()
        .map(number)
        .collect()
}

/// What a function that sums up its records answers; it tells the sum of each window.
pub(crate) fn sum(event: &Value) -> Value {
    let before = &event["state"];
    let count = |name: &str| before[name].as_u64().unwrap_or(0);
    let numbers = numbers(event);
    let state = json!({
        "n": count("n") + numbers.len() as u64, "sum": count("sum") + numbers.iter().sum::<u64>(),
    });
    let mut answer = json!({ "state": state });
    if event["isFinalInvokeForWindow"] == true {
        let told = json!({"start": event["window"]["start"], "state": state});
        let data = base64_simd::STANDARD.encode_to_string(told.to_string());
        answer["putRecords"] =
            json!([{"StreamName": "out", "Records": [{"PartitionKey": "k", "Data": data}]}]);
    }
    answer
}

/// Runs the world with `function`; what it was called with, in short: the second at which its window
/// ends, how many records were done before, its records, and whether it is the last call, or an early
/// one.
fn run(world: &mut World, mut function: impl FnMut(&Value) -> Value) -> Vec<Called> {
    let mut calls = Vec::new();
    world.run_events(|event| {
        let flag = |name: &str| event[name].as_bool().unwrap();
        let end: jiff::Timestamp = event["window"]["end"].as_str().unwrap().parse().unwrap();
        assert_eq!(event["shardId"], "shardId-000000000000");
        calls.push(Called {
            end: end.as_second(),
            before: event["state"]["n"].as_u64(),
            records: numbers(event),
            is_final: flag("isFinalInvokeForWindow"),
            is_early: flag("isWindowTerminatedEarly"),
        });
        function(event).to_string()
    });
    calls
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Called {
    end: i64,
    before: Option<u64>,
    records: Vec<u64>,
    is_final: bool,
    is_early: bool,
}

fn called(end: i64, before: impl Into<Option<u64>>, records: &[u64]) -> Called {
    Called {
        end,
        before: before.into(),
        records: records.to_vec(),
        is_final: false,
        is_early: false,
    }
}

fn last(call: Called) -> Called {
    Called {
        is_final: true,
        ..call
    }
}

fn early(call: Called) -> Called {
    Called {
        is_early: true,
        ..last(call)
    }
}

#[test]
fn a_state_is_handed_on_within_its_window_and_no_batch_spans_two() {
    let mut world = world(json!({"batch_size": 2}));
    world.coming = vec![
        (1_000_001, 3),
        (1_019_999, 2),
        (1_020_000, 1),
        (1_200_000, 1),
    ];
    world.put(1);
    let calls = run(&mut world, sum);
    assert_eq!(
        calls,
        [
            called(1_020, None, &[0]),
            called(1_020, 1, &[1, 2]),
            called(1_020, 3, &[3]),
            called(1_020, 4, &[4, 5]),
            last(called(1_020, 6, &[])),
            called(1_080, None, &[6]),
            last(called(1_080, 1, &[])),
            called(1_260, None, &[7]),
            last(called(1_260, 1, &[])),
        ]
    );
    let sums: Vec<_> = world
        .told
        .iter()
        .map(|told| told["state"]["sum"].clone())
        .collect();
    assert_eq!(sums, [15, 6, 7]);
    assert_eq!(world.checkpoint().unwrap().window, None);
}

#[test]
fn the_last_records_close_their_window_where_it_is_seen_to_be_over() {
    let mut world = world(json!({}));
    world.put(3);
    world.now = millstream_core::time::Millis(END);
    world.put(2);
    let calls = run(&mut world, sum);
    let expected = [
        last(called(1_020, None, &[0, 1, 2])),
        called(1_080, None, &[3, 4]),
        last(called(1_080, 2, &[])),
    ];
    assert_eq!(calls, expected);
}

#[test]
fn a_window_waits_two_minutes_for_late_records() {
    let mut world = world(json!({}));
    world.put(1);
    let mut closed = 0;
    world.run_events(|event| sum(event).to_string());
    for call in &world.calls {
        if call.records.is_empty() {
            closed = call.at;
        }
    }
    assert_eq!(closed, END + 120_000);
}

#[test]
fn the_end_of_a_shard_closes_its_window() {
    let mut world = world(json!({}));
    world.put(2);
    world.close_shard();
    let calls = run(&mut world, sum);
    let expected = [called(1_020, None, &[0, 1]), last(called(1_020, 2, &[]))];
    assert_eq!(calls, expected);
    assert_eq!(world.now.0, 1_000_000);
}

#[test]
fn an_answer_without_a_state_is_a_failure() {
    let mut world = world(json!({"batch_size": 2, "maximum_retry_attempts": 1}));
    world.put(4);
    world.close_shard();
    let calls = run(&mut world, |event| {
        let poison = numbers(event).contains(&2);
        if poison { json!({}) } else { sum(event) }
    });
    // What is given up leaves the window and its state as they were.
    let expected = [
        called(1_020, None, &[0, 1]),
        called(1_020, 2, &[2, 3]),
        called(1_020, 2, &[2, 3]),
        last(called(1_020, 2, &[])),
    ];
    assert_eq!(calls, expected);
    let letters: Vec<_> = world
        .letters
        .iter()
        .map(|l| (l.record, l.attempts))
        .collect();
    assert_eq!(letters, [(2, 2), (3, 2)]);
    assert!(world.letters[0].error.contains("`state`"));
}

#[test]
fn a_failing_last_call_is_tried_again_with_attempts_of_its_own_and_holds_the_shard_up() {
    let mut world = world(json!({"maximum_retry_attempts": 2}));
    world.put(2);
    world.coming = vec![(END + 5_000, 1)];
    let mut left = 2;
    let calls = run(&mut world, |event| {
        if event["isFinalInvokeForWindow"] == true && left > 0 {
            left -= 1;
            return json!(null);
        }
        sum(event)
    });
    assert_eq!(calls[1..4], vec![last(called(1_020, 2, &[])); 3]);
    assert_eq!(calls[4], called(1_080, None, &[2]));
    let attempts: Vec<_> = world.calls.iter().map(|call| call.attempt).collect();
    assert_eq!(attempts[..5], [1, 1, 2, 3, 1]);
    assert_eq!(world.told.len(), 2);
}

#[test]
fn a_window_whose_last_call_fails_too_often_is_given_up_and_the_shard_goes_on() {
    let mut world = world(json!({"maximum_retry_attempts": 1}));
    world.put(2);
    world.coming = vec![(END + 5_000, 1)];
    let calls = run(&mut world, |event| {
        let is_first = event["window"]["end"] == "1970-01-01T00:17:00Z";
        match event["isFinalInvokeForWindow"] == true && is_first {
            true => json!(null),
            false => sum(event),
        }
    });
    let closing = last(called(1_020, 2, &[]));
    let next = [called(1_080, None, &[2]), last(called(1_080, 1, &[]))];
    assert_eq!(calls[1..], [vec![closing; 2], next.to_vec()].concat());
    assert_eq!(world.told.len(), 1);
    // The error of the window that was given up is no longer told.
    assert_eq!(world.checkpoint().unwrap().error(), None);
}

#[test]
fn a_state_of_more_than_a_megabyte_ends_its_window_early() {
    let mut world = world(json!({"batch_size": 1}));
    world.put(3);
    world.close_shard();
    let calls = run(&mut world, |event| {
        let mut answer = sum(event);
        if numbers(event) == [1] {
            let state = "x".repeat(limit::WINDOW_STATE_BYTES);
            answer["state"]["filler"] = state.into();
        }
        answer
    });
    let expected = [
        called(1_020, None, &[0]),
        called(1_020, 1, &[1]),
        early(called(1_020, 2, &[])),
        called(1_020, None, &[2]),
        last(called(1_020, 1, &[])),
    ];
    assert_eq!(calls, expected);
}

#[test]
fn a_record_that_has_no_room_beside_the_state_begins_the_window_anew() {
    let mut world = world(json!({"batch_size": 1}));
    world.put(1);
    world.put_sized(&[4_200_000]);
    world.close_shard();
    let calls = run(&mut world, |event| {
        let mut answer = sum(event);
        if numbers(event) == [0] {
            answer["state"]["filler"] = "x".repeat(1_000_000).into();
        }
        answer
    });
    let expected = [
        called(1_020, None, &[0]),
        early(called(1_020, 1, &[])),
        called(1_020, None, &[1]),
        last(called(1_020, 1, &[])),
    ];
    assert_eq!(calls, expected);
    assert!(world.letters.is_empty());
}

#[test]
fn a_report_keeps_the_state_of_what_is_done() {
    let mut world = world(json!({
        "maximum_retry_attempts": 1, "function_response_types": ["ReportBatchItemFailures"],
    }));
    world.put(4);
    world.now = millstream_core::time::Millis(END);
    world.put(1);
    world.close_shard();
    let mut is_first = true;
    let calls = run(&mut world, |event| {
        if !std::mem::take(&mut is_first) {
            return sum(event);
        }
        let mut done = event.clone();
        done["Records"].as_array_mut().unwrap().truncate(3);
        done["isFinalInvokeForWindow"] = false.into();
        let mut answer = sum(&done);
        let failed = &event["Records"][3]["kinesis"]["sequenceNumber"];
        answer["batchItemFailures"] = json!([{"itemIdentifier": failed}]);
        answer
    });
    let expected = [
        last(called(1_020, None, &[0, 1, 2, 3])),
        // It is known still that the window ends there.
        last(called(1_020, 3, &[3])),
        called(1_080, None, &[4]),
        last(called(1_080, 1, &[])),
    ];
    assert_eq!(calls, expected);
}

#[test]
fn halves_are_summed_up_in_their_order_and_the_right_one_closes_the_window() {
    let mut world = world(json!({"bisect_batch_on_function_error": true}));
    world.put(4);
    world.now = millstream_core::time::Millis(END);
    world.put(1);
    world.close_shard();
    let calls = run(&mut world, |event| match numbers(event).len() {
        4 => json!(null),
        _ => sum(event),
    });
    let expected = [
        last(called(1_020, None, &[0, 1, 2, 3])),
        called(1_020, None, &[0, 1]),
        last(called(1_020, 2, &[2, 3])),
    ];
    assert_eq!(calls[..3], expected);
}

#[test]
fn windows_that_are_set_aside_end_early() {
    let mut world = world(json!({}));
    world.put(2);
    let mut function = |event: &Value| sum(event).to_string();
    world.coming = vec![(1_000_001, 1)];
    // The host ends before the second batch is durable.
    world.fates = vec![crate::world::Fate::Durable, crate::world::Fate::CrashBefore];
    world.run_events_once(&mut function);
    assert!(world.checkpoint().unwrap().window.is_some());
    world.tumble(0);
    let mut events = Vec::new();
    world.run_events(|event| {
        events.push(event.clone());
        sum(event).to_string()
    });
    assert_eq!(numbers(&events[0]), [0_u64; 0]);
    assert_eq!(events[0]["isWindowTerminatedEarly"], true);
    assert_eq!(
        (numbers(&events[1]), events[1].get("window")),
        (vec![2], None)
    );
    assert_eq!(world.told.len(), 1);
}

#[test]
fn a_later_record_closes_the_window_though_it_is_filtered_out() {
    let mut world = world(json!({
        "filter_criteria": {"filters": [{"pattern": {"partitionKey": [{"anything-but": "k2"}]}}]},
    }));
    world.put(2);
    world.coming = vec![(END + 1, 1)];
    let calls = run(&mut world, sum);
    let expected = [called(1_020, None, &[0, 1]), last(called(1_020, 2, &[]))];
    assert_eq!(calls, expected);
    assert_eq!(world.calls[1].at, END + 1);
    assert_eq!(world.filtered, 1);
}
