//! One signed request to an AWS service, and its answer.

use std::{error::Error, sync::OnceLock, time::Duration};

use bytes::Bytes;
use millstream_core::trigger::Destination;
use object_store::{
    ClientOptions,
    aws::{AwsAuthorizer, AwsCredentialProvider},
    client::{HttpClient, HttpConnector, HttpRequest, ReqwestConnector},
};
use reqwest::{Method, header::HeaderValue};

use super::{
    aws::{Aws, name},
    refusal::SendError,
};

/// Messages are small, so a slower answer hangs.
const ANSWER: Duration = Duration::from_secs(30);
const CONNECT: Duration = Duration::from_secs(5);

/// What all requests share.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) aws: Aws,
    /// Made for the first request: most hosts never make one.
    client: OnceLock<HttpClient>,
}

/// What is asked of a service.
#[derive(Debug)]
pub(super) struct Asked {
    /// What the body is.
    pub(super) content_type: &'static str,
    /// Which operation, where a header says it.
    pub(super) target: Option<&'static str>,
    pub(super) body: String,
}

/// What it answered.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) status: u16,
    pub(super) body: Bytes,
}

impl Caller {
    pub(super) fn new(aws: Aws) -> Self {
        Self {
            aws,
            client: OnceLock::new(),
        }
    }

    /// Asks the service of `destination`, for as long as an answer may take.
    pub(super) async fn ask(
        &self,
        destination: &Destination,
        asked: Asked,
    ) -> Result<Answered, SendError> {
        let endpoint = self.aws.endpoint(destination);
        let answer = tokio::time::timeout(ANSWER, self.exchange(destination, &endpoint, asked));
        answer.await.unwrap_or_else(|_| {
            let seconds = ANSWER.as_secs();
            Err(failed(&endpoint, &format!("no answer within {seconds} s")))
        })
    }

    async fn exchange(
        &self,
        destination: &Destination,
        endpoint: &str,
        asked: Asked,
    ) -> Result<Answered, SendError> {
        let Asked {
            content_type,
            target,
            body,
        } = asked;
        let mut request = HttpRequest::new(body.into());
        *request.method_mut() = Method::POST;
        let uri = format!("{endpoint}/").parse();
        *request.uri_mut() = uri.map_err(|error| failed(endpoint, &error))?;
        let headers = request.headers_mut();
        headers.insert("content-type", HeaderValue::from_static(content_type));
        if let Some(target) = target {
            headers.insert("x-amz-target", HeaderValue::from_static(target));
        }
        if let Some(provider) = self.aws.credentials(destination)? {
            self.sign(destination, &provider, &mut request).await?;
        }
        let client = self.client()?;
        let answer = client.execute(request).await;
        let answer = answer.map_err(|error| failed(endpoint, &told(&error)))?;
        let status = answer.status().as_u16();
        let body = answer.into_body().bytes().await;
        let body = body.map_err(|error| failed(endpoint, &told(&error)))?;
        Ok(Answered { status, body })
    }

    async fn sign(
        &self,
        destination: &Destination,
        provider: &AwsCredentialProvider,
        request: &mut HttpRequest,
    ) -> Result<(), SendError> {
        let unsigned = |error: object_store::Error| {
            let what = told(&error);
            SendError::Failed(format!("the request was not signed: {what}"))
        };
        let credential = provider.get_credential().await.map_err(unsigned)?;
        let service = name(destination.service());
        let region = self.aws.region(destination);
        let authorizer = AwsAuthorizer::new(&credential, service, region);
        authorizer.try_authorize(request, None).map_err(unsigned)
    }

    fn client(&self) -> Result<&HttpClient, SendError> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let options = ClientOptions::new()
            .with_allow_http(true)
            .with_connect_timeout(CONNECT)
            .with_timeout(ANSWER);
        let client = ReqwestConnector::default().connect(&options);
        let client = client.map_err(|error| SendError::Failed(told(&error)))?;
        Ok(self.client.get_or_init(|| client))
    }
}

fn failed(endpoint: &str, what: &dyn std::fmt::Display) -> SendError {
    SendError::Failed(format!("{endpoint} did not answer: {what}"))
}

/// The error with its causes, where they are not said yet.
fn told(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let inner = error.to_string();
        if !text.contains(&inner) {
            text.push_str(": ");
            text.push_str(&inner);
        }
        cause = error.source();
    }
    text
}
