//! What every answer carries: Amazon's ids, the content type, the length.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header},
};

use crate::error::Fault;

/// The one content type that is spoken.
pub(crate) const JSON: &str = "application/x-amz-json-1.1";
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const ID_2: HeaderName = HeaderName::from_static("x-amz-id-2");
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
/// Bytes of the second id, as Amazon has them.
const ID_2_BYTES: usize = 72;

/// 200 with `body`, which is JSON or nothing.
pub(crate) fn success(body: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(body.into());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
    identify(headers);
    response
}

/// What `fault` comes to.
pub(crate) fn failure(fault: &Fault) -> Response<Body> {
    let (status, name) = fault.shape();
    if status.is_server_error() {
        tracing::warn!(%status, error = %fault, "a Kinesis request failed");
    }
    let mut response = Response::new(fault.body().into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let content = if fault.is_json() { JSON } else { "text/xml" };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content));
    headers.insert(ERROR_TYPE, HeaderValue::from_static(name));
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        // The rest of the body is not worth reading.
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    identify(headers);
    response
}

fn identify(headers: &mut HeaderMap) {
    // One call for both, since each is one to the kernel.
    let mut random = [0; 16 + ID_2_BYTES];
    getrandom::fill(&mut random).expect("the system gives random bytes");
    let (first, second) = random.split_first_chunk().expect("it is longer");
    let first = uuid::Builder::from_random_bytes(*first).into_uuid();
    let second = base64_simd::STANDARD.encode_to_string(second);
    let mut text = uuid::Uuid::encode_buffer();
    let first = first.hyphenated().encode_lower(&mut text);
    let value = |text: &str| HeaderValue::from_str(text).expect("ids are ASCII");
    headers.insert(REQUEST_ID, value(first));
    headers.insert(ID_2, value(&second));
}
