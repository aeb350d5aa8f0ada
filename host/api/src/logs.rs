//! CloudWatch Logs, as far as functions' logs are read with it: each function has a log group
//! `/aws/lambda/NAME`. It stands at the same path as the Kinesis API; the target decides.

mod call;
mod events;
mod fault;
mod filter;
mod group;
mod operation;
mod page;
mod stream;

use std::sync::Arc;

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header, request::Parts},
};
use millstream_core::name::is_region;
use serde_json::Value;

use self::{call::Call, fault::Fault, operation::Operation};
use crate::{
    admit::Admission,
    app::App,
    auth::{Asked, AuthFault},
    native::metrics::Route,
    wire::{answer::identify, form::Form},
};

/// Bytes of a body.
const BODY_BYTES: usize = 1 << 20;
const TARGET: &str = "x-amz-target";
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

/// What the operations share.
#[derive(Debug)]
pub(crate) struct Logs {
    app: App,
    admission: Arc<Admission>,
    counter: Arc<Route>,
}

/// Whether a request is for this API.
pub(crate) fn is_for(headers: &HeaderMap) -> bool {
    let target = headers.get(TARGET);
    target.is_some_and(|target| operation::is_ours(target.as_bytes()))
}

impl Logs {
    pub(crate) fn new(app: App, admission: Arc<Admission>) -> Self {
        Self {
            counter: app.metrics.route("CloudWatchLogs"),
            admission,
            app,
        }
    }

    /// Answers one request.
    pub(crate) async fn handle(&self, request: Request) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let response = match self.answer(&parts, body).await {
            Ok(answer) => success(&answer),
            Err(fault) => failure(&fault),
        };
        self.counter.answered(response.status());
        response
    }

    async fn answer(&self, parts: &Parts, body: Body) -> Result<Value, Fault> {
        let body = self.admission.read(body, BODY_BYTES).await;
        let body = body.map_err(crate::error::Fault::from)?;
        let target = parts.headers.get(TARGET);
        let target = target.and_then(|target| target.to_str().ok());
        let operation = target.and_then(Operation::parse);
        let operation = operation.ok_or(crate::error::Fault::UnknownOperation)?;
        let call = Call {
            app: &self.app,
            region: self.region(parts, &body.bytes)?,
            body: &body.bytes,
        };
        match operation {
            Operation::DescribeLogGroups => group::describe(&call),
            Operation::DescribeLogStreams => stream::describe(&call),
            Operation::FilterLogEvents => filter::answer(&call),
            Operation::GetLogEvents => events::answer(&call),
            Operation::Other(name, refusal) => Err(Fault::Unsupported(name, refusal)),
        }
    }

    /// The region of the signature; functions are in all regions, and so are their logs.
    fn region(&self, parts: &Parts, body: &[u8]) -> Result<String, AuthFault> {
        let App {
            access,
            identity,
            now,
            ..
        } = &self.app;
        match access.to_logs(&Asked::from(parts), body, now())? {
            Some(signer) if signer.region != identity.region && !is_region(&signer.region) => {
                Err(AuthFault::region(&signer.region))
            }
            Some(signer) => Ok(signer.region),
            None => Ok(identity.region.clone()),
        }
    }
}

fn success(answer: &Value) -> Response<Body> {
    respond(StatusCode::OK, answer)
}

fn failure(fault: &Fault) -> Response<Body> {
    let (status, name) = fault.shape();
    if status.is_server_error() {
        tracing::warn!(%status, error = %fault, "a request for logs failed");
    }
    let mut response = respond(status, &fault.body());
    let headers = response.headers_mut();
    headers.insert(ERROR_TYPE, HeaderValue::from_static(name));
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        // The rest of the body is not worth reading.
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

fn respond(status: StatusCode, body: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let json = HeaderValue::from_static(Form::Json.content_type());
    headers.insert(header::CONTENT_TYPE, json);
    identify(headers);
    response
}
