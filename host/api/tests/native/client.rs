//! Requests to a router, and their answers taken apart.

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Method, Request, StatusCode},
};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    /// The body as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// Asserts the status, and gives the body as JSON.
    #[track_caller]
    pub(crate) fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        self.json()
    }

    /// Asserts that this is an error in its documented form, and gives its message.
    #[track_caller]
    pub(crate) fn expect_error(&self, status: u16, code: &str) -> String {
        let json = self.expect(status);
        assert_eq!(self.headers["content-type"], "application/json");
        let error = json["error"].as_object().expect("an error object");
        assert_eq!(error.len(), 2, "{self:?}");
        assert_eq!(error["code"], code, "{self:?}");
        assert_eq!(self.headers.contains_key("retry-after"), status == 503);
        error["message"].as_str().unwrap().to_owned()
    }
}

/// Sends a request with headers.
pub(crate) async fn send(
    router: &Router,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Body>,
) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(body.into()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    Answer {
        status: parts.status,
        headers: parts.headers,
        text: String::from_utf8(bytes.to_vec()).unwrap(),
    }
}

pub(crate) async fn get(router: &Router, path: &str) -> Answer {
    send(router, Method::GET, path, &[], Body::empty()).await
}

pub(crate) async fn put(router: &Router, path: &str, body: impl Into<Body>) -> Answer {
    send(router, Method::PUT, path, &[], body).await
}

pub(crate) async fn post(router: &Router, path: &str, body: impl Into<Body>) -> Answer {
    send(router, Method::POST, path, &[], body).await
}

pub(crate) async fn delete(router: &Router, path: &str) -> Answer {
    send(router, Method::DELETE, path, &[], Body::empty()).await
}
