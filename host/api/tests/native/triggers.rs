//! Triggers: settings, where they start, what is told of them.

use millstream_core::{
    port::{LaneStatus, ReadError},
    position::Position,
    sequence::SequenceNumber,
};
use serde_json::{Value, json};

use super::{
    client::{Answer, delete, get, post, put},
    world::World,
};
use crate::model::{START, set_clock};

const T: &str = "/v1/triggers/t";

async fn world() -> World {
    let world = World::with_function("f").await;
    world.model.create_stream("s", 2).await;
    world.model.create_stream("dead", 1).await;
    world
}

async fn set(world: &World, settings: &Value) -> Answer {
    put(&world.router, T, settings.to_string()).await
}

fn settings(position: &str) -> Value {
    json!({"stream": "s", "function": "f", "starting_position": position})
}

/// Two records in each of two commits, the second one 5 s later.
async fn two_commits(world: &World) {
    for ms in [0, 5_000] {
        set_clock(ms);
        let path = "/v1/streams/s/records?format=lines&key=k";
        post(&world.router, path, "a\nb").await.expect(200);
    }
}

/// The trigger's start in the shard that has the records.
fn start(world: &World) -> Position {
    let catalog = world.app.control.catalog();
    let shards = &catalog.stream("s").unwrap().shards;
    let starts = &catalog.trigger("t").unwrap().starts;
    assert_eq!(starts.len(), shards.len());
    let busy = shards.iter().find(|shard| {
        let span = world.app.log.span(shard.number);
        span.first < span.next
    });
    starts[&busy.unwrap().number]
}

#[tokio::test]
async fn a_trigger_has_lambdas_defaults() {
    let world = world().await;
    let made = set(&world, &settings("LATEST")).await.expect(201);
    let expected = json!({
        "name": "t", "state": "Enabled", "stream": "s", "function": "f",
        "starting_position": "LATEST", "batch_size": 100,
        "maximum_batching_window_in_seconds": 0, "parallelization_factor": 1,
        "tumbling_window_in_seconds": 0,
        "maximum_retry_attempts": -1, "bisect_batch_on_function_error": false,
        "maximum_record_age_in_seconds": -1, "on_failure_stream": null,
        "unpack_aggregated_records": false, "enabled": true,
        "created_ms": START, "updated_ms": START, "lag_records": 0, "shards": [],
    });
    assert_eq!(made, expected);
    assert_eq!(get(&world.router, T).await.expect(200), expected);
    let all = get(&world.router, "/v1/triggers").await.expect(200);
    assert_eq!(all, json!({"triggers": [expected]}));
}

#[tokio::test]
async fn a_trigger_can_be_changed_but_not_moved() {
    let world = world().await;
    set(&world, &settings("LATEST")).await.expect(201);
    set_clock(9_000);
    let mut changed = settings("LATEST");
    changed["batch_size"] = json!(7);
    changed["on_failure_stream"] = json!("dead");
    let answer = set(&world, &changed).await.expect(200);
    assert_eq!(
        (&answer["batch_size"], &answer["on_failure_stream"]),
        (&json!(7), &json!("dead"))
    );
    assert_eq!(answer["created_ms"], json!(START));
    assert_eq!(answer["updated_ms"], json!(START.plus(9_000)));
    let moved = set(&world, &settings("TRIM_HORIZON")).await;
    let message = moved.expect_error(400, "invalid_setting");
    assert!(message.contains("starting_position"), "{message}");
}

#[tokio::test]
async fn latest_begins_after_what_is_there() {
    let world = world().await;
    two_commits(&world).await;
    set(&world, &settings("LATEST")).await.expect(201);
    assert_eq!(start(&world), Position::new(1, 4));
}

#[tokio::test]
async fn the_horizon_is_the_oldest_record_that_is_kept() {
    let world = world().await;
    two_commits(&world).await;
    for shard in &world.app.control.catalog().stream("s").unwrap().shards {
        world
            .app
            .log
            .trim(shard.number, START.plus(1))
            .await
            .unwrap();
    }
    set(&world, &settings("TRIM_HORIZON")).await.expect(201);
    assert_eq!(start(&world), Position::new(1, 2));
}

#[tokio::test]
async fn a_moment_begins_at_the_first_record_at_or_after_it() {
    for (ms, ordinal) in [(0, 0), (1, 2), (5_000, 2), (5_001, 4)] {
        let world = world().await;
        two_commits(&world).await;
        let mut settings = settings("AT_TIMESTAMP");
        settings["starting_position_timestamp"] = json!(START.plus(ms).0 as f64 / 1_000.0);
        set(&world, &settings).await.expect(201);
        assert_eq!(start(&world), Position::new(1, ordinal), "{ms}");
    }
}

#[tokio::test]
async fn a_setting_out_of_range_is_named() {
    let world = world().await;
    for (name, value) in [
        ("batch_size", json!(0)),
        ("batch_size", json!(10_001)),
        ("maximum_batching_window_in_seconds", json!(301)),
        ("parallelization_factor", json!(0)),
        ("parallelization_factor", json!(11)),
        ("tumbling_window_in_seconds", json!(901)),
        // The function is no command.
        ("tumbling_window_in_seconds", json!(60)),
        ("maximum_retry_attempts", json!(-2)),
        ("maximum_retry_attempts", json!(10_001)),
        ("maximum_record_age_in_seconds", json!(59)),
        ("maximum_record_age_in_seconds", json!(604_801)),
        ("starting_position_timestamp", json!(1.5)),
        ("on_failure_stream", json!("s")),
    ] {
        let mut settings = settings("LATEST");
        settings[name] = value;
        let message = set(&world, &settings)
            .await
            .expect_error(400, "invalid_setting");
        assert!(message.contains(name), "{message}");
    }
    let missing = set(&world, &settings("AT_TIMESTAMP")).await;
    let message = missing.expect_error(400, "invalid_setting");
    assert!(message.contains("starting_position_timestamp"), "{message}");
}

#[tokio::test]
async fn records_that_are_given_up_go_to_a_stream_or_to_a_destination() {
    let world = world().await;
    let mut settings = settings("LATEST");
    let arn = "arn:aws:sqs:us-east-1:123456789012:q";
    settings["on_failure_destination"] = json!(arn);
    let made = set(&world, &settings).await.expect(201);
    assert_eq!(made["on_failure_destination"], arn);
    let nothing = json!({"delivered_records": 0, "failed_records": 0, "failed_attempts": 0,
        "waiting": 0, "last_error": null});
    assert_eq!(made["destination"], nothing);
    settings["on_failure_stream"] = json!("dead");
    let message = set(&world, &settings).await;
    let message = message.expect_error(400, "invalid_setting");
    assert!(message.contains("on_failure_destination"), "{message}");
    settings["on_failure_stream"] = json!(null);
    settings["on_failure_destination"] = json!("q");
    let message = set(&world, &settings).await;
    let message = message.expect_error(400, "bad_request");
    assert!(message.contains("ARN"), "{message}");
}

#[tokio::test]
async fn a_trigger_is_made_for_a_registered_consumer_or_for_none() {
    let world = world().await;
    let mut settings = settings("LATEST");
    settings["consumer"] = json!("c:1");
    let answer = set(&world, &settings).await;
    assert!(answer.status.is_client_error(), "{answer:?}");
    settings["consumer"] = json!("c");
    let message = set(&world, &settings).await;
    let message = message.expect_error(400, "bad_request");
    assert!(message.contains("NAME:SECONDS"), "{message}");
}

#[tokio::test]
async fn a_setting_of_the_wrong_kind_is_named() {
    let world = world().await;
    for (name, value) in [
        ("batch_size", json!("100")),
        ("batch_size", json!(-1)),
        ("starting_position", json!("NEWEST")),
        ("stream", json!("a/b")),
        ("function", json!(5)),
        ("tumbling_window_in_seconds", json!("2")),
        ("tumbling_window", json!(2)),
    ] {
        let mut settings = settings("LATEST");
        settings[name] = value;
        let message = set(&world, &settings)
            .await
            .expect_error(400, "bad_request");
        assert!(message.contains(name), "{name}: {message}");
    }
    let missing = put(&world.router, T, r#"{"stream": "s"}"#).await;
    let message = missing.expect_error(400, "bad_request");
    assert!(message.contains("function"), "{message}");
}

#[tokio::test]
async fn filters_are_set_shown_and_removed() {
    let world = world().await;
    let pattern = r#"{"data":{"a":[1]}}"#;
    let criteria = json!({"filters": [{ "pattern": pattern }]});
    for given in [json!(pattern), json!({"data": {"a": [1]}})] {
        let mut settings = settings("LATEST");
        settings["filter_criteria"] = json!({"filters": [{ "pattern": given }]});
        let answer = set(&world, &settings).await;
        assert!(answer.status.is_success(), "{answer:?}");
        let shown = get(&world.router, T).await.expect(200);
        assert_eq!(shown["filter_criteria"], criteria);
    }
    for none in [json!(null), json!({}), json!({"filters": []})] {
        let mut settings = settings("LATEST");
        settings["filter_criteria"] = none;
        let shown = set(&world, &settings).await.expect(200);
        assert_eq!(shown.get("filter_criteria"), None);
    }
}

#[tokio::test]
async fn a_wrong_filter_is_refused_with_the_place_and_the_reason() {
    let world = world().await;
    let pattern = |pattern: Value| json!({"filters": [{"pattern": "{}"}, { "pattern": pattern }]});
    for (criteria, says) in [
        (
            pattern(json!("simple")),
            "filters[1].pattern: it is not JSON",
        ),
        (
            pattern(json!({"data": "x"})),
            "at `data`: a field takes a list",
        ),
        (
            pattern(json!({"data": ["x"]})),
            "at `data`: data takes an object",
        ),
        (
            pattern(json!({"data": {"a": [{"prefix": 1}]}})),
            "at `data.a[0].prefix`: it takes a string",
        ),
        (
            json!({"filters": vec![json!({"pattern": "{}"}); 11]}),
            "11 filters; allowed are 10",
        ),
        (json!({"filters": [{"patern": "{}"}]}), "patern"),
        (json!({"filter": []}), "filter"),
        (json!([]), "filter_criteria"),
    ] {
        let mut settings = settings("LATEST");
        settings["filter_criteria"] = criteria;
        let message = set(&world, &settings)
            .await
            .expect_error(400, "bad_request");
        assert!(message.contains("filter_criteria"), "{message}");
        assert!(message.contains(says), "{says}: {message}");
    }
}

#[tokio::test]
async fn a_trigger_needs_what_it_names() {
    let world = world().await;
    for (name, code) in [
        ("stream", "no_such_stream"),
        ("function", "no_such_function"),
        ("on_failure_stream", "no_such_stream"),
    ] {
        let mut settings = settings("LATEST");
        settings[name] = json!("none");
        set(&world, &settings).await.expect_error(404, code);
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_no_start() {
    let world = world().await;
    two_commits(&world).await;
    world
        .model
        .fail_reads(ReadError::Unavailable("closed".into()));
    let mut settings = settings("AT_TIMESTAMP");
    settings["starting_position_timestamp"] = json!(1.0);
    set(&world, &settings)
        .await
        .expect_error(503, "unavailable");
    get(&world.router, T)
        .await
        .expect_error(404, "no_such_trigger");
}

#[tokio::test]
async fn a_trigger_can_be_paused_and_resumed() {
    let world = world().await;
    set(&world, &settings("LATEST")).await.expect(201);
    for (verb, state, enabled) in [("pause", "Disabled", false), ("resume", "Enabled", true)] {
        let answer = post(&world.router, &format!("{T}/{verb}"), "")
            .await
            .expect(200);
        assert_eq!(
            (&answer["state"], &answer["enabled"]),
            (&json!(state), &json!(enabled))
        );
    }
    let none = post(&world.router, "/v1/triggers/none/pause", "").await;
    none.expect_error(404, "no_such_trigger");
}

#[tokio::test]
async fn a_used_stream_cannot_be_deleted_until_its_trigger_is() {
    let world = world().await;
    let mut dead_lettered = settings("LATEST");
    dead_lettered["on_failure_stream"] = json!("dead");
    set(&world, &dead_lettered).await.expect(201);
    for stream in ["s", "dead"] {
        let refused = delete(&world.router, &format!("/v1/streams/{stream}")).await;
        let message = refused.expect_error(409, "in_use");
        assert!(message.contains("trigger `t`"), "{message}");
    }
    assert_eq!(delete(&world.router, T).await.status.as_u16(), 204);
    assert_eq!(
        delete(&world.router, "/v1/streams/s").await.status.as_u16(),
        204
    );
    delete(&world.router, T)
        .await
        .expect_error(404, "no_such_trigger");
}

#[tokio::test]
async fn lanes_are_shown_with_their_lag() {
    let world = world().await;
    set(&world, &settings("LATEST")).await.expect(201);
    let lane = |shard: u32, lag_records, last_error| LaneStatus {
        shard_id: format!("shardId-{shard:012}"),
        state: "backing_off",
        position: Position::new(1, 7),
        lag_records,
        lag_ms: 4,
        attempts: 2,
        last_error,
        window: None,
        batches: 5,
        records: 6,
        filtered: 7,
        outputs: 8,
        dead_letters: 9,
        parts: Vec::new(),
    };
    *world.lanes.0.lock().unwrap() = vec![lane(0, 3, Some("trapped".into())), lane(1, 4, None)];
    let shown = get(&world.router, T).await.expect(200);
    assert_eq!(shown["lag_records"], 7);
    let mut first = shown["shards"][0].clone();
    let number = first["sequence_number"].take();
    let number = SequenceNumber::parse(number.as_str().unwrap()).unwrap();
    assert_eq!((number.shard, number.position), (0, Position::new(1, 7)));
    let expected = json!({
        "shard_id": "shardId-000000000000", "state": "backing_off", "sequence_number": null,
        "lag_records": 3, "lag_ms": 4, "attempts": 2, "last_error": "trapped", "batches": 5,
        "records": 6, "filtered": 7, "outputs": 8, "dead_letters": 9,
    });
    assert_eq!(first, expected);
    assert_eq!(shown["shards"][1]["last_error"], Value::Null);
}
