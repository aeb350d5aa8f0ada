//! Who is answered: signatures at the front door, and the region that they are for.

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use millstream_api::{
    app::App,
    auth::{Access, Asked, Credentials, sign},
};
use millstream_core::time::Millis;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::client::{Reply, base64, call_in, request};
use crate::model::{Model, now};

const PAIR: [&str; 2] = ["AKIAME", "hush/hush+hush"];
const MISSING: &str = "MissingAuthenticationTokenException";
const INCOMPLETE: &str = "IncompleteSignatureException";
const INVALID: &str = "InvalidSignatureException";
const UNRECOGNIZED: &str = "UnrecognizedClientException";

async fn ask(model: &Model, access: Access, request: Request<Body>) -> Reply {
    let app = App {
        access,
        ..model.app()
    };
    let router = millstream_api::server::router(app);
    Reply::of(router.oneshot(request).await.unwrap()).await
}

fn known() -> Access {
    Access::known(Credentials::of(PAIR[0], PAIR[1]).unwrap())
}

/// A request that is signed as it should be, unless `pair`, `region` or `at` are not.
fn signed(pair: [&str; 2], region: &str, at: Millis, action: &str, body: &str) -> Request<Body> {
    let mut request = request(action, body.to_owned());
    let host = "localhost:4567".parse().unwrap();
    request.headers_mut().insert("host", host);
    let (mut parts, body_again) = request.into_parts();
    let scope = [region, "kinesis"];
    let headers = sign(&Asked::from(&parts), body.as_bytes(), pair, scope, at);
    parts.headers.extend(headers);
    Request::from_parts(parts, body_again)
}

fn with(headers: &[(&'static str, &str)]) -> Request<Body> {
    let mut request = request("ListStreams", "{}");
    for (name, value) in headers {
        let value = value.parse().unwrap();
        request.headers_mut().insert(*name, value);
    }
    request
}

#[tokio::test]
async fn without_credentials_any_signature_will_do_that_could_be_one() {
    let model = Model::new();
    let whole = "AWS4-HMAC-SHA256 Credential=any/20200101/us-east-1/kinesis/aws4_request, \
        SignedHeaders=host, Signature=00";
    let date = ("x-amz-date", "20200101T000000Z");
    let reply = ask(
        &model,
        Access::Local,
        with(&[("authorization", whole), date]),
    )
    .await;
    reply.ok();
    for (headers, name) in [
        (&[][..], MISSING),
        (&[date], MISSING),
        (&[("authorization", whole)], INCOMPLETE),
        (&[("authorization", "Bearer any"), date], INCOMPLETE),
        (
            &[("authorization", &whole.replace("HMAC", "X")), date],
            INCOMPLETE,
        ),
        (
            &[("authorization", &whole.replace("/kinesis", "")), date],
            INCOMPLETE,
        ),
        (
            &[
                ("authorization", &whole.replace("us-east-1", "local")),
                date,
            ],
            INVALID,
        ),
        (
            &[("authorization", whole), ("x-amz-date", "yesterday")],
            INCOMPLETE,
        ),
    ] {
        let reply = ask(&model, Access::Local, with(headers)).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST);
        assert_eq!(reply.refused().0, name, "{headers:?}");
    }
}

#[tokio::test]
async fn with_credentials_a_signature_has_to_be_right() {
    let model = Model::with_stream("s", 1).await;
    let put = json!({"StreamName": "s", "PartitionKey": "k", "Data": base64("x")}).to_string();
    let sent = |pair, at| signed(pair, "us-east-1", at, "PutRecord", &put);
    let minutes = |n: u64| n * 60_000;
    let early = Millis(now().0 - minutes(15) - 1000);
    let late = Millis(now().0 + minutes(15) + 1000);
    for (request, name) in [
        (request("PutRecord", put.clone()), MISSING),
        (sent([PAIR[0], "hush"], now()), INVALID),
        (sent(["AKIAYOU", PAIR[1]], now()), UNRECOGNIZED),
        (sent(PAIR, early), INVALID),
        (sent(PAIR, late), INVALID),
    ] {
        let reply = ask(&model, known(), request).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST);
        assert_eq!(reply.refused().0, name);
    }
    let mut other = sent(PAIR, now());
    *other.body_mut() = Body::from(put.replace("\"k\"", "\"l\""));
    let reply = ask(&model, known(), other).await;
    assert_eq!(reply.refused().0, INVALID);
    assert_eq!(model.records("s"), [[]], "nothing of it was done");
    for at in [now(), Millis(early.0 + 1000), Millis(late.0 - 1000)] {
        ask(&model, known(), sent(PAIR, at)).await.ok();
    }
    assert_eq!(model.records("s")[0].len(), 3);
}

#[tokio::test]
async fn what_is_no_request_is_told_before_who_asks() {
    let model = Model::new();
    for (action, name) in [
        ("NoSuchAction", "UnknownOperationException"),
        ("ListStreams", MISSING),
    ] {
        let reply = ask(&model, known(), request(action, "not JSON")).await;
        assert_eq!(reply.refused().0, name);
    }
    let signed = signed(PAIR, "us-east-1", now(), "ListStreams", "not JSON");
    let reply = ask(&model, known(), signed).await;
    assert_eq!(reply.refused().0, "SerializationException");
}

#[tokio::test]
async fn an_error_of_a_signature_has_the_form_of_the_request() {
    let model = Model::new();
    let mut request = request("ListStreams", "{}");
    let form = "application/x-amz-cbor-1.1".parse().unwrap();
    request.headers_mut().insert("content-type", form);
    let reply = ask(&model, Access::Local, request).await;
    assert_eq!(reply.headers["content-type"], "application/x-amz-cbor-1.1");
    assert_eq!(reply.headers["x-amzn-errortype"], MISSING);
    assert!(
        reply
            .body
            .windows(MISSING.len())
            .any(|part| part == MISSING.as_bytes())
    );
}

#[tokio::test]
async fn the_region_of_a_presigned_request_is_that_of_its_query() {
    let model = Model::with_stream("s", 1).await;
    let there = json!({"StreamName": "there", "ShardCount": 1});
    call_in(&model, "eu-west-1", "CreateStream", there)
        .await
        .ok();
    let mut presigned = request("ListStreams", "{}");
    let query = "/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=20231114T221320Z\
        &X-Amz-Credential=any%2F20231114%2Feu-west-1%2Fkinesis%2Faws4_request\
        &X-Amz-SignedHeaders=host&X-Amz-Signature=00";
    *presigned.uri_mut() = query.parse().unwrap();
    let listed = ask(&model, Access::Local, presigned).await.ok();
    assert_eq!(listed["StreamNames"], json!(["there"]));
}

#[tokio::test]
async fn iterators_and_tokens_are_good_in_their_own_region_alone() {
    let model = Model::new();
    let (here, there) = ("us-east-1", "eu-west-1");
    let call = |region, action, body: Value| call_in(&model, region, action, body);
    for (region, name) in [(here, "a"), (here, "b"), (there, "a"), (there, "b")] {
        let create = json!({"StreamName": name, "ShardCount": 2});
        call(region, "CreateStream", create).await.ok();
    }
    for (own, other) in [(here, there), (there, here)] {
        let start = json!({
            "StreamName": "a", "ShardId": "shardId-000000000000", "ShardIteratorType": "LATEST"
        });
        let iterator = call(own, "GetShardIterator", start).await.ok();
        let read = json!({"ShardIterator": iterator["ShardIterator"]});
        call(own, "GetRecords", read.clone()).await.ok();
        call(other, "GetRecords", read)
            .await
            .is("InvalidArgumentException", "Invalid ShardIterator.");
        let shards = json!({"StreamName": "a", "MaxResults": 1});
        for (action, first) in [("ListShards", shards), ("ListStreams", json!({"Limit": 1}))] {
            let page = call(own, action, first).await.ok();
            let next = json!({"NextToken": page["NextToken"]});
            call(own, action, next.clone()).await.ok();
            let refused = call(other, action, next).await;
            refused.is(
                "InvalidArgumentException",
                "The specified NextToken is not valid.",
            );
        }
    }
}
