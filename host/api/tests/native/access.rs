//! Who may use the native interface once the host has credentials.

use axum::{Router, body::Body, extract::Request, http::Method};
use millstream_api::{
    app::App,
    auth::{Access, Asked, Credentials, Peer, sign},
};
use tower::ServiceExt as _;

use super::{
    client::{get, post, send},
    world::World,
};
use crate::model::now;

const PAIR: [&str; 2] = ["AKIAME", "hush/hush+hush"];

/// A host that knows one pair, and what it is asked through.
async fn guarded() -> (World, Router) {
    let world = World::with_stream("s", 1).await;
    let credentials = Credentials::of(PAIR[0], PAIR[1]).unwrap();
    let app = App {
        access: Access::known(credentials),
        ..world.app.clone()
    };
    let router = millstream_api::server::router(app);
    (world, router)
}

async fn list(router: &Router, authorization: &str) -> super::client::Answer {
    let headers = [("authorization", authorization)];
    send(router, Method::GET, "/v1/streams", &headers, Body::empty()).await
}

#[tokio::test]
async fn nothing_is_done_without_credentials() {
    let (world, router) = guarded().await;
    for path in ["/v1/streams", "/v1/status", "/v1/triggers", "/v1/functions"] {
        let answer = get(&router, path).await;
        let text = answer.expect_error(401, "unauthorized");
        assert!(text.contains("Authorization: Bearer SECRET_KEY"), "{text}");
        assert_eq!(answer.headers["www-authenticate"], "Bearer");
    }
    post(&router, "/v1/streams/s/records?format=lines", "a")
        .await
        .expect_error(401, "unauthorized");
    assert_eq!(world.model.records("s"), [[]]);
    assert_eq!(get(&router, "/v1/nothing").await.status, 404);
}

#[tokio::test]
async fn a_secret_opens_it() {
    let (_world, router) = guarded().await;
    for right in ["Bearer hush/hush+hush", "bearer   hush/hush+hush "] {
        assert_eq!(list(&router, right).await.status, 200, "{right}");
    }
    for wrong in [
        "Bearer hush",
        "Bearer hush/hush+hush+",
        "Bearer ",
        "Bearer",
        "Basic hush/hush+hush",
        "AWS4-HMAC-SHA256 Credential=AKIAME",
    ] {
        let answer = list(&router, wrong).await;
        let text = answer.expect_error(401, "unauthorized");
        assert!(!text.contains("hush"), "{text}");
    }
}

#[tokio::test]
async fn a_signature_opens_it_for_what_it_was_made_over() {
    let (world, router) = guarded().await;
    let signed = |service: &str, body: &'static str| {
        let request = Request::post("/v1/streams/s/records?format=lines")
            .header("host", "localhost")
            .header("content-type", "text/plain");
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let scope = ["eu-west-1", service];
        for (name, value) in sign(&Asked::from(&parts), b"one", PAIR, scope, now()) {
            parts.headers.insert(name, value);
        }
        Request::from_parts(parts, Body::from(body))
    };
    for (service, body, status) in [
        ("millstream", "two", 401),
        ("kinesis", "one", 401),
        ("millstream", "one", 200),
    ] {
        let answer = router.clone().oneshot(signed(service, body)).await.unwrap();
        assert_eq!(answer.status(), status, "{service} {body}");
    }
    assert_eq!(world.model.records("s")[0].len(), 1);
}

#[tokio::test]
async fn the_process_is_watched_from_its_own_machine_without_any() {
    let (_world, router) = guarded().await;
    for path in ["/livez", "/readyz", "/metrics"] {
        get(&router, path).await.expect_error(401, "unauthorized");
        for (peer, status) in [
            ("127.0.0.1", 200),
            ("::1", 200),
            ("::ffff:127.0.0.1", 200),
            ("10.0.0.1", 401),
        ] {
            let mut request = Request::get(path).body(Body::empty()).unwrap();
            request.extensions_mut().insert(Peer(peer.parse().unwrap()));
            let answer = router.clone().oneshot(request).await.unwrap();
            assert_eq!(answer.status(), status, "{path} {peer}");
        }
        let headers = [("authorization", "Bearer hush/hush+hush")];
        let answer = send(&router, Method::GET, path, &headers, Body::empty()).await;
        assert_eq!(answer.status, 200, "{path}");
    }
}
