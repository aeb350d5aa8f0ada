//! Dry runs: a function on given records and given state. Nothing is committed.

mod answer;

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use millstream_core::{
    batch::Columns,
    limit::{BATCH_BYTES, BATCH_RECORDS_MAX},
    name::{FunctionName, StreamName},
    port::{self, Call, Later, ReadError},
    position::Position,
    time::Millis,
};
use serde::Deserialize;
use serde_json::Value;

use self::answer::Answer;
use super::{
    error::NativeError,
    input::{self, Name},
};
use crate::{admit::Admission, app::App};

/// Bytes of a dry run's body: a full batch in base64, and some state.
const BODY_BYTES: usize = 16 << 20;
/// The stream and the key of records that are given without.
const PLACEHOLDER: &str = "dry-run";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    records: Vec<Record>,
    stream: Option<StreamName>,
    #[serde(default)]
    state: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    partition_key: Option<String>,
    text: Option<String>,
    data: Option<String>,
    #[serde(default, deserialize_with = "present")]
    json: Option<Value>,
}

/// So that `"json": null` is the JSON `null`, not the absence of a field.
fn present<'de, D: serde::Deserializer<'de>>(json: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(json).map(Some)
}

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
    } = input::json(&admission, body, BODY_BYTES).await?;
    let stream = match stream {
        Some(stream) => stream,
        None => StreamName::try_from(PLACEHOLDER)?,
    };
    let state = state.into_iter().map(|(key, value)| (key, value.into()));
    let call = Call {
        function: name.clone(),
        version: function.version,
        stream,
        shard_id: "shardId-000000000000".to_owned(),
        attempt: 1,
        batch: Arc::new(columns(records, (app.now)())?),
        state: Arc::new(GivenState(state.collect())),
        limits: function.limits,
        config: Arc::new(function.config.clone()),
    };
    let invoked = app.invoke.dry_run(call).await?;
    Ok(Json(Answer::of(&name, function.version, &invoked)).into_response())
}

fn columns(records: Vec<Record>, now: Millis) -> Result<Columns, NativeError> {
    let too_large = |what: &str, limit: String| NativeError::TooLarge {
        what: what.to_owned(),
        limit,
    };
    if records.is_empty() {
        let what = "records is empty; a function is never called without a record";
        return Err(NativeError::BadRequest(what.to_owned()));
    }
    if records.len() > BATCH_RECORDS_MAX as usize {
        let limit = format!("{BATCH_RECORDS_MAX} records");
        return Err(too_large("the batch", limit));
    }
    let mut columns = Columns::default();
    for (i, record) in (0..).zip(records) {
        let (key, data) = record
            .take()
            .map_err(|what| NativeError::BadRequest(format!("records[{i}]: {what}")))?;
        columns.keys.extend_from_slice(key.as_bytes());
        columns.data.extend_from_slice(&data);
        if columns.keys.len() + columns.data.len() > BATCH_BYTES {
            return Err(too_large("the batch", format!("{BATCH_BYTES} bytes")));
        }
        // Both fit, as was just checked.
        columns.key_ends.push(columns.keys.len() as u32);
        columns.data_ends.push(columns.data.len() as u32);
        columns.positions.push(Position::new(1, i).0);
        columns.arrival_ms.push(now.0);
    }
    Ok(columns)
}

impl Record {
    fn take(self) -> Result<(String, Vec<u8>), String> {
        let Self {
            partition_key,
            text,
            data,
            json,
        } = self;
        let bytes = match (text, data, json) {
            (Some(text), None, None) => text.into_bytes(),
            (None, Some(data), None) => base64_simd::STANDARD
                .decode_to_vec(data)
                .map_err(|error| format!("data is not base64: {error}"))?,
            (None, None, Some(json)) => json.to_string().into_bytes(),
            _ => return Err("exactly one of text, data and json is to be given".to_owned()),
        };
        let key = partition_key.unwrap_or_else(|| PLACEHOLDER.to_owned());
        super::ingest::key::check(&key)?;
        Ok((key, bytes))
    }
}
