//! The native HTTP interface: everything that `host/docs/HTTP.md` says, route by route.
//!
//! It speaks with the ports behind [`App`] and knows nothing of Kinesis's shapes.

mod datum;
pub mod error;
pub mod functions;
mod gate;
pub mod health;
mod host;
mod ingest;
mod input;
mod invoke;
mod linger;
mod logs;
pub mod metrics;
mod sse;
mod streams;
mod tail;
pub(crate) mod triggers;

use std::sync::Arc;

use axum::{
    Router,
    extract::FromRef,
    handler::Handler,
    http::{Method, Uri},
    middleware::{from_fn_with_state, map_request},
    routing::{MethodRouter, get, post, put},
};

use self::error::NativeError;
use crate::{admit::Admission, app::App};

/// What native handlers may ask for.
#[derive(Debug, Clone)]
struct Native {
    app: App,
    admission: Arc<Admission>,
}

impl FromRef<Native> for App {
    fn from_ref(native: &Native) -> Self {
        native.app.clone()
    }
}

impl FromRef<Native> for Arc<Admission> {
    fn from_ref(native: &Native) -> Self {
        Arc::clone(&native.admission)
    }
}

/// All native routes, and the answers to requests that fit none.
pub(crate) fn router(app: App, admission: Arc<Admission>) -> Router {
    let routes: [(&'static str, MethodRouter<Native>); 18] = [
        ("/livez", get(health::livez)),
        ("/readyz", get(health::readyz)),
        ("/metrics", get(metrics::get)),
        ("/v1/status", get(host::status)),
        ("/v1/backup", post(host::backup)),
        ("/v1/streams", get(streams::list)),
        (
            "/v1/streams/{name}",
            put(streams::put).get(streams::get).delete(streams::delete),
        ),
        ("/v1/streams/{name}/records", post(ingest::post)),
        ("/v1/streams/{name}/tail", get(tail::get)),
        ("/v1/functions", get(functions::list)),
        (
            "/v1/functions/{name}",
            put(functions::put)
                .get(functions::get)
                .delete(functions::delete),
        ),
        ("/v1/functions/{name}/invoke", post(invoke::post)),
        ("/v1/functions/{name}/logs", get(logs::get)),
        (
            "/v1/functions/{name}/rollback",
            post(functions::rollback::post),
        ),
        ("/v1/triggers", get(triggers::list)),
        (
            "/v1/triggers/{name}",
            put(triggers::put)
                .get(triggers::get)
                .delete(triggers::delete),
        ),
        ("/v1/triggers/{name}/pause", post(triggers::pause)),
        ("/v1/triggers/{name}/resume", post(triggers::resume)),
    ];
    let native = Native { app, admission };
    let metrics = &native.app.metrics;
    let mut router = Router::new();
    for (path, methods) in routes {
        let methods = methods.fallback(no_such_method);
        let methods = if path.starts_with("/v1/") {
            methods.layer(from_fn_with_state(native.clone(), gate::check))
        } else {
            methods.layer(from_fn_with_state(native.clone(), gate::check_strangers))
        };
        let counted = from_fn_with_state(metrics.route(path), metrics::count);
        router = router.route(path, methods.layer(counted));
    }
    let unmatched = from_fn_with_state(metrics.route("unmatched"), metrics::count);
    router
        .fallback(no_such_route.layer(unmatched))
        .layer(map_request(linger::linger))
        .with_state(native)
}

async fn no_such_route(uri: Uri) -> NativeError {
    NativeError::NoRoute(uri.path().to_owned())
}

async fn no_such_method(method: Method, uri: Uri) -> NativeError {
    NativeError::Method(method, uri.path().to_owned())
}
