//! Answers that go on: server-sent events, made only as fast as the client takes them.

use std::{convert::Infallible, time::Duration};

use axum::{
    body::Body,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use serde::Serialize;

use super::error::{ErrorBody, NativeError};

/// How long nothing is sent before a comment line is, so that dead connections are noticed.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(10);
/// That comment.
pub(super) const BEAT: Bytes = Bytes::from_static(b":\n\n");
/// The last comment of a host that stops.
pub(super) const GOODBYE: Bytes = Bytes::from_static(b": the host is shutting down\n\n");

/// An answer of `events`, after a first comment, so that the client knows at once that it follows.
pub(super) fn answer(events: impl Stream<Item = Bytes> + Send + 'static) -> Response {
    let opening = futures_util::stream::iter([Bytes::from_static(b": following\n\n")]);
    let chunks = opening.chain(events).map(Ok::<_, Infallible>);
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    let headers = headers.map(|(name, value)| (name, HeaderValue::from_static(value)));
    (headers, Body::from_stream(chunks)).into_response()
}

/// Adds an event.
pub(super) fn push(out: &mut Vec<u8>, event: &impl Serialize) {
    out.extend_from_slice(b"data: ");
    // JSON escapes line ends, so one line holds it.
    serde_json::to_writer(&mut *out, event).expect("an event has text keys and goes to memory");
    out.extend_from_slice(b"\n\n");
}

/// The last event of an answer that cannot go on.
pub(super) fn failed(error: &NativeError) -> Bytes {
    #[derive(Serialize)]
    struct Failed {
        error: ErrorBody,
    }
    let mut out = b"event: error\n".to_vec();
    let error = error.body();
    push(&mut out, &Failed { error });
    out.into()
}
