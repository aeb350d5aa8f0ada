//! Streams: create, look, delete.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    body::Body,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use millstream_core::{
    catalog::{Catalog, NewStream, Refused, Request, Shard, Status, Stream},
    hash_key::HashKey,
    name::StreamName,
    port::{ControlError, Log},
    time::Millis,
};
use serde::{Deserialize, Serialize};

use super::{
    error::NativeError,
    input::{self, Name},
};
use crate::{admit::Admission, app::App};

#[derive(Serialize)]
struct StreamView<'a> {
    name: &'a StreamName,
    status: Status,
    created_ms: Millis,
    retention_hours: u32,
    open_shards: usize,
    records: u64,
    shards: Vec<ShardView>,
}

#[derive(Serialize)]
struct ShardView {
    shard_id: String,
    starting_hash_key: HashKey,
    ending_hash_key: HashKey,
    open: bool,
    records: u64,
    last_arrival_ms: Millis,
}

fn view<'a>(stream: &'a Stream, app: &App) -> StreamView<'a> {
    let log = &*app.log;
    let shards: Vec<_> = stream.shards.iter().map(|s| shard_view(s, log)).collect();
    StreamView {
        name: &stream.name,
        status: stream.status((app.now)()),
        created_ms: stream.created,
        retention_hours: stream.retention_hours,
        open_shards: stream.open_shards().count(),
        records: shards.iter().map(|shard| shard.records).sum(),
        shards,
    }
}

fn shard_view(shard: &Shard, log: &dyn Log) -> ShardView {
    let span = log.span(shard.number);
    ShardView {
        shard_id: shard.id(),
        starting_hash_key: shard.range.start,
        ending_hash_key: shard.range.end,
        open: shard.closed.is_none(),
        records: span.first.until(span.next),
        last_arrival_ms: span.last_arrival,
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Creation {
    #[serde(default = "one")]
    shards: u32,
}

fn one() -> u32 {
    1
}

/// `PUT /v1/streams/{name}`
pub(super) async fn put(
    State(app): State<App>,
    State(admission): State<Arc<Admission>>,
    Name(name): Name<StreamName>,
    body: Body,
) -> Result<Response, NativeError> {
    let Creation { shards } = input::json(&admission, body, input::JSON_BYTES).await?;
    let request = || Request::CreateStream {
        name: name.clone(),
        settings: NewStream::of(shards),
    };
    let mut created = app.control.apply(request()).await;
    // Over the Kinesis API a stream of that name shows as DELETING for a moment longer.
    if let Some(until) = deleted(&app, &name) {
        let left = until.since((app.now)());
        tokio::time::sleep(Duration::from_millis(left)).await;
        created = app.control.apply(request()).await;
    }
    match created {
        Ok(change) => shown(&app, &change.catalog, &name, StatusCode::CREATED),
        Err(ControlError::Refused(Refused::StreamExists(name))) => {
            let catalog = app.control.catalog();
            let open = |stream: &Arc<Stream>| stream.open_shards().count();
            if catalog.stream(name.as_str()).map(open) != Some(shards as usize) {
                return Err(Refused::StreamExists(name).into());
            }
            shown(&app, &catalog, &name, StatusCode::OK)
        }
        Err(error) => Err(error.into()),
    }
}

/// Until when a stream shows that was deleted.
fn deleted(app: &App, name: &StreamName) -> Option<Millis> {
    let catalog = app.control.catalog();
    let stream = catalog.stream(name.as_str())?;
    let transition = stream.transition.filter(|_| stream.is_deleted());
    transition.map(|transition| transition.until)
}

fn shown(
    app: &App,
    catalog: &Catalog,
    name: &StreamName,
    status: StatusCode,
) -> Result<Response, NativeError> {
    let stream = catalog
        .living(name.as_str())
        .ok_or_else(|| NativeError::no_stream(name))?;
    Ok((status, Json(view(stream, app))).into_response())
}

/// `GET /v1/streams/{name}`
pub(super) async fn get(
    State(app): State<App>,
    Name(name): Name<StreamName>,
) -> Result<Response, NativeError> {
    shown(&app, &app.control.catalog(), &name, StatusCode::OK)
}

/// `GET /v1/streams`
pub(super) async fn list(State(app): State<App>) -> Response {
    #[derive(Serialize)]
    struct Streams<'a> {
        streams: Vec<StreamView<'a>>,
    }
    let catalog = app.control.catalog();
    let streams = catalog.streams().filter(|s| !s.is_deleted());
    let streams = streams.map(|s| view(s, &app)).collect();
    Json(Streams { streams }).into_response()
}

/// `DELETE /v1/streams/{name}`
pub(super) async fn delete(
    State(app): State<App>,
    Name(name): Name<StreamName>,
) -> Result<StatusCode, NativeError> {
    let request = Request::DeleteStream {
        name,
        with_consumers: true,
    };
    app.control.apply(request).await?;
    Ok(StatusCode::NO_CONTENT)
}
