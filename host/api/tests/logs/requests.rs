//! What requests say, and how they are refused.

use std::sync::Arc;

use axum::{body::Body, http::Request};
use millstream_api::auth::{Access, Credentials};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::client::{GROUP, Reply, call, logged, of_group, own, request};
use crate::{lambda::front_door::signed, native::world::World};

#[tokio::test]
async fn a_group_is_named_once_by_name_or_arn() {
    let world = World::with_function("f").await;
    logged(&world, "f", 0, &["a"]).await;
    let arn = "arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/f";
    for body in [
        json!({"logGroupName": GROUP}),
        json!({"logGroupIdentifier": GROUP}),
        json!({"logGroupIdentifier": arn}),
    ] {
        let answer = call(&world, "FilterLogEvents", body).await.ok();
        assert_eq!(own(&answer), ["a"]);
    }
    let text = "The specified log group does not exist.";
    for body in [
        json!({"logGroupName": "/aws/lambda/g"}),
        json!({"logGroupName": "/aws/lambda/"}),
        json!({"logGroupName": "f"}),
        json!({"logGroupIdentifier": arn.replace("us-east-1", "eu-west-1")}),
        json!({"logGroupIdentifier": arn.replace("1234", "9999")}),
        json!({"logGroupIdentifier": arn.replace("logs", "lambda")}),
    ] {
        for operation in ["FilterLogEvents", "DescribeLogStreams"] {
            let refused = call(&world, operation, body.clone()).await;
            refused.is("ResourceNotFoundException", text);
        }
    }
    for body in [
        json!({}),
        json!({"logGroupName": GROUP, "logGroupIdentifier": GROUP}),
    ] {
        let refused = call(&world, "FilterLogEvents", body).await;
        let text = "Exactly one of logGroupName and logGroupIdentifier must be given.";
        refused.is("InvalidParameterException", text);
    }
}

#[tokio::test]
async fn what_cannot_be_is_refused_in_amazons_words() {
    let world = World::with_function("f").await;
    let invalid = |text: &str| format!("1 validation error detected: {text}");
    let rule = "failed to satisfy constraint: Member must";
    for (operation, body, message) in [
        (
            "FilterLogEvents",
            json!({"logGroupName": "a b"}),
            invalid(&format!(
                r"Value 'a b' at 'logGroupName' {rule} satisfy regular expression pattern: [\.\-_/#A-Za-z0-9]+"
            )),
        ),
        (
            "FilterLogEvents",
            of_group(json!({"limit": 10_001})),
            invalid(&format!(
                "Value '10001' at 'limit' {rule} have value less than or equal to 10000"
            )),
        ),
        (
            "DescribeLogGroups",
            json!({"limit": 51}),
            invalid(&format!(
                "Value '51' at 'limit' {rule} have value less than or equal to 50"
            )),
        ),
        (
            "GetLogEvents",
            of_group(json!({})),
            invalid(&format!("Value null at 'logStreamName' {rule} not be null")),
        ),
        (
            "FilterLogEvents",
            of_group(json!({"startTime": -1})),
            invalid(&format!(
                "Value '-1' at 'startTime' {rule} have value greater than or equal to 0"
            )),
        ),
        (
            "FilterLogEvents",
            of_group(json!({"nextToken": "x"})),
            "The specified nextToken is invalid.".to_owned(),
        ),
        (
            "DescribeLogStreams",
            of_group(json!({"nextToken": "x"})),
            "The specified nextToken is invalid.".to_owned(),
        ),
        (
            "FilterLogEvents",
            of_group(json!({"filterPattern": "{ $.a = 1 }"})),
            "Invalid filter pattern: patterns that look into JSON, as in { $.x = 1 }, are not \
             supported by Millstream."
                .to_owned(),
        ),
        (
            "FilterLogEvents",
            of_group(json!({"logStreamNames": ["a"], "logStreamNamePrefix": "a"})),
            "Only one of logStreamNames and logStreamNamePrefix can be given.".to_owned(),
        ),
    ] {
        let refused = call(&world, operation, body).await;
        refused.is("InvalidParameterException", &message);
    }
}

#[tokio::test]
async fn other_operations_are_refused_with_what_their_model_has() {
    let world = World::new();
    for (operation, name) in [
        ("PutLogEvents", "InvalidParameterException"),
        ("CreateLogGroup", "InvalidParameterException"),
        ("StartLiveTail", "InvalidParameterException"),
        ("DescribeDeliveries", "ValidationException"),
        ("ListTagsLogGroup", "ResourceNotFoundException"),
    ] {
        let refused = call(&world, operation, json!({})).await;
        refused.is(
            name,
            &format!("{operation} is not supported by Millstream."),
        );
    }
    let refused = call(&world, "Nothing", json!({})).await;
    refused.is("UnknownOperationException", "the operation is unknown");
}

#[tokio::test]
async fn bodies_that_are_none_are_refused() {
    let world = World::new();
    let send = async |body: Body| {
        let (mut parts, _) = request("DescribeLogGroups", &Value::Null).into_parts();
        parts.headers.remove("content-length");
        let request = Request::from_parts(parts, body);
        Reply::of(world.router.clone().oneshot(request).await.unwrap()).await
    };
    assert_eq!(send(Body::empty()).await.ok(), json!({"logGroups": []}));
    for body in ["[]", "{", "{\"limit\": \"x\"}"] {
        let refused = send(body.into()).await.refused();
        assert_eq!(refused.0, "SerializationException", "{body}");
    }
    let refused = send(vec![b' '; 2 << 20].into()).await;
    assert_eq!(refused.status, 413);
}

#[tokio::test]
async fn signatures_are_for_logs() {
    let credentials = Credentials::of("AKIDEXAMPLE", "secret").unwrap();
    let world = World::new();
    let app = millstream_api::app::App {
        access: Access::Known(Arc::new(credentials)),
        ..world.app.clone()
    };
    let router = millstream_api::server::router(app);
    let send = async |service: Option<&str>| {
        let mut request = request("DescribeLogGroups", &json!({}));
        if let Some(service) = service {
            request = signed(request, service, "us-east-1");
            let headers = request.headers_mut();
            let signature = headers["authorization"].to_str().unwrap();
            let all = "SignedHeaders=content-type;host;x-amz-date;x-amz-target";
            let signature = signature.replace("SignedHeaders=host;x-amz-date", all);
            headers.insert("authorization", signature.parse().unwrap());
        }
        Reply::of(router.clone().oneshot(request).await.unwrap()).await
    };
    let (name, _) = send(None).await.refused();
    assert_eq!(name, "MissingAuthenticationTokenException");
    let refused = send(Some("kinesis")).await;
    let text = "Credential should be scoped to correct service: 'logs'. ";
    refused.is("InvalidSignatureException", text);
    let (_, text) = send(Some("logs")).await.refused();
    assert!(
        text.starts_with("The request signature we calculated"),
        "{text}"
    );
}
