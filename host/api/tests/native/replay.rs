//! What a replay and a move refuse; what they do is tried with the binary.

use serde_json::json;

use super::{
    client::{get, post, put},
    world::World,
};

async fn world() -> World {
    let world = World::with_function("f").await;
    world.model.create_stream("s", 2).await;
    world
}

#[tokio::test]
async fn a_replay_that_makes_no_sense_is_refused() {
    let world = world().await;
    for (query, status, code) in [
        ("function=f", 400, "invalid_setting"),
        ("function=f&qualifier=7", 404, "no_such_function"),
        ("function=g", 404, "no_such_function"),
        ("", 400, "bad_request"),
        ("function=f&from=yesterday", 400, "bad_request"),
        ("function=f&batch_size=0", 400, "bad_request"),
        ("function=f&more=1", 400, "bad_request"),
    ] {
        let answer = get(&world.router, &format!("/v1/streams/s/replay?{query}")).await;
        answer.expect_error(status, code);
    }
    get(&world.router, "/v1/streams/t/replay?function=f")
        .await
        .expect_error(404, "no_such_stream");
}

#[tokio::test]
async fn a_trigger_is_moved_to_where_the_body_says() {
    let world = world().await;
    let settings = json!({"stream": "s", "function": "f", "starting_position": "LATEST"});
    put(&world.router, "/v1/triggers/t", settings.to_string())
        .await
        .expect(201);
    let path = "/v1/triggers/t/move";
    for body in [
        json!({"from": "LATEST"}),
        json!({"from": "0", "reset_state": true}),
    ] {
        post(&world.router, path, body.to_string())
            .await
            .expect(200);
    }
    for (body, code) in [
        (json!({}), "bad_request"),
        (json!({"from": "then"}), "bad_request"),
        (
            json!({"from": "LATEST", "shard": "shardId-9"}),
            "invalid_setting",
        ),
    ] {
        let answer = post(&world.router, path, body.to_string()).await;
        answer.expect_error(400, code);
    }
    let body = json!({"from": "LATEST"}).to_string();
    post(&world.router, "/v1/triggers/u/move", body)
        .await
        .expect_error(404, "no_such_trigger");
}
