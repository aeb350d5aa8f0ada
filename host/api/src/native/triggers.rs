//! Triggers: settings in, and what their lanes are doing out.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    body::Body,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use millstream_core::{
    catalog::{
        Catalog, Refused, Request, Shard, StartingPosition, Stream, Trigger, TriggerSettings,
    },
    name::TriggerName,
    port::{LaneStatus, OutboxStatus, PartStatus, ReadError, WindowStatus},
    position::{Position, ShardNumber},
    sequence::SequenceNumber,
    time::Millis,
};
use serde::Serialize;

use super::{
    error::NativeError,
    input::{self, Name},
};
use crate::{admit::Admission, app::App};

#[derive(Serialize)]
struct TriggerView<'a> {
    name: &'a TriggerName,
    state: &'static str,
    #[serde(flatten)]
    settings: &'a TriggerSettings,
    created_ms: Millis,
    updated_ms: Millis,
    lag_records: u64,
    shards: Vec<LaneView>,
    /// What became of failure records, where the trigger has or had somewhere for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    destination: Option<OutboxStatus>,
}

#[derive(Serialize)]
struct LaneView {
    shard_id: String,
    state: &'static str,
    sequence_number: Option<String>,
    lag_records: u64,
    lag_ms: u64,
    attempts: u32,
    last_error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    window: Option<WindowStatus>,
    batches: u64,
    records: u64,
    filtered: u64,
    outputs: u64,
    dead_letters: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parts: Vec<PartView>,
}

/// A part of a shard that is divided.
#[derive(Serialize)]
struct PartView {
    state: &'static str,
    sequence_number: Option<String>,
    lag_records: u64,
    lag_ms: u64,
    attempts: u32,
    last_error: Option<String>,
}

fn view<'a>(app: &App, catalog: &Catalog, trigger: &'a Trigger) -> TriggerView<'a> {
    let lanes = app.triggers.status(&trigger.name);
    let stream = catalog.living(trigger.settings.stream.as_str());
    let has_destination = trigger.settings.on_failure_destination.is_some();
    TriggerView {
        destination: (app.outbox.status(trigger.id))
            .or_else(|| has_destination.then(OutboxStatus::default)),
        name: &trigger.name,
        state: if trigger.settings.enabled {
            "Enabled"
        } else {
            "Disabled"
        },
        settings: &trigger.settings,
        created_ms: trigger.created,
        updated_ms: trigger.updated,
        lag_records: lanes.iter().map(|lane| lane.lag_records).sum(),
        shards: lanes
            .into_iter()
            .map(|lane| lane_view(stream.map(|s| &**s), lane))
            .collect(),
    }
}

fn lane_view(stream: Option<&Stream>, lane: LaneStatus) -> LaneView {
    let LaneStatus {
        shard_id,
        state,
        position,
        lag_records,
        lag_ms,
        attempts,
        last_error,
        window,
        batches,
        records,
        filtered,
        outputs,
        dead_letters,
        parts,
    } = lane;
    // The next record may not exist yet, so its arrival is not known; the shard's creation is before
    // it, which puts the number after all records that are done and not after any that waits.
    let shard = stream.and_then(|stream| stream.shard(&shard_id));
    let number = |position: Position| {
        let of = |shard: &Shard| SequenceNumber::of(shard, position, shard.created).to_string();
        shard.map(of)
    };
    LaneView {
        sequence_number: number(position),
        parts: parts
            .into_iter()
            .map(|part| part_view(number(part.position), part))
            .collect(),
        shard_id,
        state,
        lag_records,
        lag_ms,
        attempts,
        last_error,
        window,
        batches,
        records,
        filtered,
        outputs,
        dead_letters,
    }
}

fn part_view(sequence_number: Option<String>, part: PartStatus) -> PartView {
    let PartStatus {
        state,
        position: _,
        lag_records,
        lag_ms,
        attempts,
        last_error,
    } = part;
    PartView {
        state,
        sequence_number,
        lag_records,
        lag_ms,
        attempts,
        last_error,
    }
}

/// `PUT /v1/triggers/{name}`
pub(super) async fn put(
    State(app): State<App>,
    State(admission): State<Arc<Admission>>,
    Name(name): Name<TriggerName>,
    body: Body,
) -> Result<Response, NativeError> {
    let settings: TriggerSettings = input::json(&admission, body, input::JSON_BYTES).await?;
    settings.check()?;
    let starts = starts(&app, &settings).await?;
    let request = Request::PutTrigger {
        name: name.clone(),
        settings,
        starts,
    };
    let change = app.control.apply(request).await?;
    let status = if change.created {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    shown(&app, &change.catalog, name, status)
}

/// Where each shard begins. Resolved here and kept, so that LATEST misses nothing put after this.
pub(crate) async fn starts(
    app: &App,
    settings: &TriggerSettings,
) -> Result<BTreeMap<ShardNumber, Position>, ReadError> {
    let catalog = app.control.catalog();
    let mut starts = BTreeMap::new();
    // The control plane refuses a stream that is not there.
    let Some(stream) = catalog.living(settings.stream.as_str()) else {
        return Ok(starts);
    };
    for shard in &stream.shards {
        let position = match (
            settings.starting_position,
            settings.starting_position_timestamp,
        ) {
            (StartingPosition::TrimHorizon, _) => app.log.span(shard.number).first,
            (StartingPosition::AtTimestamp, Some(at)) => app.log.locate(shard.number, at.0).await?,
            // `check` refused AT_TIMESTAMP without a timestamp.
            (StartingPosition::Latest | StartingPosition::AtTimestamp, _) => {
                app.log.span(shard.number).next
            }
        };
        starts.insert(shard.number, position);
    }
    Ok(starts)
}

fn shown(
    app: &App,
    catalog: &Catalog,
    name: TriggerName,
    status: StatusCode,
) -> Result<Response, NativeError> {
    let Some(trigger) = catalog.trigger(name.as_str()) else {
        return Err(Refused::NoTrigger(name).into());
    };
    Ok((status, Json(view(app, catalog, trigger))).into_response())
}

/// `GET /v1/triggers/{name}`
pub(super) async fn get(
    State(app): State<App>,
    Name(name): Name<TriggerName>,
) -> Result<Response, NativeError> {
    let catalog = app.control.catalog();
    shown(&app, &catalog, name, StatusCode::OK)
}

/// `GET /v1/triggers`
pub(super) async fn list(State(app): State<App>) -> Response {
    #[derive(Serialize)]
    struct Triggers<'a> {
        triggers: Vec<TriggerView<'a>>,
    }
    let catalog = app.control.catalog();
    let triggers = catalog
        .triggers()
        .map(|t| view(&app, &catalog, t))
        .collect();
    Json(Triggers { triggers }).into_response()
}

/// `POST /v1/triggers/{name}/pause`
pub(super) async fn pause(
    State(app): State<App>,
    Name(name): Name<TriggerName>,
) -> Result<Response, NativeError> {
    enable(&app, name, false).await
}

/// `POST /v1/triggers/{name}/resume`
pub(super) async fn resume(
    State(app): State<App>,
    Name(name): Name<TriggerName>,
) -> Result<Response, NativeError> {
    enable(&app, name, true).await
}

async fn enable(app: &App, name: TriggerName, enabled: bool) -> Result<Response, NativeError> {
    let request = Request::EnableTrigger {
        name: name.clone(),
        enabled,
    };
    let change = app.control.apply(request).await?;
    shown(app, &change.catalog, name, StatusCode::OK)
}

/// `DELETE /v1/triggers/{name}`
pub(super) async fn delete(
    State(app): State<App>,
    Name(name): Name<TriggerName>,
) -> Result<StatusCode, NativeError> {
    app.control.apply(Request::DeleteTrigger { name }).await?;
    Ok(StatusCode::NO_CONTENT)
}
