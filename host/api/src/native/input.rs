//! What a request says, taken apart: names, queries, bodies. Every refusal is a [`NativeError`]
//! that tells what was wrong and where.

use std::{fmt::Display, str::FromStr};

use axum::{
    body::Body,
    extract::{FromRequestParts, Path, Query},
    http::{HeaderMap, header, request::Parts},
};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use millstream_core::name::InvalidNameError;
use serde::de::DeserializeOwned;

use super::error::NativeError;

/// Bytes of a JSON body where the route does not say otherwise.
pub(super) const JSON_BYTES: usize = 256 << 10;

/// The path's name, parsed.
#[derive(Debug)]
pub(super) struct Name<N>(pub(super) N);

impl<N, S> FromRequestParts<S> for Name<N>
where
    N: FromStr<Err = InvalidNameError>,
    S: Send + Sync,
{
    type Rejection = NativeError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, NativeError> {
        let Path(text) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|error| NativeError::BadRequest(error.body_text()))?;
        Ok(Self(text.parse()?))
    }
}

/// The query, parsed.
#[derive(Debug)]
pub(super) struct Params<T>(pub(super) T);

impl<T, S> FromRequestParts<S> for Params<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = NativeError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, NativeError> {
        let Query(params) = Query::<T>::from_request_parts(parts, state)
            .await
            .map_err(|error| NativeError::BadRequest(error.body_text()))?;
        Ok(Self(params))
    }
}

/// Reads the whole body; refuses it unread where its length is known to be above `limit`.
pub(super) async fn collect(
    headers: &HeaderMap,
    mut body: Body,
    limit: usize,
) -> Result<Bytes, NativeError> {
    let too_large = || NativeError::TooLarge {
        what: "the body".to_owned(),
        limit: format!("{limit} bytes"),
    };
    let length = content_length(headers)?;
    if length.is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    let mut whole = BytesMut::with_capacity(length.unwrap_or(0));
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(bad("the body could not be read to its end"))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if whole.len() + data.len() > limit {
            return Err(too_large());
        }
        if whole.is_empty() && length == Some(data.len()) {
            return Ok(data);
        }
        whole.extend_from_slice(&data);
    }
    match length {
        Some(length) if length != whole.len() => Err(NativeError::BadRequest(format!(
            "the body ended after {} of {length} bytes",
            whole.len()
        ))),
        _ => Ok(whole.freeze()),
    }
}

fn content_length(headers: &HeaderMap) -> Result<Option<usize>, NativeError> {
    let Some(value) = headers.get(header::CONTENT_LENGTH) else {
        return Ok(None);
    };
    let text = value.to_str().map_err(bad("Content-Length"))?;
    let length = text.parse().map_err(bad("Content-Length"))?;
    Ok(Some(length))
}

/// Reads a JSON body. No body at all is the same as `{}`.
pub(super) async fn json<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: Body,
    limit: usize,
) -> Result<T, NativeError> {
    let bytes = collect(headers, body, limit).await?;
    parse(if bytes.is_empty() { b"{}" } else { &bytes })
}

/// Parses a JSON object; the error names the field, the line and the column.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, NativeError> {
    // A struct would be taken from an array of its fields as well.
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        let what = "the body is not what is expected: an array in place of an object, at line 1";
        return Err(NativeError::BadRequest(what.to_owned()));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.inner();
        NativeError::BadRequest(if path == "." {
            format!("the body is not what is expected: {inner}")
        } else {
            format!("the body is not what is expected: `{path}`: {inner}")
        })
    })?;
    reader
        .end()
        .map_err(bad("the body goes on after its JSON"))?;
    Ok(value)
}

fn bad<E: Display>(what: &str) -> impl FnOnce(E) -> NativeError {
    move |error| NativeError::BadRequest(format!("{what}: {error}"))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn sized(length: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::CONTENT_LENGTH, HeaderValue::from_static(length))])
    }

    #[tokio::test]
    async fn a_body_is_refused_above_its_limit_and_not_at_it() {
        let none = HeaderMap::new();
        let body = || Body::from("12345");
        assert_eq!(collect(&none, body(), 5).await.unwrap(), "12345");
        let chunked = collect(&none, body(), 4).await;
        let announced = collect(&sized("5"), body(), 4).await;
        for refused in [chunked, announced] {
            assert_eq!(refused.unwrap_err().kind().1, "too_large");
        }
    }

    #[tokio::test]
    async fn a_body_that_ends_early_is_told() {
        let error = collect(&sized("9"), Body::from("12345"), 100).await;
        assert_eq!(
            error.unwrap_err().to_string(),
            "the body ended after 5 of 9 bytes"
        );
    }

    #[test]
    fn an_error_names_the_field_and_the_place() {
        #[derive(Debug, serde::Deserialize)]
        struct Shape {
            #[expect(dead_code, reason = "only its type matters")]
            shards: u32,
        }
        let error = parse::<Shape>(b"{\"shards\": \"x\"}")
            .unwrap_err()
            .to_string();
        assert!(error.contains("`shards`"), "{error}");
        assert!(error.contains("line 1 column 14"), "{error}");
        let error = parse::<Shape>(b"{\"shards\": 1} x")
            .unwrap_err()
            .to_string();
        assert!(error.contains("goes on"), "{error}");
    }
}
