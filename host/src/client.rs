//! Talks to a host over HTTP, for the commands. Knows nothing of what the answers mean.

pub(crate) mod events;
pub(crate) mod route;

use std::{io::Read, time::Duration};

use serde_json::Value;
use ureq::{Agent, Body, SendBody, http};

use self::route::Route;
use crate::failure::Failure;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const ANSWER_BYTES: u64 = 64 << 20;

/// A host, by its address. Clones share their connections.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    agent: Agent,
    base: String,
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
    /// For the host at `url`. Does not connect yet.
    pub(crate) fn new(url: &str) -> Result<Self, Failure> {
        let rest = url.strip_prefix("http://").ok_or_else(|| {
            Failure::Usage(format!(
                "`{url}` is not a URL of a host; it begins with http://"
            ))
        })?;
        if rest.trim_end_matches('/').is_empty() {
            return Err(Failure::Usage(format!("`{url}` names no host")));
        }
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .max_redirects(0)
            .no_delay(true)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .user_agent(concat!("millstream/", env!("CARGO_PKG_VERSION")));
        Ok(Self {
            agent: config.build().into(),
            base: url.trim_end_matches('/').to_owned(),
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

    /// A Kinesis action, unsigned.
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
        let bad = |error: http::Error| {
            Failure::Usage(format!("`{}` is not a URL of a host: {error}", self.base))
        };
        let response = match payload {
            Payload::None => self.agent.run(request.body(()).map_err(bad)?),
            Payload::Bytes(bytes) => self.agent.run(request.body(bytes).map_err(bad)?),
            Payload::Json(value) => {
                let request = request.header("content-type", "application/json");
                self.agent
                    .run(request.body(value.to_string()).map_err(bad)?)
            }
            Payload::Reader(reader, length) => {
                let request = request.header("content-length", length);
                let body = SendBody::from_reader(reader);
                self.agent.run(request.body(body).map_err(bad)?)
            }
        };
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
        for bad in ["https://localhost:4567", "localhost:4567", "http://", ""] {
            assert_eq!(Client::new(bad).unwrap_err().exit_code(), 2, "{bad}");
        }
        assert_eq!(Client::new("http://h:1/").unwrap().url(), "http://h:1");
    }

    #[test]
    fn a_closed_port_is_not_reachable() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let client = Client::new(&url).unwrap();
        let failure = client.get(&Route::new(&["livez"])).unwrap_err();
        assert_eq!(failure.exit_code(), 3, "{failure}");
    }
}
