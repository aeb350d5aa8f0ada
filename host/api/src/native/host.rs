//! The host as a whole: its figures, and a copy of its log.

use std::{path::PathBuf, sync::Arc};

use axum::{Json, body::Body, extract::State};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{error::NativeError, input};
use crate::{admit::Admission, app::App};

/// `GET /v1/status`
pub(super) async fn status(State(app): State<App>) -> Json<Map<String, Value>> {
    let catalog = app.control.catalog();
    let ours = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "started_ms": app.started,
        "streams": catalog.streams().count(),
        "functions": catalog.functions().count(),
        "triggers": catalog.triggers().count(),
        "records_in": app.metrics.records_in(),
        "bytes_in": app.metrics.bytes_in(),
    });
    let mut fields = app.host.figures();
    if let Value::Object(ours) = ours {
        fields.extend(ours);
    }
    Json(fields)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Backup {
    path: PathBuf,
}

/// `POST /v1/backup`
pub(super) async fn backup(
    State(app): State<App>,
    State(admission): State<Arc<Admission>>,
    body: Body,
) -> Result<Json<Map<String, Value>>, NativeError> {
    let Backup { path } = input::json(&admission, body, input::JSON_BYTES).await?;
    // The host's working directory is nothing that a client knows.
    if !path.is_absolute() {
        let what = format!("path is {}; it must be absolute", path.display());
        return Err(NativeError::Setting(what));
    }
    Ok(Json(app.host.backup(path).await?))
}
