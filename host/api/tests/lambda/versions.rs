//! Versions: published, listed, called by number, deleted.

use serde_json::{Value, json};

use super::client::{
    FUNCTIONS, MAPPINGS, delete, function, function_arn, get, module, post, put, stream_arn,
    with_function,
};
use crate::native::world::World;

async fn publish(world: &World, body: Value) -> Value {
    post(world, &format!("{FUNCTIONS}/f/versions"), body)
        .await
        .ok(201)
}

async fn update(world: &World, script: &str) -> Value {
    let code = json!({"ZipFile": module(script)});
    put(world, &format!("{FUNCTIONS}/f/code"), code)
        .await
        .ok(200)
}

#[tokio::test]
async fn a_version_stays_as_it_was_published() {
    let world = with_function("f").await;
    let first = publish(&world, json!({"Description": "the first"})).await;
    assert_eq!(first["Version"], "1");
    assert_eq!(first["FunctionArn"], function_arn("f:1"));
    assert_eq!(first["Description"], "the first");
    let again = publish(&world, json!({})).await;
    assert_eq!(again, first);
    update(&world, "two").await;
    let second = publish(&world, json!({})).await;
    assert_eq!(
        (&second["Version"], &second["CodeSha256"]),
        (&json!("2"), &json!("hash of \0asm two"))
    );
    let path = format!("{FUNCTIONS}/f:1/configuration");
    assert_eq!(get(&world, &path).await.ok(200), first);
    let path = format!("{FUNCTIONS}/f?Qualifier=2");
    assert_eq!(get(&world, &path).await.ok(200)["Configuration"], second);
    let listed = get(&world, &format!("{FUNCTIONS}/f/versions"))
        .await
        .ok(200);
    let versions = listed["Versions"].as_array().unwrap();
    let versions: Vec<_> = versions
        .iter()
        .map(|v| v["Version"].as_str().unwrap())
        .collect();
    assert_eq!(versions, ["$LATEST", "1", "2"]);
    let all = get(&world, &format!("{FUNCTIONS}?FunctionVersion=ALL"))
        .await
        .ok(200);
    assert_eq!(all["Functions"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_function_may_be_published_as_it_is_created_or_updated() {
    let world = World::new();
    let mut asked = function("f");
    asked["Publish"] = json!(true);
    let made = post(&world, FUNCTIONS, asked).await.ok(201);
    assert_eq!(
        (&made["Version"], &made["FunctionArn"]),
        (&json!("1"), &json!(function_arn("f")))
    );
    let code = json!({"ZipFile": module("two"), "Publish": true});
    let changed = put(&world, &format!("{FUNCTIONS}/f/code"), code)
        .await
        .ok(200);
    assert_eq!(changed["Version"], "2");
}

#[tokio::test]
async fn a_version_is_deleted_alone_and_its_number_never_given_again() {
    let world = with_function("f").await;
    publish(&world, json!({})).await;
    delete(&world, &format!("{FUNCTIONS}/f:1")).await.ok(204);
    let missing = format!("Function not found: {}", function_arn("f:1"));
    get(&world, &format!("{FUNCTIONS}/f:1"))
        .await
        .is(404, "ResourceNotFoundException", &missing);
    let again = publish(&world, json!({})).await;
    assert_eq!(again["Version"], "2");
}

#[tokio::test]
async fn conditions_of_a_client_must_hold() {
    let world = with_function("f").await;
    let path = format!("{FUNCTIONS}/f/versions");
    let answer = post(&world, &path, json!({"CodeSha256": "other"})).await;
    assert_eq!(
        answer.headers["x-amzn-errortype"],
        "InvalidParameterValueException"
    );
    let answer = post(&world, &path, json!({"RevisionId": "other"})).await;
    assert_eq!(
        answer.headers["x-amzn-errortype"],
        "PreconditionFailedException"
    );
    let answer = get(&world, &format!("{FUNCTIONS}/f:1?Qualifier=2")).await;
    answer.is(
        400,
        "InvalidParameterValueException",
        "The derived qualifier from the function name does not match the specified qualifier.",
    );
}

#[tokio::test]
async fn modules_of_published_versions_stay_in_the_log() {
    let world = with_function("f").await;
    publish(&world, json!({})).await;
    for script in ["two", "three", "four"] {
        update(&world, script).await;
    }
    let stored = |script: &str| {
        let key = millstream_core::catalog::key::module(&format!("hash of \0asm {script}"));
        let log = world.app.log.clone();
        async move { log.get_many(vec![key]).await.unwrap().remove(0).is_some() }
    };
    assert!(stored("one").await);
    assert!(!stored("two").await);
    // What a rollback goes back to.
    assert!(stored("three").await);
    assert!(stored("four").await);
    delete(&world, &format!("{FUNCTIONS}/f:1")).await.ok(204);
    assert!(!stored("one").await);
    delete(&world, &format!("{FUNCTIONS}/f")).await.ok(204);
    assert!(!stored("three").await && !stored("four").await);
}

#[tokio::test]
async fn a_mapping_may_name_a_version() {
    let world = with_function("f").await;
    world.model.create_stream("s", 1).await;
    let asked = |name: &str| json!({"FunctionName": name, "EventSourceArn": stream_arn("s"), "StartingPosition": "LATEST"});
    post(&world, MAPPINGS, asked("f:1")).await.is(
        400,
        "InvalidParameterValueException",
        "Function does not exist",
    );
    publish(&world, json!({})).await;
    let mut made = post(&world, MAPPINGS, asked("f:1")).await.ok(202);
    assert_eq!(made["FunctionArn"], function_arn("f:1"));
    made["State"] = json!("Enabled");
    let other = post(&world, MAPPINGS, asked("f")).await.ok(202);
    assert_eq!(other["FunctionArn"], function_arn("f"));
    let listed = get(&world, &format!("{MAPPINGS}?FunctionName=f:1")).await;
    let listed = listed.ok(200);
    assert_eq!(listed["EventSourceMappings"], json!([made]));
}
