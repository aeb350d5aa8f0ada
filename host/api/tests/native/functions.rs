//! Uploads: quick, slow, refused, concurrent.

use axum::body::Body;
use millstream_core::{
    limit::MODULE_BYTES,
    port::{CommitError, Limits},
};
use serde_json::{Value, json};

use super::{
    client::{delete, get, put},
    world::{HELD_MEMORY_BYTES, World},
};
use crate::model::START;

const F: &str = "/v1/functions/f";

/// Looks until the function's upload is no longer compiling.
async fn settled(world: &World) -> Value {
    loop {
        let answer = get(&world.router, F).await;
        if answer.status != 200 || answer.json()["upload"]["status"] != "compiling" {
            return answer.json();
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_upload_answers_with_the_function() {
    let world = World::new();
    let path = format!("{F}?time_ms=500&config.mode=strict&config.a%20b=c%26d");
    let made = put(&world.router, &path, "good").await.expect(201);
    let limits = Limits {
        time_ms: 500,
        ..Limits::default()
    };
    let expected = json!({
        "name": "f", "version": 1, "status": "active", "hash": "hash of good", "size": 4,
        "world": "handler", "imports": ["millstream:function/runtime@0.1.0"],
        "limits": limits, "config": {"mode": "strict", "a b": "c&d"}, "updated_ms": START,
    });
    assert_eq!(made, expected);
    assert_eq!(get(&world.router, F).await.expect(200), expected);
    let all = get(&world.router, "/v1/functions").await.expect(200);
    assert_eq!(all, json!({"functions": [expected]}));
    let next = put(&world.router, F, "better").await.expect(200);
    assert_eq!(next["version"], 2);
    assert_eq!(next["config"], json!({}), "settings go with the upload");
}

#[tokio::test]
async fn a_slow_upload_can_be_followed() {
    let world = World::new();
    let path = format!("{F}?wait_ms=0");
    let job = put(&world.router, &path, "slow good").await.expect(202);
    assert_eq!(job["name"], "f");
    assert_eq!(job["status"], "compiling");
    assert_eq!(
        (&job["size"], &job["started_ms"]),
        (&json!(9), &json!(START))
    );
    assert_eq!(job["hash"].as_str().unwrap().len(), 64);
    let seen = get(&world.router, F).await.expect(200);
    assert_eq!(seen, json!({"name": "f", "upload": job}));
    let all = get(&world.router, "/v1/functions").await.expect(200);
    assert_eq!(all, json!({"functions": []}), "not active yet");
    world.compiler.release();
    let done = settled(&world).await;
    assert_eq!(
        (&done["version"], &done["status"]),
        (&json!(1), &json!("active"))
    );
    assert!(done.get("upload").is_none());
}

#[tokio::test(start_paused = true)]
async fn an_upload_waits_as_long_as_it_is_told() {
    let world = World::new();
    let before = tokio::time::Instant::now();
    put(&world.router, F, "slow good").await.expect(202);
    assert_eq!(before.elapsed().as_secs(), 10);
}

#[tokio::test]
async fn a_refused_module_says_why() {
    let world = World::new();
    for (script, status, code) in [
        ("text", 422, "module_refused"),
        ("foreign", 422, "module_refused"),
        ("bomb", 422, "module_refused"),
        ("ill", 500, "internal"),
    ] {
        let refused = put(&world.router, F, script).await;
        let message = refused.expect_error(status, code);
        assert!(
            message.contains(&format!("{script} was uploaded")),
            "{message}"
        );
        let seen = get(&world.router, F).await.expect(200);
        assert_eq!(seen["upload"]["status"], "failed");
        assert_eq!(seen["upload"]["error"]["code"], code);
    }
}

#[tokio::test]
async fn a_failed_upload_leaves_the_version_before_it() {
    let world = World::with_function("f").await;
    put(&world.router, F, "foreign")
        .await
        .expect_error(422, "module_refused");
    let seen = get(&world.router, F).await.expect(200);
    assert_eq!(
        (&seen["version"], &seen["hash"]),
        (&json!(1), &json!("hash of good"))
    );
    assert_eq!(seen["upload"]["status"], "failed");
    put(&world.router, F, "better").await.expect(200);
    let seen = get(&world.router, F).await.expect(200);
    assert_eq!(seen["version"], 2);
    assert!(seen.get("upload").is_none(), "the failure is over");
}

#[tokio::test]
async fn an_upload_that_cannot_be_stored_failed() {
    let world = World::new();
    world.model.fail_commits(CommitError::Full);
    put(&world.router, F, "good")
        .await
        .expect_error(503, "disk_full");
    let seen = get(&world.router, F).await.expect(200);
    assert_eq!(seen["upload"]["error"]["code"], "disk_full");
    world.model.fail_commits(None);
    put(&world.router, F, "good").await.expect(201);
}

#[tokio::test]
async fn a_compiler_that_panics_does_not_block_the_function() {
    let world = World::new();
    put(&world.router, F, "panic")
        .await
        .expect_error(500, "internal");
    let seen = get(&world.router, F).await.expect(200);
    assert_eq!(seen["upload"]["status"], "failed");
    put(&world.router, F, "good").await.expect(201);
}

#[tokio::test]
async fn a_function_takes_one_upload_at_a_time() {
    let world = World::new();
    let path = format!("{F}?wait_ms=0");
    put(&world.router, &path, "slow first").await.expect(202);
    put(&world.router, &path, "second")
        .await
        .expect_error(409, "busy");
    put(&world.router, "/v1/functions/g", "other")
        .await
        .expect(201);
    world.compiler.release();
    assert_eq!(settled(&world).await["hash"], "hash of slow first");
    put(&world.router, &path, "third").await;
    assert_eq!(settled(&world).await["hash"], "hash of third");
}

#[tokio::test]
async fn the_host_takes_a_few_uploads_at_once() {
    let world = World::new();
    for i in 0..4 {
        let path = format!("/v1/functions/f{i}?wait_ms=0");
        put(&world.router, &path, "slow good").await.expect(202);
    }
    put(&world.router, F, "good")
        .await
        .expect_error(503, "busy");
    world.compiler.release();
    loop {
        let answer = put(&world.router, F, "good").await;
        if answer.status == 201 {
            break;
        }
        answer.expect_error(503, "busy");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_upload_goes_on_when_its_client_is_gone() {
    let world = World::new();
    let router = world.router.clone();
    let client = tokio::spawn(async move { put(&router, F, "slow good").await.status });
    while get(&world.router, F).await.status == 404 {
        tokio::task::yield_now().await;
    }
    client.abort();
    assert!(client.await.unwrap_err().is_cancelled());
    world.compiler.release();
    assert_eq!(settled(&world).await["version"], 1);
}

#[tokio::test]
async fn a_body_that_is_no_module_is_refused() {
    let world = World::new();
    put(&world.router, F, Body::empty())
        .await
        .expect_error(400, "bad_request");
    let cut = futures_util::stream::iter([Ok("half"), Err("the client is gone")]);
    let cut = put(&world.router, F, Body::from_stream(cut)).await;
    let message = cut.expect_error(400, "bad_request");
    assert!(message.contains("the client is gone"), "{message}");
    let large = vec![0; MODULE_BYTES + 1];
    put(&world.router, F, large)
        .await
        .expect_error(413, "too_large");
    get(&world.router, F)
        .await
        .expect_error(404, "no_such_function");
}

#[tokio::test]
async fn a_setting_that_cannot_be_is_refused_before_the_body_is_read() {
    let world = World::new();
    for (query, code) in [
        ("time_ms=0", "invalid_setting"),
        ("memory_bytes=lots", "invalid_setting"),
        ("wait_ms=-1", "invalid_setting"),
        ("cpu=1", "bad_request"),
    ] {
        let refused = put(&world.router, &format!("{F}?{query}"), "good").await;
        let message = refused.expect_error(400, code);
        assert!(
            message.contains(query.split('=').next().unwrap()),
            "{message}"
        );
    }
}

#[tokio::test]
async fn a_deleted_function_is_gone() {
    let world = World::with_function("f").await;
    assert_eq!(delete(&world.router, F).await.status.as_u16(), 204);
    get(&world.router, F)
        .await
        .expect_error(404, "no_such_function");
    delete(&world.router, F)
        .await
        .expect_error(404, "no_such_function");
}

#[tokio::test]
async fn a_failed_first_upload_can_be_deleted() {
    let world = World::new();
    put(&world.router, F, "text")
        .await
        .expect_error(422, "module_refused");
    assert_eq!(delete(&world.router, F).await.status.as_u16(), 204);
    get(&world.router, F)
        .await
        .expect_error(404, "no_such_function");
}

#[tokio::test]
async fn a_function_is_shown_as_the_host_can_run_it() {
    let world = World::new();
    let path = "/v1/functions/faulty?memory_bytes=4294967296";
    put(&world.router, path, "good").await.expect(201);
    let seen = get(&world.router, "/v1/functions/faulty").await.expect(200);
    assert_eq!(seen["status"], "unavailable");
    assert_eq!(seen["reason"], "it is too large");
    assert_eq!(seen["limits"]["memory_bytes"], HELD_MEMORY_BYTES);
    let list = get(&world.router, "/v1/functions").await.expect(200);
    assert_eq!(list["functions"][0]["status"], "unavailable");
}
