//! Functions: upload, look, delete. Compiling runs on its own; a failed one changes nothing.

pub(super) mod rollback;
mod settings;
mod uploads;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::{
    Json,
    body::Body,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use millstream_core::{
    catalog::{Function, Request},
    limit::MODULE_BYTES,
    name::FunctionName,
    port::Limits,
    time::Millis,
};
use serde::Serialize;

pub use self::uploads::Uploads;
use self::{
    settings::Settings,
    uploads::{Module, UploadView},
};
use super::{
    error::NativeError,
    input::{Name, Params},
};
use crate::{admit::Admission, app::App};

#[derive(Serialize)]
struct FunctionView<'a> {
    name: &'a FunctionName,
    version: u64,
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    hash: &'a str,
    size: u64,
    world: &'a str,
    imports: &'a [String],
    limits: Limits,
    config: &'a BTreeMap<String, String>,
    updated_ms: Millis,
    #[serde(skip_serializing_if = "Option::is_none")]
    upload: Option<UploadView>,
}

#[derive(Serialize)]
struct OnlyUpload {
    name: FunctionName,
    upload: UploadView,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Active,
    Unavailable,
}

/// As this host can run it: whether at all, and under which limits.
fn view<'a>(app: &App, function: &'a Function, upload: Option<UploadView>) -> FunctionView<'a> {
    let reason = app.modules.fault(&function.name, function.version);
    FunctionView {
        name: &function.name,
        version: function.version,
        status: match reason {
            None => Status::Active,
            Some(_) => Status::Unavailable,
        },
        reason,
        hash: &function.module.hash,
        size: function.module.size,
        world: &function.module.world,
        imports: &function.module.imports,
        limits: app.modules.held(function.limits),
        config: &function.config,
        updated_ms: function.updated,
        upload,
    }
}

/// `PUT /v1/functions/{name}`
pub(super) async fn put(
    State(app): State<App>,
    State(admission): State<Arc<Admission>>,
    Name(name): Name<FunctionName>,
    Params(query): Params<Vec<(String, String)>>,
    body: Body,
) -> Result<Response, NativeError> {
    let Settings {
        wait_ms,
        limits,
        config,
    } = Settings::parse(query)?;
    // A slot is taken before the body, since bodies are what would fill the memory.
    let slot = app.uploads.slot(&name)?;
    let wasm = admission.read(body, MODULE_BYTES).await?.bytes;
    if wasm.is_empty() {
        let what = "the body is empty; it should be the module".to_owned();
        return Err(NativeError::BadRequest(what));
    }
    let module = Module {
        name: name.clone(),
        wasm,
        limits,
        config,
    };
    let mut done = uploads::start(&app, slot, module).await?;
    match tokio::time::timeout(Duration::from_millis(wait_ms), &mut done).await {
        Ok(Ok(finished)) => {
            let uploads::Finished { function, created } = finished?;
            let status = if created {
                StatusCode::CREATED
            } else {
                StatusCode::OK
            };
            Ok((status, Json(view(&app, &function, None))).into_response())
        }
        Ok(Err(_dropped)) => Err(NativeError::Internal("the upload was abandoned".into())),
        Err(_elapsed) => match app.uploads.view(&name) {
            Some(upload) => Ok((StatusCode::ACCEPTED, Json(upload)).into_response()),
            // It ended at this very moment.
            None => get(State(app), Name(name)).await,
        },
    }
}

/// `GET /v1/functions/{name}`
pub(super) async fn get(
    State(app): State<App>,
    Name(name): Name<FunctionName>,
) -> Result<Response, NativeError> {
    // In this order, so that an upload that succeeds meanwhile is seen in one of the two.
    let upload = app.uploads.view(&name);
    match (app.control.catalog().function(name.as_str()), upload) {
        (Some(function), upload) => Ok(Json(view(&app, function, upload)).into_response()),
        (None, Some(upload)) => Ok(Json(OnlyUpload { name, upload }).into_response()),
        (None, None) => Err(NativeError::no_function(&name)),
    }
}

/// `GET /v1/functions`
pub(super) async fn list(State(app): State<App>) -> Response {
    #[derive(Serialize)]
    struct Functions<'a> {
        functions: Vec<FunctionView<'a>>,
    }
    let catalog = app.control.catalog();
    let functions = catalog
        .functions()
        .map(|function| view(&app, function, app.uploads.view(&function.name)))
        .collect();
    Json(Functions { functions }).into_response()
}

/// `DELETE /v1/functions/{name}`
pub(super) async fn delete(
    State(app): State<App>,
    Name(name): Name<FunctionName>,
) -> Result<StatusCode, NativeError> {
    let request = Request::DeleteFunction { name: name.clone() };
    let forgotten = app.uploads.forget_failed(&name);
    match app.control.apply(request).await {
        Ok(_) => Ok(StatusCode::NO_CONTENT),
        // Nothing but a failed first upload bore that name.
        Err(_) if forgotten && app.control.catalog().function(name.as_str()).is_none() => {
            Ok(StatusCode::NO_CONTENT)
        }
        Err(error) => Err(error.into()),
    }
}
