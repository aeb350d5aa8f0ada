//! Requests that fit no route, and names that cannot be names.

use axum::{body::Body, http::Method};
use proptest::prelude::*;

use super::{
    client::{delete, get, put, send},
    world::World,
};

#[tokio::test]
async fn an_unknown_path_is_told_as_json() {
    let world = World::new();
    for path in [
        "/v1",
        "/v2/streams",
        "/v1/streams/",
        "/v1/streams/a/b",
        "/v1/streams/a/b/c",
    ] {
        let message = get(&world.router, path)
            .await
            .expect_error(404, "no_such_route");
        assert!(message.contains(path), "{message}");
    }
}

#[tokio::test]
async fn a_wrong_method_is_told_with_the_right_ones() {
    let world = World::new();
    let refused = send(
        &world.router,
        Method::PATCH,
        "/v1/streams/s",
        &[],
        Body::empty(),
    )
    .await;
    let message = refused.expect_error(405, "method_not_allowed");
    assert_eq!(message, "`/v1/streams/s` does not take PATCH");
    let allowed = refused.headers["allow"].to_str().unwrap();
    for method in ["PUT", "GET", "DELETE"] {
        assert!(allowed.contains(method), "{allowed}");
    }
}

#[tokio::test]
async fn names_that_could_be_paths_are_refused() {
    let world = World::new();
    let long = "x".repeat(129);
    for name in [
        "a%2fb", "a%2Fb", "%00", "a%00b", "%C3%A9", "a%20b", "..%2f..", "a%3Bb", &long,
    ] {
        for kind in ["streams", "functions", "triggers"] {
            let path = format!("/v1/{kind}/{name}");
            for answer in [
                get(&world.router, &path).await,
                put(&world.router, &path, "{}").await,
                delete(&world.router, &path).await,
            ] {
                answer.expect_error(400, "invalid_name");
            }
        }
    }
    let refused = get(&world.router, "/v1/streams/a%2fb").await;
    let message = refused.expect_error(400, "invalid_name");
    assert!(message.contains("'/' at offset 1"), "{message}");
    let not_utf8 = get(&world.router, "/v1/streams/%FF").await;
    not_utf8.expect_error(400, "bad_request");
}

proptest! {
    #[test]
    fn no_json_breaks_the_host(
        body in prop_oneof![
            "[\\x00-\\x7f]{0,60}",
            r#"\{"(shards|stream|function|records|path|starting_position)":("x"|-?[0-9]{1,30}|null|\[\]|\{\}|1e999)?\}?"#,
        ],
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let world = World::with_function("f").await;
            for (method, path) in [
                (Method::PUT, "/v1/streams/s"),
                (Method::PUT, "/v1/triggers/t"),
                (Method::POST, "/v1/functions/f/invoke"),
                (Method::POST, "/v1/backup"),
            ] {
                let answer = send(&world.router, method, path, &[], body.clone()).await;
                prop_assert!(answer.status.as_u16() < 500, "{path}: {answer:?}");
                answer.json();
            }
            Ok(())
        })?;
    }
}
