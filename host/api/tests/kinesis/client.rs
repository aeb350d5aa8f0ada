//! Calls actions as an SDK does, and takes their answers apart.

use axum::{
    body::Body,
    http::{HeaderMap, Request, Response, StatusCode},
};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use serde_json::Value;
use tower::ServiceExt as _;

use crate::model::Model;

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    pub(crate) async fn of(response: Response<Body>) -> Self {
        let (parts, body) = response.into_parts();
        Self {
            status: parts.status,
            headers: parts.headers,
            body: body.collect().await.unwrap().to_bytes(),
        }
    }

    /// The answer of a success.
    #[track_caller]
    pub(crate) fn ok(&self) -> Value {
        let text = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status, StatusCode::OK, "{text}");
        if self.body.is_empty() {
            return Value::Null;
        }
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The type and the message of a refusal.
    #[track_caller]
    pub(crate) fn refused(&self) -> (String, String) {
        assert_ne!(self.status, StatusCode::OK, "{:?}", self.body);
        let body: Value = serde_json::from_slice(&self.body).unwrap();
        let name = body["__type"].as_str().unwrap().to_owned();
        assert_eq!(self.headers["x-amzn-errortype"], name.as_str());
        let message = body.get("message").or(body.get("Message"));
        let message = message.and_then(Value::as_str).unwrap_or_default();
        (name, message.to_owned())
    }

    /// Asserts a refusal by its type and message.
    #[track_caller]
    pub(crate) fn is(&self, name: &str, message: &str) {
        assert_eq!(self.refused(), (name.to_owned(), message.to_owned()));
    }
}

/// A request as SDKs make it.
pub(crate) fn request(action: &str, body: impl Into<Body>) -> Request<Body> {
    Request::post("/")
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", format!("Kinesis_20131202.{action}"))
        .body(body.into())
        .unwrap()
}

/// Sends any request.
pub(crate) async fn send(model: &Model, request: Request<Body>) -> Reply {
    let response = model.router().oneshot(request).await.unwrap();
    Reply::of(response).await
}

/// Calls an action with a body as it stands.
pub(crate) async fn call_raw(model: &Model, action: &str, body: impl Into<Body>) -> Reply {
    send(model, request(action, body)).await
}

/// Calls an action.
pub(crate) async fn call(model: &Model, action: &str, body: Value) -> Reply {
    call_raw(model, action, body.to_string()).await
}

/// Calls an action in a region, which is that of the signature.
pub(crate) async fn call_in(model: &Model, region: &str, action: &str, body: Value) -> Reply {
    let mut request = request(action, body.to_string());
    let signature = format!(
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20231114/{region}/kinesis/aws4_request, \
         SignedHeaders=host;x-amz-date, Signature={}",
        "0".repeat(64)
    );
    let headers = request.headers_mut();
    headers.insert("authorization", signature.parse().unwrap());
    headers.insert("x-amz-date", "20231114T221320Z".parse().unwrap());
    send(model, request).await
}

/// Data as it stands in JSON.
pub(crate) fn base64(data: impl AsRef<[u8]>) -> String {
    base64_simd::STANDARD.encode_to_string(data)
}

/// Puts one record, and gives its sequence number.
pub(crate) async fn put(model: &Model, stream: &str, key: &str, data: &str) -> String {
    let body = serde_json::json!({"StreamName": stream, "PartitionKey": key, "Data": base64(data)});
    let put = call(model, "PutRecord", body).await.ok();
    put["SequenceNumber"].as_str().unwrap().to_owned()
}
