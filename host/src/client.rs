//! Talks to a host over HTTP, for the commands. Knows nothing of what the answers mean.

pub(crate) mod events;
pub(crate) mod route;
mod signing;
mod trust;

use std::{io::Read, path::Path, time::Duration};

use serde_json::Value;
use ureq::{Agent, Body, SendBody, http};

use self::{
    route::Route,
    signing::{KINESIS, MILLSTREAM, Signing},
};
use crate::failure::Failure;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const ANSWER_BYTES: u64 = 64 << 20;

/// A host, by its address. Clones share their connections.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    agent: Agent,
    base: String,
    signing: Option<Signing>,
}

/// A success.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

/// What a request carries.
pub(crate) enum Payload<'a> {
    None,
    Json(&'a Value),
    Bytes(&'a [u8]),
    /// So many bytes of a reader.
    Reader(&'a mut dyn Read, u64),
}

impl Client {
    /// For the host at `url`, whose certificate is one of `ca` where that is given. Does not connect
    /// yet.
    pub(crate) fn new(url: &str, ca: Option<&Path>) -> Result<Self, Failure> {
        let mut schemes = ["http://", "https://"].into_iter();
        let rest = schemes.find_map(|scheme| url.strip_prefix(scheme));
        let rest = rest.ok_or_else(|| {
            Failure::Usage(format!(
                "`{url}` is not a URL of a host; it begins with http:// or https://"
            ))
        })?;
        if rest.trim_end_matches('/').is_empty() {
            return Err(Failure::Usage(format!("`{url}` names no host")));
        }
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .max_redirects(0)
            // What is not asked for need not be there.
            .tls_config(trust::tls(ca.filter(|_| url.starts_with("https:")))?)
            .no_delay(true)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .user_agent(concat!("millstream/", env!("CARGO_PKG_VERSION")));
        Ok(Self {
            agent: config.build().into(),
            base: url.trim_end_matches('/').to_owned(),
            signing: Signing::of_environment()?,
        })
    }

    pub(crate) fn url(&self) -> &str {
        &self.base
    }

    pub(crate) fn get(&self, route: &Route) -> Result<Value, Failure> {
        Ok(self.send("GET", route, Payload::None)?.body)
    }

    pub(crate) fn put(&self, route: &Route, body: &Value) -> Result<Answer, Failure> {
        self.send("PUT", route, Payload::Json(body))
    }

    pub(crate) fn post(&self, route: &Route, body: &Value) -> Result<Value, Failure> {
        Ok(self.send("POST", route, Payload::Json(body))?.body)
    }

    pub(crate) fn delete(&self, route: &Route) -> Result<(), Failure> {
        self.send("DELETE", route, Payload::None).map(|_| ())
    }

    /// One request with its answer read.
    pub(crate) fn send(
        &self,
        method: &str,
        route: &Route,
        payload: Payload<'_>,
    ) -> Result<Answer, Failure> {
        let response = self.call(method, route, &[], payload)?;
        let status = response.status().as_u16();
        let text = self.text(response)?;
        if text.is_empty() {
            let body = Value::Null;
            return Ok(Answer { status, body });
        }
        // Probes answer in plain words.
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Ok(Answer { status, body })
    }

    /// A Kinesis action.
    pub(crate) fn kinesis(&self, action: &str, body: &Value) -> Result<Value, Failure> {
        let target = format!("Kinesis_20131202.{action}");
        let headers = [
            ("x-amz-target", target.as_str()),
            ("content-type", "application/x-amz-json-1.1"),
        ];
        let bytes = body.to_string();
        let payload = Payload::Bytes(bytes.as_bytes());
        let response = self.call("POST", &Route::new(&[]), &headers, payload)?;
        let text = self.text(response)?;
        serde_json::from_str(&text).map_err(|error| Failure::Answer(error.to_string()))
    }

    /// The body of a success that goes on for as long as it likes.
    pub(crate) fn stream(&self, route: &Route) -> Result<impl Read + use<>, Failure> {
        let response = self.call("GET", route, &[], Payload::None)?;
        Ok(response
            .into_body()
            .into_with_config()
            .limit(u64::MAX)
            .reader())
    }

    fn call(
        &self,
        method: &str,
        route: &Route,
        headers: &[(&str, &str)],
        payload: Payload<'_>,
    ) -> Result<http::Response<Body>, Failure> {
        let mut request = http::Request::builder()
            .method(method)
            .uri(format!("{}{route}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        match &payload {
            Payload::Json(_) => request = request.header("content-type", "application/json"),
            Payload::Reader(_, length) => request = request.header("content-length", *length),
            Payload::None | Payload::Bytes(_) => {}
        }
        let parts = request.body(()).map(|request| request.into_parts().0);
        let mut parts = parts.map_err(|error| {
            Failure::Usage(format!("`{}` is not a URL of a host: {error}", self.base))
        })?;
        let text;
        let bytes: &[u8] = match payload {
            Payload::Reader(reader, _) => {
                self.sign(&mut parts, None);
                let body = SendBody::from_reader(reader);
                let response = self.agent.run(http::Request::from_parts(parts, body));
                return self.judge(response);
            }
            Payload::None => {
                self.sign(&mut parts, Some(&[]));
                let response = self.agent.run(http::Request::from_parts(parts, ()));
                return self.judge(response);
            }
            Payload::Bytes(bytes) => bytes,
            Payload::Json(value) => {
                text = value.to_string();
                text.as_bytes()
            }
        };
        self.sign(&mut parts, Some(bytes));
        self.judge(self.agent.run(http::Request::from_parts(parts, bytes)))
    }

    /// Signs a request where there is a key, or where Kinesis takes none without a signature.
    fn sign(&self, parts: &mut http::request::Parts, body: Option<&[u8]>) {
        let is_kinesis = parts.headers.contains_key("x-amz-target");
        match &self.signing {
            Some(signing) if is_kinesis => signing.sign(parts, body, KINESIS),
            Some(signing) => signing.sign(parts, body, MILLSTREAM),
            None if is_kinesis => Signing::any().sign(parts, body, KINESIS),
            None => {}
        }
    }

    fn judge(
        &self,
        response: Result<http::Response<Body>, ureq::Error>,
    ) -> Result<http::Response<Body>, Failure> {
        let response = response.map_err(|error| self.transport(error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(self.refusal(response)?)
    }

    fn text(&self, response: http::Response<Body>) -> Result<String, Failure> {
        let body = response.into_body().into_with_config().limit(ANSWER_BYTES);
        body.read_to_string().map_err(|error| self.transport(error))
    }

    fn refusal(&self, response: http::Response<Body>) -> Result<Failure, Failure> {
        let status = response.status().as_u16();
        let header = response.headers().get("retry-after");
        let retry_after = header.and_then(|v| v.to_str().ok()?.parse().ok());
        let text = self.text(response)?;
        let body: Value = serde_json::from_str(&text).unwrap_or_default();
        // Ours, then Amazon's.
        let field = |ours: &str, amazons: &str| {
            let value = body["error"][ours].as_str().or(body[amazons].as_str());
            value.map(str::to_owned)
        };
        Ok(Failure::Refused {
            status,
            code: field("code", "__type").unwrap_or_else(|| status.to_string()),
            message: field("message", "message")
                .unwrap_or_else(|| format!("the host answered {status}: {text}")),
            retry_after,
        })
    }

    fn transport(&self, error: ureq::Error) -> Failure {
        use std::io::ErrorKind::{AddrNotAvailable, ConnectionRefused, HostUnreachable};
        let (url, reason) = (self.base.clone(), error.to_string());
        match error {
            ureq::Error::BadUri(_) | ureq::Error::TlsRequired => {
                Failure::Usage(format!("`{url}` is not a URL of a host: {reason}"))
            }
            ureq::Error::HostNotFound
            | ureq::Error::ConnectionFailed
            | ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => {
                Failure::NotReachable { url, reason }
            }
            ureq::Error::Io(io) if trust::is_distrust(&io) => Failure::Untrusted { url, reason },
            ureq::Error::Io(io)
                if matches!(
                    io.kind(),
                    ConnectionRefused | AddrNotAvailable | HostUnreachable
                ) =>
            {
                let reason = io.to_string();
                Failure::NotReachable { url, reason }
            }
            _ => Failure::Broken { url, reason },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_that_cannot_work_is_a_usage_error() {
        for bad in ["ftp://localhost:4567", "localhost:4567", "https://", ""] {
            let refused = Client::new(bad, None).unwrap_err();
            assert_eq!(refused.exit_code(), 2, "{bad}");
        }
        for url in ["http://h:1", "https://h:1"] {
            let client = Client::new(&format!("{url}/"), None).unwrap();
            assert_eq!(client.url(), url);
        }
    }

    #[test]
    fn a_closed_port_is_not_reachable() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let client = Client::new(&url, None).unwrap();
        let failure = client.get(&Route::new(&["livez"])).unwrap_err();
        assert_eq!(failure.exit_code(), 3, "{failure}");
    }
}
