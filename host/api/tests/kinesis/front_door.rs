//! What is answered before any action is looked at.

use std::collections::BTreeSet;

use axum::{
    body::Body,
    http::{Method, Request, StatusCode},
};
use serde_json::json;

use super::client::{call, call_raw, send};
use crate::model::Model;

const NOT_A_REQUEST: &str = "<AccessDeniedException>\n  \
    <Message>Unable to determine service/operation name to be authorized</Message>\n\
    </AccessDeniedException>\n";

#[tokio::test]
async fn what_is_not_a_post_of_amazons_json_is_denied_in_xml() {
    let model = Model::new();
    let with = |method: Method, content: Option<&str>| {
        let mut request = Request::builder().method(method).uri("/");
        if let Some(content) = content {
            request = request.header("content-type", content);
        }
        request.body(Body::from("{}")).unwrap()
    };
    for request in [
        with(Method::GET, None),
        with(Method::PUT, Some("application/x-amz-json-1.1")),
        with(Method::OPTIONS, None),
        with(Method::POST, None),
        with(Method::POST, Some("text/plain")),
    ] {
        let reply = send(&model, request).await;
        assert_eq!(reply.status, StatusCode::FORBIDDEN);
        assert_eq!(reply.body, NOT_A_REQUEST);
        assert_eq!(reply.headers["content-type"], "text/xml");
    }
}

#[tokio::test]
async fn a_target_in_another_encoding_is_not_known() {
    let model = Model::new();
    for content in ["application/cbor", "application/json", ""] {
        let request = Request::post("/")
            .header("content-type", content)
            .header("x-amz-target", "Kinesis_20131202.ListStreams")
            .body(Body::from("{}"))
            .unwrap();
        let reply = send(&model, request).await;
        assert_eq!(reply.status, StatusCode::NOT_FOUND, "{content}");
        assert_eq!(reply.body, "<UnknownOperationException/>\n");
    }
}

#[tokio::test]
async fn actions_are_known_by_their_exact_names() {
    let model = Model::new();
    for action in ["", "NoSuchAction", "putRecords", "SplitShards"] {
        let reply = call(&model, action, json!({})).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST);
        assert_eq!(reply.body, r#"{"__type":"UnknownOperationException"}"#);
    }
    let request = Request::post("/")
        .header("content-type", "application/x-amz-json-1.1")
        .body(Body::from("{}"))
        .unwrap();
    send(&model, request)
        .await
        .is("UnknownOperationException", "");
}

#[tokio::test]
async fn a_content_type_may_have_parameters() {
    let request = Request::post("/")
        .header("content-type", "application/x-amz-json-1.1; charset=utf-8")
        .header("x-amz-target", "Kinesis_20131202.ListStreams")
        .body(Body::from("{}"))
        .unwrap();
    send(&Model::new(), request).await.ok();
}

#[tokio::test]
async fn every_answer_has_ids_of_its_own_and_a_length() {
    let model = Model::new();
    let mut ids = BTreeSet::new();
    for action in ["ListStreams", "DescribeStream", "NoSuchAction"] {
        let reply = call(&model, action, json!({})).await;
        let id = reply.headers["x-amzn-requestid"].to_str().unwrap();
        let dashes: Vec<_> = id.split('-').map(str::len).collect();
        assert_eq!(dashes, [8, 4, 4, 4, 12], "{id}");
        assert_eq!(reply.headers["x-amz-id-2"].len(), 96);
        assert_eq!(reply.headers["content-type"], "application/x-amz-json-1.1");
        ids.insert(id.to_owned());
    }
    assert_eq!(ids.len(), 3);
}

#[tokio::test]
async fn bodies_are_refused_above_their_limits_and_not_below() {
    let model = Model::with_stream("s", 1).await;
    for (action, limit) in [
        ("PutRecords", 16 << 20),
        ("PutRecord", 16 << 20),
        ("ListStreams", 2 << 20),
    ] {
        let just = call_raw(&model, action, " ".repeat(limit)).await;
        assert_eq!(just.refused().0, "SerializationException");
        let reply = call_raw(&model, action, " ".repeat(limit + 1)).await;
        assert_eq!(reply.status, StatusCode::PAYLOAD_TOO_LARGE);
        let message = format!("the body has more than {limit} bytes");
        reply.is("RequestEntityTooLargeException", &message);
        assert_eq!(reply.headers["connection"], "close");
    }
}

#[tokio::test]
async fn answers_are_counted_by_action() {
    let model = Model::with_stream("s", 1).await;
    let app = model.app();
    let router = millstream_api::server::router(app.clone());
    use tower::ServiceExt as _;
    for action in ["DescribeStream", "NoSuchAction"] {
        let request = super::client::request(action, r#"{"StreamName":"s"}"#);
        router.clone().oneshot(request).await.unwrap();
    }
    let metrics = app.metrics.render();
    for line in [
        r#"millstream_http_requests_total{route="DescribeStream",status="2xx"} 1"#,
        r#"millstream_http_requests_total{route="Unknown",status="4xx"} 1"#,
    ] {
        assert!(metrics.lines().any(|l| l == line), "{line} in\n{metrics}");
    }
}
