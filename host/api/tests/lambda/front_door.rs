//! What stands before every operation: paths, signatures, bodies.

use std::sync::Arc;

use axum::{
    body::Body,
    http::{Method, Request},
};
use millstream_api::auth::{Access, Credentials};
use serde_json::json;

use super::client::{FUNCTIONS, Reply, call, function, get, post, send, with_function};
use crate::native::world::World;

#[tokio::test]
async fn both_interfaces_and_kinesis_share_the_port() {
    let world = with_function("f").await;
    get(&world, "/livez").await.ok_or_native();
    let answer = get(&world, "/v1/functions/f").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let answer = post(&world, "/", json!({})).await;
    assert_eq!(answer.status, 403, "{}", answer.text);
}

impl Reply {
    /// The native interface gives no ids.
    #[track_caller]
    fn ok_or_native(&self) {
        assert_eq!(self.status, 200, "{}", self.text);
    }
}

#[tokio::test]
async fn names_are_taken_in_every_form() {
    let world = with_function("f").await;
    for name in [
        "f",
        "123456789012:function:f",
        "123456789012%3Afunction%3Af",
        "arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Af",
        "arn:aws:lambda:us-east-1:123456789012:function:f",
        "f:$LATEST",
        "f%3A%24LATEST",
    ] {
        let answer = get(&world, &format!("{FUNCTIONS}/{name}")).await.ok(200);
        assert_eq!(answer["Configuration"]["FunctionName"], "f", "{name}");
    }
    let listed = get(&world, &format!("{FUNCTIONS}/")).await.ok(200);
    assert_eq!(listed["Functions"].as_array().unwrap().len(), 1);
    let elsewhere = "arn:aws:lambda:eu-west-1:123456789012:function:f";
    get(&world, &format!("{FUNCTIONS}/{elsewhere}")).await.is(
        404,
        "ResourceNotFoundException",
        "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')",
    );
    let bad = get(&world, &format!("{FUNCTIONS}/a.b!")).await;
    assert_eq!(bad.headers["x-amzn-errortype"], "ValidationException");
    assert!(
        bad.text.contains("Value 'a.b!' at 'functionName'"),
        "{}",
        bad.text
    );
}

#[tokio::test]
async fn what_is_no_operation_says_so() {
    let world = World::new();
    for (method, path) in [
        (Method::PATCH, FUNCTIONS),
        (Method::GET, "/2015-03-31/nothing"),
        (Method::GET, "/2099-01-01/functions"),
    ] {
        let answer = call(&world, method, path, json!(null)).await;
        assert_eq!(answer.status, 404, "{path}: {}", answer.text);
    }
}

#[tokio::test]
async fn bodies_are_checked_type_by_type() {
    let world = World::new();
    for (body, name) in [
        ("{", "SerializationException"),
        ("[]", "SerializationException"),
        (r#"{"FunctionName": 1}"#, "SerializationException"),
        ("{}", "ValidationException"),
    ] {
        let request = Request::post(FUNCTIONS).body(Body::from(body)).unwrap();
        let answer = send(&world, request).await;
        assert_eq!(answer.status, 400, "{body}");
        assert_eq!(answer.headers["x-amzn-errortype"], name, "{body}");
    }
    let mut bad = function("f");
    bad["Timeout"] = json!(0);
    bad["MemorySize"] = json!(1);
    post(&world, FUNCTIONS, bad).await.is(
        400,
        "ValidationException",
        "2 validation errors detected: Value '0' at 'timeout' failed to satisfy constraint: \
         Member must have value greater than or equal to 1; Value '1' at 'memorySize' failed to \
         satisfy constraint: Member must have value greater than or equal to 128",
    );
}

#[tokio::test]
async fn a_body_may_be_as_long_as_a_module_only_where_there_is_one() {
    let world = World::new();
    let long = vec![b' '; 2 << 20];
    let path = "/2015-03-31/event-source-mappings";
    let request = Request::post(path).body(Body::from(long.clone())).unwrap();
    let answer = send(&world, request).await;
    let name = &answer.headers["x-amzn-errortype"];
    assert_eq!(name, "RequestEntityTooLargeException");
    let request = Request::post(FUNCTIONS).body(Body::from(long)).unwrap();
    let answer = send(&world, request).await;
    assert_eq!(answer.headers["x-amzn-errortype"], "SerializationException");
}

#[tokio::test]
async fn signatures_are_for_lambda() {
    let credentials = Credentials::of("AKIDEXAMPLE", "secret").unwrap();
    let mut world = World::new();
    let app = millstream_api::app::App {
        access: Access::Known(Arc::new(credentials)),
        ..world.app.clone()
    };
    world.router = millstream_api::server::router(app);
    get(&world, FUNCTIONS).await.is(
        403,
        "MissingAuthenticationTokenException",
        "Missing Authentication Token",
    );
    for (service, refusal) in [
        (
            "kinesis",
            "Credential should be scoped to correct service: 'lambda'. ",
        ),
        (
            "lambda",
            "The request signature we calculated does not match the signature you provided. \
             Check your AWS Secret Access Key and signing method. \
             Consult the service documentation for details.",
        ),
    ] {
        let request = Request::get(FUNCTIONS).body(Body::empty()).unwrap();
        let answer = send(&world, signed(request, service, "us-east-1")).await;
        answer.is(403, "InvalidSignatureException", refusal);
    }
}

/// With a signature that is not right, but well formed.
pub(crate) fn signed(mut request: Request<Body>, service: &str, region: &str) -> Request<Body> {
    let signature = format!(
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20231114/{region}/{service}/aws4_request, \
         SignedHeaders=host;x-amz-date, Signature={}",
        "0".repeat(64)
    );
    let headers = request.headers_mut();
    headers.insert("authorization", signature.parse().unwrap());
    headers.insert("x-amz-date", "20231114T221320Z".parse().unwrap());
    request
}

#[tokio::test]
async fn functions_are_in_every_region_and_show_that_of_the_signature() {
    let world = with_function("f").await;
    let path = format!("{FUNCTIONS}/f/configuration");
    let request = Request::get(path).body(Body::empty()).unwrap();
    let answer = send(&world, signed(request, "lambda", "eu-west-1")).await;
    let arn = "arn:aws:lambda:eu-west-1:123456789012:function:f";
    assert_eq!(answer.ok(200)["FunctionArn"], arn);
}
