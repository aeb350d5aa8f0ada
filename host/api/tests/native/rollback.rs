//! Rollback: back to an earlier upload or version, and what is refused.

use serde_json::{Value, json};

use super::{
    client::{get, post, put},
    world::World,
};
use crate::lambda::client as lambda;

const F: &str = "/v1/functions/f";

async fn back(world: &World, body: &Value) -> super::client::Answer {
    post(&world.router, &format!("{F}/rollback"), body.to_string()).await
}

#[tokio::test]
async fn a_rollback_tells_what_it_chose_and_can_be_undone() {
    let world = World::with_function("f").await;
    let refused = back(&world, &json!({})).await;
    let message = refused.expect_error(400, "invalid_setting");
    assert!(message.starts_with("nothing is known of how it was before"));
    let path = format!("{F}?time_ms=77&config.mode=new");
    put(&world.router, &path, "better").await.expect(200);
    let done = back(&world, &json!({})).await.expect(200);
    assert_eq!(done["to"]["hash"], "hash of good");
    assert_eq!(done["from"]["hash"], "hash of better");
    assert_eq!(done["to"].get("number"), None);
    assert_eq!(done["function"]["hash"], "hash of good");
    assert_eq!(done["function"]["limits"]["time_ms"], 3_000);
    assert_eq!(done["function"]["config"], json!({}));
    assert_eq!(get(&world.router, F).await.expect(200), done["function"]);
    let undone = back(&world, &json!({})).await.expect(200);
    assert_eq!(undone["function"]["hash"], "hash of better");
    assert_eq!(undone["function"]["config"], json!({"mode": "new"}));
    let versions = [&done, &undone].map(|answer| answer["function"]["version"].as_u64());
    assert!(versions.is_sorted() && versions[0] != versions[1]);
}

#[tokio::test]
async fn a_published_version_can_be_named() {
    let world = World::with_function("f").await;
    let publish = format!("{}/f/versions", lambda::FUNCTIONS);
    lambda::post(&world, &publish, json!({})).await.ok(201);
    for module in ["two", "three"] {
        put(&world.router, F, module).await.expect(200);
    }
    let done = back(&world, &json!({"to": 1})).await.expect(200);
    assert_eq!(
        (&done["to"]["number"], &done["to"]["hash"]),
        (&json!(1), &json!("hash of good"))
    );
    let refused = back(&world, &json!({"to": 1})).await;
    let message = refused.expect_error(400, "invalid_setting");
    assert_eq!(message, "it runs version 1 already");
    let refused = back(&world, &json!({"to": 2})).await;
    let message = refused.expect_error(400, "invalid_setting");
    assert_eq!(message, "there is no version 2");
    let refused = post(&world.router, "/v1/functions/g/rollback", "{}").await;
    refused.expect_error(404, "no_such_function");
}
