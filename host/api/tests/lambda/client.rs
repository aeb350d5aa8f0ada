//! Calls operations as an SDK does, and takes their answers apart.

use axum::{
    body::Body,
    http::{HeaderMap, Method, Request, StatusCode},
};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::native::world::World;

pub(crate) const FUNCTIONS: &str = "/2015-03-31/functions";
pub(crate) const MAPPINGS: &str = "/2015-03-31/event-source-mappings";
pub(crate) const ROLE: &str = "arn:aws:iam::123456789012:role/any";

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    /// Asserts the status, and gives the body; null where there is none.
    #[track_caller]
    pub(crate) fn ok(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        assert!(self.headers.contains_key("x-amzn-requestid"));
        if self.text.is_empty() {
            return Value::Null;
        }
        serde_json::from_str(&self.text).unwrap()
    }

    /// Asserts an error by its status, its name and its message, and that it is shaped as its kind is.
    #[track_caller]
    pub(crate) fn is(&self, status: u16, name: &str, message: &str) {
        assert_eq!(self.headers["x-amzn-errortype"], name, "{}", self.text);
        let body = self.ok(status);
        let bare = matches!(name, "ValidationException" | "SerializationException")
            || name.contains("Signature")
            || name.contains("Token");
        let key = match name {
            "ResourceNotFoundException" | "ServiceException" => "Message",
            _ => "message",
        };
        assert_eq!(body[key], message);
        assert_eq!(body.get("Type").is_none(), bare, "{body}");
    }
}

/// Sends a request.
pub(crate) async fn call(world: &World, method: Method, path: &str, body: Value) -> Reply {
    let body = if body.is_null() {
        Body::empty()
    } else {
        Body::from(body.to_string())
    };
    let request = Request::builder().method(method).uri(path).body(body);
    send(world, request.unwrap()).await
}

pub(crate) async fn send(world: &World, request: Request<Body>) -> Reply {
    let response = world.router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    Reply {
        status: parts.status,
        headers: parts.headers,
        text: String::from_utf8(bytes.to_vec()).unwrap(),
    }
}

pub(crate) async fn get(world: &World, path: &str) -> Reply {
    call(world, Method::GET, path, Value::Null).await
}

pub(crate) async fn post(world: &World, path: &str, body: Value) -> Reply {
    call(world, Method::POST, path, body).await
}

pub(crate) async fn put(world: &World, path: &str, body: Value) -> Reply {
    call(world, Method::PUT, path, body).await
}

pub(crate) async fn delete(world: &World, path: &str) -> Reply {
    call(world, Method::DELETE, path, Value::Null).await
}

/// A module that the model's compiler takes, unless `script` says otherwise; as it stands in JSON.
pub(crate) fn module(script: &str) -> String {
    base64_simd::STANDARD.encode_to_string(format!("\0asm {script}"))
}

/// What creates a function.
pub(crate) fn function(name: &str) -> Value {
    json!({
        "FunctionName": name, "Runtime": "provided.al2023", "Handler": "bootstrap",
        "Role": ROLE, "Code": {"ZipFile": module("one")},
    })
}

/// A host with a function.
pub(crate) async fn with_function(name: &str) -> World {
    let world = World::new();
    post(&world, FUNCTIONS, function(name)).await.ok(201);
    world
}

/// A stream's ARN.
pub(crate) fn stream_arn(name: &str) -> String {
    format!("arn:aws:kinesis:us-east-1:123456789012:stream/{name}")
}

/// A function's ARN, with whatever follows.
pub(crate) fn function_arn(name: &str) -> String {
    format!("arn:aws:lambda:us-east-1:123456789012:function:{name}")
}
