//! GetLogEvents: one stream's lines, from either end.

use serde_json::{Value, json};

use super::client::{STREAM, call, logged, of_group, own, version_logged};
use crate::{model::START, native::world::World};

async fn get(world: &World, more: Value) -> Value {
    let mut body = of_group(more);
    body["logStreamName"] = STREAM.into();
    call(world, "GetLogEvents", body).await.ok()
}

async fn with_lines(count: u64) -> World {
    let world = World::with_function("f").await;
    for n in 0..count {
        logged(&world, "f", n, &[&n.to_string()]).await;
    }
    version_logged(&world, "f", Some(1), count, &["of another stream"]).await;
    world
}

#[tokio::test]
async fn the_newest_lines_come_first_unless_the_head_is_wanted() {
    let world = with_lines(5).await;
    for (more, expected) in [
        (json!({"limit": 8}), "3 4"),
        (json!({"limit": 8, "startFromHead": true}), "0 1"),
        (json!({}), "0 1 2 3 4"),
        (
            json!({"startTime": START.plus(2).0, "endTime": START.plus(4).0}),
            "2 3",
        ),
    ] {
        let answer = get(&world, more.clone()).await;
        assert_eq!(own(&answer).join(" "), expected, "{more}");
        let event = &answer["events"][0];
        assert_eq!(event["timestamp"], event["ingestionTime"]);
        assert_eq!(event.as_object().unwrap().len(), 3);
    }
}

#[tokio::test]
async fn tokens_lead_to_both_ends_and_come_again_there() {
    let world = with_lines(5).await;
    let turn = |token: &Value| json!({"limit": 8, "nextToken": token, "startFromHead": true});
    let first = get(&world, json!({"limit": 8})).await;
    let mut seen = vec![own(&first).join(" ")];
    let mut token = first["nextBackwardToken"].clone();
    loop {
        let page = get(&world, turn(&token)).await;
        if page["nextBackwardToken"] == token {
            assert!(own(&page).is_empty());
            break;
        }
        seen.push(own(&page).join(" "));
        token = page["nextBackwardToken"].clone();
    }
    assert_eq!(seen, ["3 4", "1 2", "0"]);
    let end = first["nextForwardToken"].clone();
    let page = get(&world, turn(&end)).await;
    assert!(own(&page).is_empty());
    assert_eq!(page["nextForwardToken"], end);
    logged(&world, "f", 9, &["new"]).await;
    let page = get(&world, turn(&end)).await;
    assert_eq!(own(&page), ["new"]);
    let back = get(&world, turn(&page["nextBackwardToken"])).await;
    assert_eq!(own(&back), ["3", "4"]);
}

#[tokio::test]
async fn an_empty_range_says_where_to_go_on() {
    let world = with_lines(2).await;
    let late = json!({"startTime": START.plus(1_000).0});
    let page = get(&world, late).await;
    assert!(own(&page).is_empty());
    let token = &page["nextForwardToken"];
    let all = get(&world, json!({"nextToken": token, "startFromHead": true})).await;
    assert_eq!(own(&all), ["0", "1"]);
}

#[tokio::test]
async fn a_stream_that_is_not_there_is_told() {
    let world = with_lines(1).await;
    let body = of_group(json!({"logStreamName": "2023/11/14/[$LATEST]0"}));
    let refused = call(&world, "GetLogEvents", body).await;
    let text = "The specified log stream does not exist.";
    refused.is("ResourceNotFoundException", text);
}
