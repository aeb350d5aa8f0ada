//! The path `/`, which several of Amazon's services share: the target says whose a request is.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::Response,
    routing::any,
};

use crate::{admit::Admission, app::App, kinesis::Kinesis, logs, logs::Logs};

#[derive(Debug)]
struct Front {
    kinesis: Kinesis,
    logs: Logs,
}

/// The Kinesis API and CloudWatch Logs.
pub(crate) fn router(app: App, admission: Arc<Admission>) -> Router {
    let front = Front {
        kinesis: Kinesis::new(app.clone(), Arc::clone(&admission)),
        logs: Logs::new(app, admission),
    };
    Router::new()
        .route("/", any(handle))
        .with_state(Arc::new(front))
}

async fn handle(State(front): State<Arc<Front>>, request: Request) -> Response<Body> {
    if logs::is_for(request.headers()) {
        // Apart, so that what Kinesis's requests carry along stays small.
        return Box::pin(front.logs.handle(request)).await;
    }
    front.kinesis.handle(request).await
}
