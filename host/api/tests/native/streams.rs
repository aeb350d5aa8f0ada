//! Streams: create, look, delete.

use serde_json::json;

use super::{
    client::{delete, get, post, put},
    world::World,
};
use crate::model::{START, set_clock};

#[tokio::test]
async fn a_stream_is_created_once_and_found_after() {
    let world = World::new();
    let made = put(&world.router, "/v1/streams/clicks", r#"{"shards": 2}"#).await;
    let expected = json!({
        "name": "clicks", "status": "ACTIVE", "created_ms": START, "retention_hours": 24,
        "open_shards": 2, "records": 0, "shards": [
            {
                "shard_id": "shardId-000000000000", "starting_hash_key": "0",
                "ending_hash_key": "170141183460469231731687303715884105727",
                "open": true, "records": 0, "last_arrival_ms": 0,
            },
            {
                "shard_id": "shardId-000000000001",
                "starting_hash_key": "170141183460469231731687303715884105728",
                "ending_hash_key": "340282366920938463463374607431768211455",
                "open": true, "records": 0, "last_arrival_ms": 0,
            },
        ],
    });
    assert_eq!(made.expect(201), expected);
    let again = put(&world.router, "/v1/streams/clicks", r#"{"shards": 2}"#).await;
    assert_eq!(again.expect(200), expected);
    let found = get(&world.router, "/v1/streams/clicks").await;
    assert_eq!(found.expect(200), expected);
    let all = get(&world.router, "/v1/streams").await;
    assert_eq!(all.expect(200), json!({"streams": [expected]}));
}

#[tokio::test]
async fn a_stream_has_one_shard_unless_told_otherwise() {
    let world = World::new();
    for (name, body) in [("a", ""), ("b", "{}")] {
        let made = put(&world.router, &format!("/v1/streams/{name}"), body).await;
        assert_eq!(made.expect(201)["open_shards"], 1);
    }
}

#[tokio::test]
async fn a_stream_with_other_shards_is_not_the_same() {
    let world = World::with_stream("s", 2).await;
    let other = put(&world.router, "/v1/streams/s", r#"{"shards": 3}"#).await;
    assert_eq!(
        other.expect_error(409, "already_exists"),
        "stream `s` already exists"
    );
}

#[tokio::test]
async fn a_number_of_shards_that_cannot_be_is_refused() {
    let world = World::new();
    for shards in [0, 10_001] {
        let body = json!({ "shards": shards }).to_string();
        let refused = put(&world.router, "/v1/streams/s", body).await;
        let message = refused.expect_error(400, "invalid_setting");
        assert!(message.contains("1 to 500"), "{message}");
    }
    for (body, place) in [
        (r#"{"shards": "4"}"#, "`shards`"),
        (r#"{"shards": -1}"#, "`shards`"),
        (r#"{"shrads": 4}"#, "shrads"),
        (r#"{"shards": 4"#, "line 1 column 12"),
        ("[]", "line 1"),
    ] {
        let refused = put(&world.router, "/v1/streams/s", body).await;
        let message = refused.expect_error(400, "bad_request");
        assert!(message.contains(place), "{body}: {message}");
    }
    get(&world.router, "/v1/streams/s")
        .await
        .expect_error(404, "no_such_stream");
}

#[tokio::test]
async fn the_records_that_are_kept_are_counted() {
    let world = World::with_stream("s", 1).await;
    let path = "/v1/streams/s/records?format=lines";
    post(&world.router, path, "a\nb").await.expect(200);
    set_clock(5_000);
    post(&world.router, path, "c").await.expect(200);
    let shard = world.app.control.catalog().stream("s").unwrap().shards[0].number;
    let trimmed = world.app.log.trim(shard, START.plus(1)).await;
    assert_eq!(trimmed, Ok(2));
    let stream = get(&world.router, "/v1/streams/s").await.expect(200);
    assert_eq!(stream["records"], 1);
    assert_eq!(stream["shards"][0]["records"], 1);
    assert_eq!(
        stream["shards"][0]["last_arrival_ms"],
        json!(START.plus(5_000))
    );
}

#[tokio::test]
async fn a_deleted_stream_is_gone() {
    let world = World::with_stream("s", 1).await;
    let deleted = delete(&world.router, "/v1/streams/s").await;
    assert_eq!((deleted.status.as_u16(), &*deleted.text), (204, ""));
    for answer in [
        get(&world.router, "/v1/streams/s").await,
        delete(&world.router, "/v1/streams/s").await,
        get(&world.router, "/v1/streams/s/tail").await,
        post(&world.router, "/v1/streams/s/records", "x").await,
    ] {
        let message = answer.expect_error(404, "no_such_stream");
        assert_eq!(message, "stream `s` does not exist");
    }
}
