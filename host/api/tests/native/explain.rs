//! What a trigger says of why it does what it does.

use millstream_core::{
    port::{LaneReport, PartReport, PartStatus},
    position::Position,
    trigger::machine::{Doing, Extent},
};
use serde_json::json;

use super::{
    client::{get, put},
    world::World,
};
use crate::model::START;

const PATH: &str = "/v1/triggers/t/explain";

fn part(state: &'static str) -> PartReport {
    PartReport {
        status: PartStatus {
            state,
            position: Position(5),
            lag_records: 3,
            lag_ms: 1_500,
            attempts: 1,
            last_error: Some("no".to_owned()),
        },
        doing: Doing {
            batch: Some(Extent {
                first: Position(5),
                end: Position(8),
                records: 3,
            }),
            due: None,
            rest_ms: Some(250),
        },
        since: START,
        retry_at: Some(START.plus(250)),
        awaits_function: false,
        is_throttled: false,
    }
}

fn lane(shard: u32, parts: Vec<PartReport>) -> LaneReport {
    LaneReport {
        shard_id: format!("shardId-{shard:012}"),
        is_closed: false,
        parents: Vec::new(),
        parts,
    }
}

async fn world() -> World {
    let world = World::with_function("f").await;
    world.model.create_stream("s", 2).await;
    let settings = json!({
        "stream": "s", "function": "f", "starting_position": "LATEST", "maximum_retry_attempts": 3,
    });
    put(&world.router, "/v1/triggers/t", settings.to_string())
        .await
        .expect(201);
    let divided = vec![part("invoking"), part("waiting")];
    world.lanes.1.lock().unwrap().reports =
        vec![lane(0, vec![part("backing_off")]), lane(1, divided)];
    world
}

#[tokio::test]
async fn each_shard_and_each_part_is_explained() {
    let world = world().await;
    let explained = get(&world.router, PATH).await.expect(200);
    assert_eq!(
        (&explained["function"], &explained["state"]),
        (&json!("f"), &json!("Enabled"))
    );
    let shards = explained["shards"].as_array().unwrap();
    let parts: Vec<_> = shards
        .iter()
        .map(|s| (&s["shard_id"], s.get("part")))
        .collect();
    let (first, second) = (
        &json!("shardId-000000000000"),
        &json!("shardId-000000000001"),
    );
    let expected = [
        (first, None),
        (second, Some(&json!(0))),
        (second, Some(&json!(1))),
    ];
    assert_eq!(parts, expected);
    let failing = &shards[0];
    assert_eq!(failing["waits_for"], "retry");
    assert_eq!(
        (&failing["attempt"], &failing["attempts_at_most"]),
        (&json!(2), &json!(4))
    );
    assert_eq!(
        (&failing["retry_in_ms"], &failing["lag_records"]),
        (&json!(250), &json!(3))
    );
    assert_eq!(failing["batch"]["records"], 3);
    let numbers = ["from_sequence_number", "to_sequence_number"];
    let numbers = numbers.map(|name| failing["batch"][name].as_str().unwrap());
    assert!(numbers[0] < numbers[1] && numbers[0] == failing["sequence_number"]);
    assert_eq!(failing["sentences"][0], "A batch of 3 records failed.");
}

#[tokio::test]
async fn one_shard_can_be_asked_for_and_must_be_there() {
    let world = world().await;
    let path = format!("{PATH}?shard=shardId-000000000001");
    let explained = get(&world.router, &path).await.expect(200);
    assert_eq!(explained["shards"].as_array().unwrap().len(), 2);
    let path = format!("{PATH}?shard=shardId-000000000009");
    get(&world.router, &path)
        .await
        .expect_error(400, "invalid_setting");
    get(&world.router, "/v1/triggers/u/explain")
        .await
        .expect_error(404, "no_such_trigger");
}
