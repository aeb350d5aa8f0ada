//! FilterLogEvents: which lines, in which order, page by page, and as followers poll it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::client::{STREAM, call, logged, messages, of_group, own, version_logged};
use crate::{model::START, native::world::World};

async fn filter(world: &World, more: Value) -> Value {
    call(world, "FilterLogEvents", of_group(more)).await.ok()
}

#[tokio::test]
async fn a_call_has_lambdas_lines_around_its_own() {
    let world = World::with_function("f").await;
    logged(&world, "f", 5, &["one", ""]).await;
    let answer = filter(&world, json!({})).await;
    let id = "00000000-0000-4000-8000-000000000005";
    let expected = [
        format!("START RequestId: {id} Version: $LATEST"),
        "one".to_owned(),
        String::new(),
        format!("END RequestId: {id}"),
        format!(
            "REPORT RequestId: {id}\tDuration: 0.00 ms\tBilled Duration: 0 ms\t\
             Memory Size: 128 MB\tMax Memory Used: 0 MB\t"
        ),
    ];
    assert_eq!(messages(&answer), expected);
    assert_eq!(answer["searchedLogStreams"], json!([]));
    assert_eq!(answer.get("nextToken"), None);
    let mut ids = BTreeSet::new();
    for event in answer["events"].as_array().unwrap() {
        assert_eq!(event["logStreamName"], STREAM);
        assert_eq!(event["timestamp"], START.plus(5).0);
        assert_eq!(event["ingestionTime"], START.plus(5).0);
        assert!(ids.insert(event["eventId"].as_str().unwrap().to_owned()));
    }
    assert_eq!(ids.len(), 5);
}

#[tokio::test]
async fn both_ends_of_a_range_of_time_belong_to_it() {
    let world = World::with_function("f").await;
    for (at, line) in [(5, "a"), (6, "b"), (7, "c")] {
        logged(&world, "f", at, &[line]).await;
    }
    for (start, end, expected) in [
        (0, 9, "a b c"),
        (6, 9, "b c"),
        (0, 6, "a b"),
        (6, 6, "b"),
        (8, 9, ""),
        (7, 5, ""),
    ] {
        let (start, end) = (START.plus(start).0, START.plus(end).0);
        let answer = filter(&world, json!({"startTime": start, "endTime": end})).await;
        assert_eq!(own(&answer).join(" "), expected);
    }
}

#[tokio::test]
async fn pages_go_on_in_either_direction_and_end() {
    let world = World::with_function("f").await;
    for n in 0..5 {
        logged(&world, "f", n, &[&format!("line {n}")]).await;
    }
    for (head, expected) in [(true, "0 1 2 3 4"), (false, "4 3 2 1 0")] {
        let (mut seen, mut token, mut pages) = (Vec::new(), Value::Null, 0);
        loop {
            let answer = filter(
                &world,
                json!({"filterPattern": "line", "limit": 2, "startFromHead": head, "nextToken": token}),
            )
            .await;
            seen.extend(own(&answer));
            pages += 1;
            token = answer["nextToken"].clone();
            if token.is_null() {
                break;
            }
        }
        assert_eq!(seen.join(" ").replace("line ", ""), expected);
        assert_eq!(pages, 3);
    }
}

#[tokio::test]
async fn terms_choose_lines() {
    let world = World::with_function("f").await;
    logged(&world, "f", 0, &["a b", "a c", "b c", "[a]: \"c\""]).await;
    for (pattern, expected) in [
        ("", 4),
        ("a", 3),
        ("a b", 1),
        ("?a ?b", 4),
        ("a -b", 2),
        ("\"[a]: \\\"c\\\"\"", 1),
    ] {
        let answer = filter(&world, json!({"filterPattern": pattern})).await;
        assert_eq!(own(&answer).len(), expected, "{pattern}");
    }
}

#[tokio::test]
async fn log_streams_can_be_chosen_by_name_and_by_what_they_begin_with() {
    let world = World::with_function("f").await;
    logged(&world, "f", 0, &["latest"]).await;
    version_logged(&world, "f", Some(3), 0, &["three"]).await;
    logged(&world, "f", 24 * 3600 * 1000, &["tomorrow"]).await;
    for (more, expected) in [
        (json!({"logStreamNames": [STREAM]}), "latest"),
        (json!({"logStreamNamePrefix": "2023/11/14/[3]"}), "three"),
        (json!({"logStreamNamePrefix": "2023/11/15"}), "tomorrow"),
        (json!({"logStreamNamePrefix": "2024"}), ""),
        (json!({"interleaved": true}), "latest three tomorrow"),
    ] {
        let answer = filter(&world, more.clone()).await;
        assert_eq!(own(&answer).join(" "), expected, "{more}");
    }
    let missing = json!({"logStreamNames": [STREAM, "x"]});
    let refused = call(&world, "FilterLogEvents", of_group(missing)).await;
    let text = "The specified log stream does not exist.";
    refused.is("ResourceNotFoundException", text);
}

/// As `aws logs tail --follow` does: from the newest moment that was seen, without what was seen.
#[tokio::test]
async fn who_polls_from_the_newest_moment_misses_nothing() {
    let world = World::with_function("f").await;
    let (mut seen, mut texts) = (BTreeSet::new(), Vec::new());
    let mut start = START.0;
    for round in 0..20_u64 {
        // Several calls a moment, and moments between two polls.
        for n in 0..round % 4 {
            let line = format!("{round}/{n}");
            logged(&world, "f", round / 3 * 2, &[&line]).await;
        }
        let answer = filter(&world, json!({"startTime": start, "interleaved": true})).await;
        for event in answer["events"].as_array().unwrap() {
            start = start.max(event["timestamp"].as_u64().unwrap());
            if seen.insert(event["eventId"].clone().to_string()) {
                texts.push(event["message"].as_str().unwrap().to_owned());
            }
        }
    }
    texts.retain(|text| !text.contains("RequestId"));
    let all = (0..20).flat_map(|round| (0..round % 4).map(move |n| format!("{round}/{n}\n")));
    assert_eq!(texts, all.collect::<Vec<_>>());
}
