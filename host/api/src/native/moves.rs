//! A trigger moved to other records: all of them again, or none of those that wait.

use std::{collections::BTreeMap, sync::Arc};

use axum::{body::Body, extract::State, http::StatusCode, response::Response};
use millstream_core::{
    catalog::{Refused, Request, Shard},
    name::TriggerName,
    position::{Position, ShardNumber},
};
use serde::Deserialize;

use super::{
    error::NativeError,
    input::{self, Name},
    replay::asked::{Place, place},
    triggers,
};
use crate::{admit::Admission, app::App};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    from: Place,
    shard: Option<String>,
    #[serde(default)]
    reset_state: bool,
}

/// `POST /v1/triggers/{name}/move`
pub(super) async fn post(
    State(app): State<App>,
    State(admission): State<Arc<Admission>>,
    Name(name): Name<TriggerName>,
    body: Body,
) -> Result<Response, NativeError> {
    let asked: Asked = input::json(&admission, body, input::JSON_BYTES).await?;
    let catalog = app.control.catalog();
    let Some(trigger) = catalog.trigger(name.as_str()) else {
        return Err(Refused::NoTrigger(name).into());
    };
    let stream = &trigger.settings.stream;
    let Some(stream) = catalog.living(stream.as_str()) else {
        return Err(NativeError::no_stream(stream));
    };
    let is_asked = |shard: &&Shard| asked.shard.as_ref().is_none_or(|id| *id == shard.id());
    let shards: Vec<&Shard> = stream.shards.iter().filter(is_asked).collect();
    if let (Some(id), true) = (&asked.shard, shards.is_empty()) {
        let name = &stream.name;
        let what = format!("shard is {id:?}, which stream `{name}` does not have");
        return Err(NativeError::Setting(what));
    }
    let mut to: BTreeMap<ShardNumber, Position> = BTreeMap::new();
    for shard in &shards {
        let at = place(&app, shard, asked.from, shards.len() == 1).await?;
        to.insert(shard.number, at);
    }
    let request = Request::MoveTrigger {
        name: name.clone(),
        to,
        forgets: asked.reset_state,
    };
    let change = app.control.apply(request).await?;
    triggers::shown(&app, &change.catalog, name, StatusCode::OK)
}
