//! Dry runs: a function on given records and given state. Nothing is committed.

mod answer;
mod asked;

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use millstream_core::{
    event::Origin,
    journal::RequestId,
    name::{FunctionName, StreamName},
    port::{self, Call, Later, ReadError},
};

use self::{answer::Answer, asked::Asked};
use super::{
    error::NativeError,
    input::{self, Name},
};
use crate::{admit::Admission, app::App};

/// Bytes of a dry run's body: a full batch in base64, and some state.
const BODY_BYTES: usize = 16 << 20;
/// The stream and the key of records that are given without.
const PLACEHOLDER: &str = "dry-run";

/// State that is given with the request.
#[derive(Debug)]
struct GivenState(BTreeMap<String, Bytes>);

impl port::State for GivenState {
    fn get_many(&self, keys: Vec<String>) -> Later<'static, Result<Vec<Option<Bytes>>, ReadError>> {
        let values = keys.iter().map(|key| self.0.get(key).cloned()).collect();
        Box::pin(std::future::ready(Ok(values)))
    }
}

/// `POST /v1/functions/{name}/invoke`
pub(super) async fn post(
    State(app): State<App>,
    State(admission): State<Arc<Admission>>,
    Name(name): Name<FunctionName>,
    body: Body,
) -> Result<Response, NativeError> {
    let catalog = app.control.catalog();
    let function = catalog
        .function(name.as_str())
        .ok_or_else(|| NativeError::no_function(&name))?;
    let Asked {
        records,
        stream,
        state,
        function_response_types,
    } = input::json(&admission, body, BODY_BYTES).await?;
    let (mut batch, state) = (records?, state?);
    if batch.is_empty() {
        let what = "records is empty; a function is never called without a record";
        return Err(NativeError::BadRequest(what.to_owned()));
    }
    let now = (app.now)();
    batch.arrival_ms = vec![now.0; batch.len()];
    let stream = match stream {
        Some(stream) => stream,
        None => StreamName::try_from(PLACEHOLDER)?,
    };
    let origin = Origin::supposed(&app.identity, &stream, &name, now);
    let request = RequestId::random(uuid::Uuid::new_v4().as_u128());
    let call = Call {
        request,
        number: None,
        function: name.clone(),
        version: function.version,
        stream,
        shard_id: origin.shard_id().to_owned(),
        attempt: 1,
        batch: Arc::new(batch),
        origin: Arc::new(origin),
        reports: !function_response_types.is_empty(),
        window: None,
        state: Arc::new(GivenState(state)),
        limits: function.limits,
        config: Arc::new(function.config.clone()),
    };
    let invoked = app.invoke.dry_run(call).await?;
    let answer = Answer::of(&name, function.version, request, &invoked);
    Ok(Json(answer).into_response())
}
