//! Aliases: names for versions, and weights between two of them.

use millstream_core::{
    catalog::function::{Qualifier, route},
    position::{Position, ShardNumber},
};
use serde_json::json;

use super::client::{FUNCTIONS, delete, function_arn, get, module, post, put, with_function};
use crate::native::world::World;

/// With two versions.
async fn world() -> World {
    let world = with_function("f").await;
    let versions = format!("{FUNCTIONS}/f/versions");
    post(&world, &versions, json!({})).await.ok(201);
    let code = json!({"ZipFile": module("two")});
    put(&world, &format!("{FUNCTIONS}/f/code"), code)
        .await
        .ok(200);
    post(&world, &versions, json!({})).await.ok(201);
    world
}

const ALIASES: &str = "/2015-03-31/functions/f/aliases";
const LIVE: &str = "/2015-03-31/functions/f/aliases/live";

#[tokio::test]
async fn an_alias_leads_to_a_version() {
    let world = world().await;
    let asked = json!({"Name": "live", "FunctionVersion": "1"});
    let made = post(&world, ALIASES, asked.clone()).await.ok(201);
    let expected = json!({
        "AliasArn": function_arn("f:live"), "Name": "live", "FunctionVersion": "1",
        "Description": "", "RevisionId": made["RevisionId"],
    });
    assert_eq!(made, expected);
    assert_eq!(get(&world, LIVE).await.ok(200), expected);
    let shown = get(&world, &format!("{FUNCTIONS}/f:live/configuration"))
        .await
        .ok(200);
    assert_eq!(
        (&shown["Version"], &shown["FunctionArn"]),
        (&json!("1"), &json!(function_arn("f:live")))
    );
    post(&world, ALIASES, asked).await.is(
        409,
        "ResourceConflictException",
        &format!("Alias already exists: {}", function_arn("f:live")),
    );
    let asked = json!({"FunctionVersion": "2", "RevisionId": made["RevisionId"]});
    let moved = put(&world, LIVE, asked.clone()).await.ok(200);
    assert_eq!(moved["FunctionVersion"], "2");
    let answer = put(&world, LIVE, asked).await;
    assert_eq!(
        answer.headers["x-amzn-errortype"],
        "PreconditionFailedException"
    );
    let listed = get(&world, &format!("{ALIASES}?FunctionVersion=2"))
        .await
        .ok(200);
    assert_eq!(listed["Aliases"], json!([moved]));
    let listed = get(&world, &format!("{ALIASES}?FunctionVersion=1"))
        .await
        .ok(200);
    assert_eq!(listed["Aliases"], json!([]));
    let answer = delete(&world, &format!("{FUNCTIONS}/f:2")).await;
    assert_eq!(answer.status, 409, "{}", answer.text);
    for _ in 0..2 {
        delete(&world, LIVE).await.ok(204);
    }
    get(&world, LIVE).await.is(
        404,
        "ResourceNotFoundException",
        &format!("Cannot find alias arn: {}", function_arn("f:live")),
    );
}

#[tokio::test]
async fn an_alias_that_leads_nowhere_is_refused() {
    let world = world().await;
    for (asked, name) in [
        (
            json!({"Name": "live", "FunctionVersion": "3"}),
            "ResourceNotFoundException",
        ),
        (
            json!({"Name": "1", "FunctionVersion": "1"}),
            "ValidationException",
        ),
        (json!({"Name": "live"}), "ValidationException"),
        (
            json!({"Name": "live", "FunctionVersion": "$LATEST",
                "RoutingConfig": {"AdditionalVersionWeights": {"1": 0.5}}}),
            "InvalidParameterValueException",
        ),
        (
            json!({"Name": "live", "FunctionVersion": "1",
                "RoutingConfig": {"AdditionalVersionWeights": {"1": 0.5}}}),
            "InvalidParameterValueException",
        ),
        (
            json!({"Name": "live", "FunctionVersion": "1",
                "RoutingConfig": {"AdditionalVersionWeights": {"2": 1.5}}}),
            "InvalidParameterValueException",
        ),
    ] {
        let answer = post(&world, ALIASES, asked.clone()).await;
        assert_eq!(
            answer.headers["x-amzn-errortype"], name,
            "{asked}: {}",
            answer.text
        );
    }
}

#[tokio::test]
async fn a_weight_sends_a_part_of_the_batches_to_another_version() {
    let world = world().await;
    let asked = json!({
        "Name": "live", "FunctionVersion": "1",
        "RoutingConfig": {"AdditionalVersionWeights": {"2": 0.25}},
    });
    let made = post(&world, ALIASES, asked.clone()).await.ok(201);
    assert_eq!(made["RoutingConfig"], asked["RoutingConfig"]);
    let catalog = world.app.control.catalog();
    let function = catalog.function("f").unwrap();
    let live = Qualifier::try_from("live").unwrap();
    let route = route(function, Some(&live)).unwrap();
    let (second, shift) = route.shifted.unwrap();
    assert_ne!(second.version, route.function.version);
    let batches = (0..1_000).map(Position);
    let shifted = batches
        .filter(|&first| shift.takes(ShardNumber(0), first))
        .count();
    assert!((200..300).contains(&shifted), "{shifted}");
    let plain = put(&world, LIVE, json!({"RoutingConfig": {}}))
        .await
        .ok(200);
    assert!(plain.get("RoutingConfig").is_none());
}
