//! What every answer carries: Amazon's ids, the content type, the length.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header},
};

use bytes::Bytes;

use crate::{admit::Share, error::Fault};

/// The one content type that is spoken.
pub(crate) const JSON: &str = "application/x-amz-json-1.1";
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const ID_2: HeaderName = HeaderName::from_static("x-amz-id-2");
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
/// Bytes of the second id, as Amazon has them.
const ID_2_BYTES: usize = 72;

/// JSON or nothing, and its share of the memory until it has been sent.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) bytes: Vec<u8>,
    pub(crate) share: Option<Share>,
}

impl From<Vec<u8>> for Answer {
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes, share: None }
    }
}

impl AsRef<[u8]> for Answer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// 200 with `answer`.
pub(crate) fn success(answer: Answer) -> Response<Body> {
    // The connection holds the bytes until the last of them is written, and with them the share.
    let bytes = match answer.share {
        Some(_) => Bytes::from_owner(answer),
        None => answer.bytes.into(),
    };
    let mut response = Response::new(bytes.into());
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
        let response = success(Answer { bytes, share });
        let sending = response.into_body().collect().await.unwrap().to_bytes();
        let mut room = Box::pin(admission.room(all));
        assert!(futures_util::poll!(&mut room).is_pending());
        drop(sending);
        assert!(room.await.is_ok());
    }
}
