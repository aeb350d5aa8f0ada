//! What every answer carries: Amazon's ids, the content type, the length.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header},
};

use bytes::Bytes;

use super::{eventstream, form::Form};
use crate::{admit::Share, error::Fault};

pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const ID_2: HeaderName = HeaderName::from_static("x-amz-id-2");
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
/// Bytes of the second id, as Amazon has them.
const ID_2_BYTES: usize = 72;

/// What a request is answered with.
#[derive(Debug)]
pub(crate) enum Answer {
    /// All of it, or nothing; in the form of the request.
    Whole(Vec<u8>),
    /// The same, and its share of the memory until it has been sent.
    Shared(Shared),
    /// Events, as they come.
    Events(Body),
}

/// Bytes that a share of the memory goes with.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) bytes: Vec<u8>,
    pub(crate) share: Option<Share>,
}

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Answer {
    /// With a value.
    pub(crate) fn of(form: Form, value: &impl serde::Serialize) -> Self {
        Self::Whole(form.render(value))
    }

    /// With nothing.
    pub(crate) fn empty() -> Self {
        Self::Whole(Vec::new())
    }
}

/// 200 with `answer`.
pub(crate) fn success(form: Form, answer: Answer) -> Response<Body> {
    let mut content = form.content_type();
    let body = match answer {
        Answer::Whole(bytes) => bytes.into(),
        Answer::Shared(Shared { bytes, share: None }) => bytes.into(),
        // The connection holds the bytes until the last of them is written, and with them the share.
        Answer::Shared(shared) => Bytes::from_owner(shared).into(),
        Answer::Events(body) => {
            content = eventstream::CONTENT_TYPE;
            body
        }
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content));
    identify(headers);
    response
}

/// What `fault` comes to.
pub(crate) fn failure(form: Form, fault: &Fault) -> Response<Body> {
    let (status, name) = fault.shape();
    if status.is_server_error() {
        tracing::warn!(%status, error = %fault, "a Kinesis request failed");
    }
    let mut response = Response::new(fault.body(form).into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let content = if fault.is_modelled() {
        form.content_type()
    } else {
        "text/xml"
    };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content));
    headers.insert(ERROR_TYPE, HeaderValue::from_static(name));
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        // The rest of the body is not worth reading.
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    identify(headers);
    response
}

/// Adds the ids that Amazon gives to each answer.
pub(crate) fn identify(headers: &mut HeaderMap) {
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

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;
    use crate::admit::Admission;

    #[tokio::test]
    async fn an_answer_keeps_its_share_until_its_bytes_are_gone() {
        let (admission, all) = (Admission::new(), 256 << 20);
        let share = admission.room(all).await.unwrap();
        let bytes = b"{}".to_vec();
        let answer = Answer::Shared(Shared { bytes, share });
        let response = success(Form::Json, answer);
        let sending = response.into_body().collect().await.unwrap().to_bytes();
        let mut room = Box::pin(admission.room(all));
        assert!(futures_util::poll!(&mut room).is_pending());
        drop(sending);
        assert!(room.await.is_ok());
    }
}
