//! The Lambda API: functions, versions, aliases and event source mappings, as Amazon's clients know
//! them. It stands at the same port as the Kinesis API; the path decides.

mod alias;
mod call;
mod concurrency;
mod fault;
mod function;
mod invoke;
mod mapping;
mod named;
mod operation;
mod page;
mod permission;
mod refused;
mod tags;
mod terraform;
mod version;

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderName, HeaderValue, Response, StatusCode, header, request::Parts},
    routing::any,
};
use millstream_core::name::is_region;
use tokio::sync::{Mutex, Semaphore};

use self::{
    call::{Answer, Call},
    fault::Fault,
    operation::{Labels, Operation},
};
use crate::{
    admit::Admission,
    app::App,
    auth::{self, Asked, AuthFault},
    native::metrics::Route,
    wire::answer::identify,
};

const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
/// Bytes of a body that carries a module, in base64.
const CODE_BODY_BYTES: usize = 48 << 20;
/// Bytes of what a function is invoked with.
const INVOKE_BODY_BYTES: usize = 6 << 20;
/// Bytes of any other body.
const BODY_BYTES: usize = 1 << 20;
/// Modules that are taken out of their bodies at once.
const UNPACKED_AT_ONCE: usize = 2;

/// Events that wait for their functions, or run, while nobody waits for an answer.
const EVENTS_WAITING: usize = 64;

/// What the operations share.
#[derive(Debug)]
struct Lambda {
    app: App,
    admission: Arc<Admission>,
    /// Held while a mapping is looked at and changed, so that no two changes undo one another.
    mappings: Mutex<()>,
    unpacking: Semaphore,
    /// For events that nobody waits for.
    later: Arc<Semaphore>,
    counters: Vec<Arc<Route>>,
    unknown: Arc<Route>,
}

/// The API, under the dates that its paths begin with.
pub(crate) fn router(app: App, admission: Arc<Admission>) -> Router {
    let counters = operation::ALL.iter();
    let counters = counters.map(|operation| app.metrics.route(operation.name));
    let lambda = Lambda {
        admission,
        mappings: Mutex::default(),
        unpacking: Semaphore::new(UNPACKED_AT_ONCE),
        later: Arc::new(Semaphore::new(EVENTS_WAITING)),
        counters: counters.collect(),
        unknown: app.metrics.route("UnknownLambda"),
        app,
    };
    let mut router = Router::new();
    for date in operation::dates() {
        router = router.route(&format!("/{date}/{{*rest}}"), any(handle));
    }
    router.with_state(Arc::new(lambda))
}

async fn handle(State(lambda): State<Arc<Lambda>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let found = operation::find(&parts.method, parts.uri.path());
    let counter = match &found {
        Some((operation, _)) => {
            let at = operation::ALL.iter().position(|other| other == operation);
            at.map_or(&lambda.unknown, |at| &lambda.counters[at])
        }
        None => &lambda.unknown,
    };
    let response = match lambda.answer(&parts, found, body).await {
        Ok(answer) => success(answer),
        Err(fault) => failure(&fault),
    };
    counter.answered(response.status());
    response
}

impl Lambda {
    async fn answer(
        &self,
        parts: &Parts,
        found: Option<(Operation, Labels)>,
        body: Body,
    ) -> Result<Answer, Fault> {
        let name = found.as_ref().map_or("", |(operation, _)| operation.name);
        let limit = match name {
            "CreateFunction" | "UpdateFunctionCode" => CODE_BODY_BYTES,
            "Invoke" => INVOKE_BODY_BYTES,
            _ => BODY_BYTES,
        };
        let body = self.admission.read(body, limit).await;
        let body = body.map_err(|refused| Fault::refused(&refused, name))?;
        let region = self.region(parts, &body.bytes)?;
        let (operation, labels) = found.ok_or_else(Fault::unknown_operation)?;
        let call = Call {
            lambda: self,
            operation: operation.name,
            region,
            labels,
            query: auth::query(parts.uri.query().unwrap_or_default()),
            headers: &parts.headers,
            body: &body.bytes,
        };
        act(&call).await
    }

    /// The region of the signature. Functions are in all regions; streams are in one.
    fn region(&self, parts: &Parts, body: &[u8]) -> Result<String, AuthFault> {
        let App {
            access,
            identity,
            now,
            ..
        } = &self.app;
        match access.to_lambda(&Asked::from(parts), body, now())? {
            Some(signer) if signer.region != identity.region && !is_region(&signer.region) => {
                Err(AuthFault::region(&signer.region))
            }
            Some(signer) => Ok(signer.region),
            None => Ok(identity.region.clone()),
        }
    }
}

async fn act(call: &Call<'_>) -> Result<Answer, Fault> {
    match call.operation {
        "AddPermission" => permission::add(call).await,
        "CreateAlias" => alias::create(call).await,
        "CreateEventSourceMapping" => mapping::create::answer(call).await,
        "CreateFunction" => function::create::answer(call).await,
        "DeleteAlias" => alias::delete(call).await,
        "DeleteEventSourceMapping" => mapping::delete(call).await,
        "DeleteFunction" => function::delete(call).await,
        "DeleteFunctionConcurrency" => concurrency::delete(call).await,
        "GetAlias" => alias::get(call),
        "GetEventSourceMapping" => mapping::get(call),
        "GetFunction" => function::get(call),
        "GetFunctionConcurrency" => concurrency::get(call),
        "GetFunctionConfiguration" => function::get_configuration(call),
        "GetPolicy" => permission::get(call),
        "Invoke" => invoke::answer(call).await,
        "ListAliases" => alias::list(call),
        "ListEventSourceMappings" => mapping::list(call),
        "ListFunctions" => function::list(call),
        "ListTags" => tags::list(call),
        "ListVersionsByFunction" => version::list(call),
        "PublishVersion" => version::publish(call).await,
        "PutFunctionConcurrency" => concurrency::put(call).await,
        "RemovePermission" => permission::remove(call).await,
        "TagResource" => tags::tag(call).await,
        "UntagResource" => tags::untag(call).await,
        "UpdateAlias" => alias::update(call).await,
        "UpdateEventSourceMapping" => mapping::update::answer(call).await,
        "UpdateFunctionCode" => function::code::answer(call).await,
        "UpdateFunctionConfiguration" => function::configure::answer(call).await,
        _ => terraform::answer(call),
    }
}

fn success(answer: Answer) -> Response<Body> {
    let Answer {
        status,
        headers: further,
        body,
    } = answer;
    let is_empty = body.is_empty();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if !is_empty || status != StatusCode::NO_CONTENT {
        let json = HeaderValue::from_static("application/json");
        headers.insert(header::CONTENT_TYPE, json);
    }
    identify(headers);
    for (name, value) in further {
        headers.insert(name, value);
    }
    response
}

fn failure(fault: &Fault) -> Response<Body> {
    let Fault { name, status, .. } = fault;
    if status.is_server_error() {
        tracing::warn!(%status, error = %fault.message, "a Lambda request failed");
    }
    let mut response = Response::new(Body::from(fault.body().to_string()));
    *response.status_mut() = *status;
    let headers = response.headers_mut();
    let json = HeaderValue::from_static("application/json");
    headers.insert(header::CONTENT_TYPE, json);
    headers.insert(ERROR_TYPE, HeaderValue::from_static(name));
    match *status {
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            let second = HeaderValue::from_static("1");
            headers.insert(header::RETRY_AFTER, second);
        }
        StatusCode::PAYLOAD_TOO_LARGE => {
            // The rest of the body is not worth reading.
            let close = HeaderValue::from_static("close");
            headers.insert(header::CONNECTION, close);
        }
        _ => {}
    }
    identify(headers);
    response
}
