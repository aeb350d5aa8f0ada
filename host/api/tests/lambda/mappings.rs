//! Event source mappings: created, looked at, changed, deleted, and every error that Amazon has.

use axum::{body::Body, http::Request};
use millstream_core::{
    catalog::{
        Request as Change, StartingPosition, StreamChange,
        stream::{ConsumerChange, Tags},
    },
    port::LaneStatus,
    position::Position,
};
use serde_json::{Value, json};

use super::client::{
    MAPPINGS, delete, function_arn, get, post, put, send, stream_arn, with_function,
};
use crate::native::world::World;

async fn world() -> World {
    let world = with_function("f").await;
    for name in ["s", "dead"] {
        world.model.create_stream(name, 1).await;
    }
    world
}

fn asked() -> Value {
    json!({"FunctionName": "f", "EventSourceArn": stream_arn("s"), "StartingPosition": "LATEST"})
}

fn with(name: &str, value: Value) -> Value {
    let mut asked = asked();
    asked[name] = value;
    asked
}

#[tokio::test]
async fn a_mapping_shows_as_amazons_do() {
    let world = world().await;
    let made = post(&world, MAPPINGS, asked()).await.ok(202);
    let uuid = made["UUID"].as_str().unwrap();
    let arn = format!("arn:aws:lambda:us-east-1:123456789012:event-source-mapping:{uuid}");
    let mut expected = json!({
        "BatchSize": 100, "BisectBatchOnFunctionError": false,
        "DestinationConfig": {"OnFailure": {}}, "EventSourceArn": stream_arn("s"),
        "EventSourceMappingArn": arn, "FunctionArn": function_arn("f"),
        "FunctionResponseTypes": [], "LastModified": 1_700_000_000.0,
        "LastProcessingResult": "No records processed", "MaximumBatchingWindowInSeconds": 0,
        "MaximumRecordAgeInSeconds": -1, "MaximumRetryAttempts": -1, "ParallelizationFactor": 1,
        "StartingPosition": "LATEST", "State": "Creating", "StateTransitionReason": "User action",
        "TumblingWindowInSeconds": 0, "UUID": uuid,
    });
    assert_eq!(made, expected);
    // It is in effect already.
    expected["State"] = json!("Enabled");
    let path = format!("{MAPPINGS}/{uuid}");
    assert_eq!(get(&world, &path).await.ok(200), expected);
    for path in [MAPPINGS, "/2015-03-31/event-source-mappings/"] {
        let listed = get(&world, path).await.ok(200);
        assert_eq!(listed["EventSourceMappings"], json!([expected]));
    }
    let gone = delete(&world, &path).await.ok(202);
    assert_eq!(gone["State"], "Deleting");
    get(&world, &path).await.is(
        404,
        "ResourceNotFoundException",
        "The resource you requested does not exist.",
    );
}

#[tokio::test]
async fn every_setting_is_taken_and_changed() {
    let world = world().await;
    let settings = json!({
        "FunctionName": function_arn("f"), "EventSourceArn": stream_arn("s"), "Enabled": false,
        "StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": 1_699_999_999.5,
        "BatchSize": 7, "MaximumBatchingWindowInSeconds": 3, "MaximumRetryAttempts": 2,
        "MaximumRecordAgeInSeconds": 60, "BisectBatchOnFunctionError": true,
        "ParallelizationFactor": 4, "TumblingWindowInSeconds": 0,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "DestinationConfig": {"OnFailure": {"Destination": stream_arn("dead")}},
        "FilterCriteria": {"Filters": [{"Pattern": "{\"data\": {\"a\": [1]}}"}]},
    });
    let made = post(&world, MAPPINGS, settings.clone()).await.ok(202);
    for (name, value) in settings.as_object().unwrap() {
        if !matches!(name.as_str(), "FunctionName" | "Enabled") {
            assert_eq!(&made[name], value, "{name}");
        }
    }
    assert_eq!(made["State"], "Creating");
    let catalog = world.app.control.catalog();
    let trigger = catalog.triggers().next().unwrap();
    assert_eq!(
        trigger.settings.starting_position,
        StartingPosition::AtTimestamp
    );
    assert_eq!(
        trigger
            .settings
            .on_failure_stream
            .as_ref()
            .unwrap()
            .as_str(),
        "dead"
    );
    let path = format!("{MAPPINGS}/{}", made["UUID"].as_str().unwrap());
    let changed = put(&world, &path, json!({"BatchSize": 8, "Enabled": true}))
        .await
        .ok(202);
    assert_eq!(
        (&changed["BatchSize"], &changed["State"]),
        (&json!(8), &json!("Enabling"))
    );
    assert_eq!(changed["MaximumRetryAttempts"], 2);
    assert_eq!(get(&world, &path).await.ok(200)["State"], "Enabled");
    for (change, state, then) in [
        (json!({"BatchSize": 9}), "Updating", "Enabled"),
        (json!({"Enabled": false}), "Disabling", "Disabled"),
        (json!({"BatchSize": 9}), "Updating", "Disabled"),
    ] {
        let changed = put(&world, &path, change).await.ok(202);
        assert_eq!(changed["State"], state);
        assert_eq!(get(&world, &path).await.ok(200)["State"], then);
    }
    let cleared = json!({"FilterCriteria": {}, "DestinationConfig": {"OnFailure": {}}});
    let changed = put(&world, &path, cleared).await.ok(202);
    assert!(changed.get("FilterCriteria").is_none());
    assert_eq!(changed["DestinationConfig"], json!({"OnFailure": {}}));
}

#[tokio::test]
async fn refusals_are_amazons() {
    let world = world().await;
    let parameter = "InvalidParameterValueException";
    let absent = stream_arn("absent");
    for (asked, name, message) in [
        (
            with("EventSourceArn", json!(absent)),
            parameter,
            format!("Stream not found: {absent}"),
        ),
        (
            with("EventSourceArn", Value::Null),
            parameter,
            "Unrecognized event source.".to_owned(),
        ),
        (
            with("StartingPosition", Value::Null),
            parameter,
            "1 validation error detected: Value null at 'startingPosition' failed to satisfy \
             constraint: Member must not be null."
                .to_owned(),
        ),
        (
            with("StartingPosition", json!("invalid")),
            "ValidationException",
            "1 validation error detected: Value 'invalid' at 'startingPosition' failed to \
             satisfy constraint: Member must satisfy enum value set: \
             [LATEST, AT_TIMESTAMP, TRIM_HORIZON]"
                .to_owned(),
        ),
        (
            with("FunctionName", json!("absent")),
            parameter,
            "Function does not exist".to_owned(),
        ),
        (
            with("FilterCriteria", json!({"Filters": [{"Pattern": "{"}]})),
            parameter,
            "Invalid filter pattern definition.".to_owned(),
        ),
        (
            with(
                "DestinationConfig",
                json!({"OnSuccess": {"Destination": absent}}),
            ),
            parameter,
            "Unsupported DestinationConfig parameter for given event source mapping type."
                .to_owned(),
        ),
        (
            with("MaximumRecordAgeInSeconds", json!(30)),
            parameter,
            "maximum_record_age_in_seconds is 30; allowed are -1 and 60 to 604800".to_owned(),
        ),
    ] {
        post(&world, MAPPINGS, asked).await.is(400, name, &message);
    }
    assert_eq!(world.app.control.catalog().triggers().count(), 0);
}

#[tokio::test]
async fn a_destination_is_a_queue_a_topic_or_a_bucket() {
    let world = world().await;
    let made = post(&world, MAPPINGS, asked()).await.ok(202);
    let path = format!("{MAPPINGS}/{}", made["UUID"].as_str().unwrap());
    for arn in [
        "arn:aws:sqs:us-east-1:123456789012:q",
        "arn:aws:sns:us-east-1:123456789012:t",
        "arn:aws:s3:::bucket",
        &stream_arn("dead"),
        "arn:aws:sqs:eu-west-1:123456789012:q.fifo",
    ] {
        let config = json!({"OnFailure": {"Destination": arn}});
        let changed = put(&world, &path, json!({"DestinationConfig": config})).await;
        assert_eq!(changed.ok(202)["DestinationConfig"], config);
    }
    let cleared = json!({"DestinationConfig": {"OnFailure": {"Destination": ""}}});
    let changed = put(&world, &path, cleared).await.ok(202);
    assert_eq!(changed["DestinationConfig"], json!({"OnFailure": {}}));
}

#[tokio::test]
async fn other_destinations_are_refused() {
    let world = world().await;
    for arn in [
        "arn:aws:lambda:us-east-1:123456789012:function:f",
        "arn:aws:sns:us-east-1:123456789012:t:subscription",
        "arn:aws:s3:::bucket/prefix",
        "kafka://topic",
    ] {
        let asked = with(
            "DestinationConfig",
            json!({"OnFailure": {"Destination": arn}}),
        );
        let answer = post(&world, MAPPINGS, asked).await;
        assert!(
            answer.text.contains("is not supported by Millstream"),
            "{}",
            answer.text
        );
    }
    assert_eq!(world.app.control.catalog().triggers().count(), 0);
}

#[tokio::test]
async fn a_second_mapping_of_the_same_is_a_conflict() {
    let world = world().await;
    let made = post(&world, MAPPINGS, asked()).await.ok(202);
    let (arn, uuid) = (stream_arn("s"), made["UUID"].as_str().unwrap());
    post(&world, MAPPINGS, asked()).await.is(
        409,
        "ResourceConflictException",
        &format!(
            "The event source arn (\" {arn} \") and function (\" f \") provided mapping already \
             exists. Please update or delete the existing mapping with UUID {uuid}"
        ),
    );
}

#[tokio::test]
async fn triggers_of_the_other_interface_are_mappings_with_lasting_ids() {
    let world = world().await;
    let settings = json!({"stream": "s", "function": "f", "starting_position": "TRIM_HORIZON"});
    let request = Request::put("/v1/triggers/t").body(Body::from(settings.to_string()));
    assert_eq!(send(&world, request.unwrap()).await.status, 201);
    let id = || async {
        let listed = get(&world, MAPPINGS).await.ok(200);
        listed["EventSourceMappings"][0]["UUID"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let uuid = id().await;
    let path = format!("{MAPPINGS}/{uuid}");
    put(&world, &path, json!({"BatchSize": 3})).await.ok(202);
    assert_eq!(id().await, uuid);
    let shown = send(
        &world,
        Request::get("/v1/triggers/t").body(Body::empty()).unwrap(),
    )
    .await;
    assert!(shown.text.contains("\"batch_size\":3"), "{}", shown.text);
    // Another trigger of the name is another mapping.
    delete(&world, &path).await.ok(202);
    let request = Request::put("/v1/triggers/t").body(Body::from(settings.to_string()));
    assert_eq!(send(&world, request.unwrap()).await.status, 201);
    assert_ne!(id().await, uuid);
}

#[tokio::test]
async fn lists_are_narrowed_by_stream_and_function() {
    let world = world().await;
    post(&world, MAPPINGS, asked()).await.ok(202);
    post(
        &world,
        MAPPINGS,
        with("EventSourceArn", json!(stream_arn("dead"))),
    )
    .await
    .ok(202);
    let count = |query: String| {
        let path = format!("{MAPPINGS}?{query}");
        let world = &world;
        async move {
            let listed = get(world, &path).await.ok(200);
            listed["EventSourceMappings"].as_array().unwrap().len()
        }
    };
    assert_eq!(count(String::new()).await, 2);
    assert_eq!(
        count(format!("EventSourceArn={}", stream_arn("s"))).await,
        1
    );
    assert_eq!(count("FunctionName=f".to_owned()).await, 2);
    assert_eq!(count("FunctionName=absent".to_owned()).await, 0);
    assert_eq!(count("MaxItems=1".to_owned()).await, 1);
}

#[tokio::test]
async fn the_last_result_is_that_of_the_lanes() {
    let world = world().await;
    let made = post(&world, MAPPINGS, asked()).await.ok(202);
    let path = format!("{MAPPINGS}/{}", made["UUID"].as_str().unwrap());
    let lane = |batches, last_error: Option<&str>| LaneStatus {
        shard_id: "shardId-000000000000".into(),
        state: "waiting",
        position: Position::START,
        lag_records: 0,
        lag_ms: 0,
        attempts: 0,
        last_error: last_error.map(str::to_owned),
        window: None,
        batches,
        records: batches,
        filtered: 0,
        outputs: 0,
        dead_letters: 0,
        parts: Vec::new(),
    };
    for (lane, result) in [
        (lane(1, None), "OK"),
        (lane(1, Some("it failed")), "PROBLEM: Function call failed"),
        (
            LaneStatus {
                dead_letters: 1,
                ..lane(0, None)
            },
            "PROBLEM: Function call failed",
        ),
        (lane(0, None), "No records processed"),
    ] {
        *world.lanes.0.lock().unwrap() = vec![lane];
        let shown = get(&world, &path).await.ok(200);
        assert_eq!(shown["LastProcessingResult"], result);
    }
}

#[tokio::test]
async fn unknown_mappings_are_not_found() {
    let world = world().await;
    let path = format!("{MAPPINGS}/14e0db71-5d35-4eb5-b481-8945cf9d10c2");
    let name = "ResourceNotFoundException";
    let message = "The resource you requested does not exist.";
    get(&world, &path).await.is(404, name, message);
    put(&world, &path, json!({})).await.is(404, name, message);
    delete(&world, &path).await.is(404, name, message);
}

#[tokio::test]
async fn a_consumer_is_a_source_that_shows_as_itself() {
    let world = world().await;
    let register = || Change::ChangeStream {
        name: "s".try_into().unwrap(),
        change: StreamChange::Consumer(
            "c".try_into().unwrap(),
            ConsumerChange::Register(Tags::new()),
        ),
    };
    world.app.control.apply(register()).await.unwrap();
    let seconds = world.app.control.catalog().stream("s").unwrap().consumers["c"]
        .created
        .seconds();
    let arn = format!("{}/consumer/c:{seconds}", stream_arn("s"));
    let asked_of = |arn: &str| with("EventSourceArn", json!(arn));
    let made = post(&world, MAPPINGS, asked_of(&arn)).await.ok(202);
    assert_eq!(made["EventSourceArn"], arn);
    let trigger = world
        .app
        .control
        .catalog()
        .triggers()
        .next()
        .cloned()
        .unwrap();
    assert_eq!(trigger.settings.stream.as_str(), "s");
    post(&world, MAPPINGS, asked_of(&arn)).await.is(
        409,
        "ResourceConflictException",
        &format!(
            "The event source arn (\" {arn} \") and function (\" f \") provided mapping already \
             exists. Please update or delete the existing mapping with UUID {}",
            made["UUID"].as_str().unwrap()
        ),
    );
    // The stream itself is another source.
    post(&world, MAPPINGS, asked()).await.ok(202);
    for (of, count) in [(arn.clone(), 1), (stream_arn("s"), 1), (stream_arn("t"), 0)] {
        let listed = get(&world, &format!("{MAPPINGS}?EventSourceArn={of}")).await;
        let listed = listed.ok(200)["EventSourceMappings"]
            .as_array()
            .unwrap()
            .len();
        assert_eq!(listed, count, "{of}");
    }
    for bad in ["other:1", "c:1", "c", "c:x", ""] {
        let arn = format!("{}/consumer/{bad}", stream_arn("s"));
        post(&world, MAPPINGS, asked_of(&arn)).await.is(
            400,
            "InvalidParameterValueException",
            &format!("Stream consumer not found: {arn}"),
        );
    }
    // A mapping outlives the consumer that it was made for.
    let deregister = Change::ChangeStream {
        name: "s".try_into().unwrap(),
        change: StreamChange::Consumer("c".try_into().unwrap(), ConsumerChange::Deregister),
    };
    world.app.control.apply(deregister).await.unwrap();
    let path = format!("{MAPPINGS}/{}", made["UUID"].as_str().unwrap());
    let changed = put(&world, &path, json!({"BatchSize": 8})).await.ok(202);
    assert_eq!(changed["EventSourceArn"], arn);
}
