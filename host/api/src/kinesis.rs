//! The Kinesis API: one file an action, from its JSON to its answer.

mod control;
mod create_stream;
mod delete_stream;
mod describe_stream;
mod describe_stream_summary;
mod get_records;
mod get_shard_iterator;
mod list_shards;
mod list_streams;
mod put;
mod put_record;
mod put_records;
mod shard;
mod stream;
mod tokens;

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, Method, Response, header},
    routing::any,
};
use tokio::sync::OnceCell;

use crate::{
    admit::Admission,
    app::App,
    error::Fault,
    native::metrics::Route,
    wire::{
        answer::{self, Answer},
        target::Action,
    },
};

/// Bytes of a body that carries records: the API's limit of records in base64, keys and JSON.
const RECORDS_BODY_BYTES: usize = 16 << 20;
/// Bytes of any other body; the longest member is a token of 1 MiB.
const BODY_BYTES: usize = 2 << 20;

/// What the actions share.
#[derive(Debug)]
struct Kinesis {
    app: App,
    admission: Arc<Admission>,
    token_key: OnceCell<tokens::Kept>,
    counters: Vec<Arc<Route>>,
    unknown: Arc<Route>,
}

/// The API at `/`, where Amazon's clients expect it.
pub(crate) fn router(app: App, admission: Arc<Admission>) -> Router {
    let counters = Action::ALL.iter();
    let counters = counters.map(|action| app.metrics.route(action.name()));
    let kinesis = Kinesis {
        admission,
        token_key: OnceCell::new(),
        counters: counters.collect(),
        unknown: app.metrics.route("Unknown"),
        app,
    };
    Router::new()
        .route("/", any(handle))
        .with_state(Arc::new(kinesis))
}

async fn handle(State(kinesis): State<Arc<Kinesis>>, request: Request) -> Response<Body> {
    let target = target(request.method(), request.headers());
    let action = target.as_ref().ok().copied().flatten();
    let result = kinesis.answer(target, request.into_body()).await;
    let response = match result {
        Ok(body) => answer::success(body),
        Err(fault) => answer::failure(&fault),
    };
    let counter = action.map_or(&kinesis.unknown, |action| {
        &kinesis.counters[action as usize]
    });
    counter.answered(response.status());
    response
}

/// The action that is asked for; none where it is one that is not known.
fn target(method: &Method, headers: &HeaderMap) -> Result<Option<Action>, Fault> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let content = text(header::CONTENT_TYPE.as_str()).unwrap_or_default();
    let content = content.split(';').next().unwrap_or_default().trim();
    let target = text("x-amz-target");
    if method != Method::POST || (content != answer::JSON && target.is_none()) {
        return Err(Fault::NotARequest);
    }
    if content != answer::JSON {
        return Err(Fault::UnknownContent);
    }
    Ok(target.and_then(Action::parse))
}

impl Kinesis {
    async fn answer(
        &self,
        target: Result<Option<Action>, Fault>,
        body: Body,
    ) -> Result<Answer, Fault> {
        let limit = match target {
            Ok(Some(Action::PutRecord | Action::PutRecords)) => RECORDS_BODY_BYTES,
            _ => BODY_BYTES,
        };
        // Read before any refusal, since some clients look for none until they have sent it all.
        let body = self.admission.read(body, limit).await?;
        let action = target?.ok_or(Fault::UnknownOperation)?;
        self.act(action, &body.bytes).await
    }

    async fn act(&self, action: Action, body: &[u8]) -> Result<Answer, Fault> {
        let bytes = match action {
            Action::CreateStream => create_stream::answer(self, body).await,
            Action::DeleteStream => delete_stream::answer(self, body).await,
            Action::DescribeStream => describe_stream::answer(self, body),
            Action::DescribeStreamSummary => describe_stream_summary::answer(self, body),
            Action::GetRecords => return get_records::answer(self, body).await,
            Action::GetShardIterator => get_shard_iterator::answer(self, body).await,
            Action::ListShards => list_shards::answer(self, body).await,
            Action::ListStreams => list_streams::answer(self, body).await,
            Action::PutRecord => put_record::answer(self, body).await,
            Action::PutRecords => put_records::answer(self, body).await,
        }?;
        Ok(bytes.into())
    }
}

/// An answer from a value.
fn json(value: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("answers have text keys and no failing parts")
}
