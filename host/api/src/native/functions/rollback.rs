//! Rollback: a function runs again as it did before.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
};
use millstream_core::{
    catalog::{
        Function, Refused, Request,
        function::{change, rollback::Earlier},
        key,
    },
    name::FunctionName,
    time::Millis,
};
use serde::{Deserialize, Serialize};

use super::{FunctionView, view};
use crate::{
    admit::Admission,
    app::App,
    native::{
        error::NativeError,
        input::{self, JSON_BYTES, Name},
    },
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    to: Option<u64>,
}

/// What a rollback goes from or to.
#[derive(Debug, Serialize)]
struct Told {
    /// The published version, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<u64>,
    version: u64,
    hash: String,
    size: u64,
    updated_ms: Millis,
}

impl Told {
    fn of(number: Option<u64>, function: &Function) -> Self {
        Self {
            number,
            version: function.version,
            hash: function.module.hash.clone(),
            size: function.module.size,
            updated_ms: function.updated,
        }
    }
}

/// `POST /v1/functions/{name}/rollback`
pub(crate) async fn post(
    State(app): State<App>,
    State(admission): State<Arc<Admission>>,
    Name(name): Name<FunctionName>,
    body: Body,
) -> Result<Response, NativeError> {
    let Asked { to } = input::json(&admission, body, JSON_BYTES).await?;
    let catalog = app.control.catalog();
    let function = catalog
        .function(name.as_str())
        .ok_or_else(|| NativeError::no_function(&name))?;
    let Earlier {
        number,
        function: earlier,
    } = function.earlier(to).map_err(Refused::from)?;
    // A slot, as for an upload: it takes as much memory, and may have to be compiled again.
    let _slot = app.uploads.slot(&name)?;
    let hash = &earlier.module.hash;
    let stored = app.log.get_many(vec![key::module(hash)]).await?.pop();
    let wasm = stored.flatten().ok_or_else(|| {
        NativeError::Internal(format!("the module {hash} is not in the log any more"))
    })?;
    app.modules.compile(wasm, earlier.limits).await?;
    let request = change::Request {
        name: name.clone(),
        // Nobody changed it since it was looked at.
        expected: Some(function.revision),
        change: change::Change::Rollback { to },
    };
    let changed = app.control.apply(Request::Function(request)).await?;
    let now = changed.catalog.function(name.as_str());
    let now = now.ok_or_else(|| NativeError::no_function(&name))?;
    #[derive(Serialize)]
    struct RolledBack<'a> {
        function: FunctionView<'a>,
        from: Told,
        to: Told,
    }
    let answer = RolledBack {
        function: view(&app, now, None),
        from: Told::of(None, function),
        to: Told::of(number, &earlier),
    };
    Ok(Json(answer).into_response())
}
