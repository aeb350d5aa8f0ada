//! What a request says, taken apart: names, queries, bodies. Every refusal is a [`NativeError`]
//! that tells what was wrong and where.

use std::{fmt::Display, str::FromStr};

use axum::{
    body::Body,
    extract::{FromRequestParts, Path, Query},
    http::request::Parts,
};
use millstream_core::name::InvalidNameError;
use serde::de::DeserializeOwned;

use super::error::NativeError;
use crate::admit::Admission;

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

/// Reads a JSON body of at most `limit` bytes. No body at all is the same as `{}`.
pub(super) async fn json<T: DeserializeOwned>(
    admission: &Admission,
    body: Body,
    limit: usize,
) -> Result<T, NativeError> {
    let held = admission.read(body, limit).await?;
    parse(if held.bytes.is_empty() {
        b"{}"
    } else {
        &held.bytes
    })
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
    use super::*;

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
