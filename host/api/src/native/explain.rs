//! Why a trigger does what it does: on each shard, in sentences and as data.

use axum::{Json, extract::State, response::IntoResponse, response::Response};
use millstream_core::{
    catalog::{Refused, Shard},
    name::TriggerName,
    port::{LaneReport, PartReport},
    position::Position,
    sequence::SequenceNumber,
    trigger::{
        explain::{Around, Explanation, WaitsFor, explain},
        machine::Extent,
    },
};
use serde::{Deserialize, Serialize};

use super::{
    error::NativeError,
    input::{Name, Params},
};
use crate::app::App;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Query {
    shard: Option<String>,
}

#[derive(Serialize)]
struct Explained<'a> {
    trigger: &'a TriggerName,
    stream: &'a str,
    function: &'a str,
    state: &'static str,
    shards: Vec<ShardView>,
}

#[derive(Serialize)]
struct ShardView {
    shard_id: String,
    /// Which part, of a shard that is divided.
    #[serde(skip_serializing_if = "Option::is_none")]
    part: Option<usize>,
    state: &'static str,
    waits_for: WaitsFor,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parents: Vec<String>,
    sentences: Vec<String>,
    sequence_number: Option<String>,
    lag_records: u64,
    lag_ms: u64,
    batch: Option<BatchView>,
    attempt: Option<u32>,
    attempts_at_most: Option<u32>,
    last_error: Option<String>,
    retry_in_ms: Option<u64>,
}

#[derive(Serialize)]
struct BatchView {
    records: u64,
    /// Between the records before the batch and its first one.
    from_sequence_number: Option<String>,
    /// After its last record.
    to_sequence_number: Option<String>,
}

/// `GET /v1/triggers/{name}/explain`
pub(super) async fn get(
    State(app): State<App>,
    Name(name): Name<TriggerName>,
    Params(query): Params<Query>,
) -> Result<Response, NativeError> {
    let catalog = app.control.catalog();
    let Some(trigger) = catalog.trigger(name.as_str()) else {
        return Err(Refused::NoTrigger(name).into());
    };
    let settings = &trigger.settings;
    let stream = catalog.living(settings.stream.as_str());
    let mut lanes = app.triggers.explain(&name);
    if let Some(id) = &query.shard {
        lanes.retain(|lane| lane.shard_id == *id);
        if lanes.is_empty() {
            let what = format!("shard is {id:?}, on which trigger `{name}` has no lane");
            return Err(NativeError::Setting(what));
        }
    }
    let retries = u32::try_from(settings.maximum_retry_attempts).ok();
    let around = Around {
        trigger: name.as_str(),
        function: settings.function.as_str(),
        attempts: retries.map(|retries| retries.saturating_add(1)),
        parents: &[],
        is_closed: false,
        now: (app.now)(),
    };
    let shards = lanes.iter().flat_map(|lane| {
        let shard = stream.and_then(|stream| stream.shard(&lane.shard_id));
        let around = Around {
            parents: &lane.parents,
            is_closed: lane.is_closed,
            ..around
        };
        let parts = lane.parts.iter().enumerate();
        parts.map(move |(at, part)| {
            let at = (lane.parts.len() > 1).then_some(at);
            view(shard, lane, at, part, &around)
        })
    });
    let explained = Explained {
        trigger: &name,
        stream: settings.stream.as_str(),
        function: settings.function.as_str(),
        state: match settings.enabled {
            true => "Enabled",
            false => "Disabled",
        },
        shards: shards.collect(),
    };
    Ok(Json(explained).into_response())
}

fn view(
    shard: Option<&Shard>,
    lane: &LaneReport,
    at: Option<usize>,
    part: &PartReport,
    around: &Around<'_>,
) -> ShardView {
    let Explanation {
        waits_for,
        retry_in_ms,
        attempt,
        sentences,
    } = explain(part, around);
    // As a trigger's status has it: the next record may not exist yet.
    let number = |position: Position| {
        shard.map(|shard| SequenceNumber::of(shard, position, shard.created).to_string())
    };
    let batch = |extent: Extent| BatchView {
        records: extent.records,
        from_sequence_number: number(extent.first),
        to_sequence_number: number(extent.end),
    };
    ShardView {
        shard_id: lane.shard_id.clone(),
        part: at,
        state: part.status.state,
        waits_for,
        parents: lane.parents.clone(),
        sentences,
        sequence_number: number(part.status.position),
        lag_records: part.status.lag_records,
        lag_ms: part.status.lag_ms,
        batch: part.doing.batch.map(batch),
        attempt,
        attempts_at_most: around.attempts,
        last_error: part.status.last_error.clone(),
        retry_in_ms,
    }
}
