//! The host's HTTP interfaces, asked and answered. Every status is an answer, never an error.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use ureq::{
    Agent, Body,
    http::{HeaderMap, Response},
};

use crate::{build, wait};

/// A host without credentials takes any signature that could be one, and none that is missing.
const SIGNATURE: &str = "AWS4-HMAC-SHA256 \
    Credential=any/20260101/us-east-1/kinesis/aws4_request, SignedHeaders=host;x-amz-date, \
    Signature=0000000000000000000000000000000000000000000000000000000000000000";

/// A client of one host.
#[derive(Debug, Clone)]
pub struct Api {
    agent: Agent,
    /// As in `http://127.0.0.1:4567`.
    pub url: String,
}

/// What the host answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub text: String,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.text).with_context(|| format!("not JSON: {self:?}"))
    }

    /// The body, where the status is one of the two hundreds.
    pub fn ok(self) -> Result<Value> {
        ensure!(
            (200..300).contains(&self.status),
            "{}: {}",
            self.status,
            self.text
        );
        if self.text.is_empty() {
            Ok(Value::Null)
        } else {
            self.json()
        }
    }

    /// Checks that it is an error of the native interface with this status and code; its message.
    pub fn refused(self, status: u16, code: &str) -> Result<String> {
        let error = self.json()?;
        let found = (self.status, error["error"]["code"].as_str());
        ensure!(
            found == (status, Some(code)),
            "expected {status} {code}, got {self:?}"
        );
        let message = error["error"]["message"]
            .as_str()
            .context("an error without a message")?;
        Ok(message.to_owned())
    }
}

impl Api {
    /// A client of the host at `url`.
    #[must_use]
    pub fn new(url: &str) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(90)));
        Self {
            agent: config.build().into(),
            url: url.trim_end_matches('/').to_owned(),
        }
    }

    /// The address without its scheme.
    #[must_use]
    pub fn address(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    /// `GET path`.
    pub fn get(&self, path: &str) -> Result<Answer> {
        answer(self.agent.get(self.at(path)).call())
    }

    /// `DELETE path`.
    pub fn delete(&self, path: &str) -> Result<Answer> {
        answer(self.agent.delete(self.at(path)).call())
    }

    /// `PUT path` with JSON.
    pub fn put(&self, path: &str, body: &Value) -> Result<Answer> {
        answer(self.agent.put(self.at(path)).send_json(body))
    }

    /// `POST path` with JSON.
    pub fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        answer(self.agent.post(self.at(path)).send_json(body))
    }

    /// `PUT path` with bytes.
    pub fn upload(&self, path: &str, body: &[u8]) -> Result<Answer> {
        answer(self.agent.put(self.at(path)).send(body))
    }

    /// `POST path` with bytes of a type.
    pub fn send(&self, path: &str, kind: &str, body: &[u8]) -> Result<Answer> {
        answer(
            self.agent
                .post(self.at(path))
                .header("content-type", kind)
                .send(body),
        )
    }

    /// A Kinesis action, as the AWS clients send it.
    pub fn kinesis(&self, action: &str, body: &Value) -> Result<Answer> {
        self.target(
            &format!("Kinesis_20131202.{action}"),
            body.to_string().as_bytes(),
        )
    }

    /// A POST of the Lambda API, as the AWS clients send it.
    pub fn lambda(&self, path: &str, body: &Value) -> Result<Answer> {
        let request = self.agent.post(self.at(path));
        let signature = SIGNATURE.replace("kinesis", "lambda");
        answer(
            request
                .header("x-amz-date", "20260101T000000Z")
                .header("authorization", signature)
                .send_json(body),
        )
    }

    /// `POST /` with any target and any body.
    pub fn target(&self, target: &str, body: &[u8]) -> Result<Answer> {
        let request = self.agent.post(self.at("/")).header("x-amz-target", target);
        answer(
            request
                .header("content-type", "application/x-amz-json-1.1")
                .header("x-amz-date", "20260101T000000Z")
                .header("authorization", SIGNATURE)
                .send(body),
        )
    }

    /// A body that comes piece by piece, as a tail does.
    pub fn open(&self, path: &str) -> Result<Response<Body>> {
        Ok(self.agent.get(self.at(path)).call()?)
    }

    /// Creates a stream.
    pub fn stream(&self, name: &str, shards: u32) -> Result<Value> {
        self.put(&format!("/v1/streams/{name}"), &json!({ "shards": shards }))?
            .ok()
    }

    /// Uploads a guest of `guests/` and waits until it is active. `query` holds limits and config.
    pub fn deploy(&self, name: &str, guest: &str, query: &str) -> Result<Value> {
        let path = format!("/v1/functions/{name}?wait_ms=60000&{query}");
        let function = self.upload(&path, &build::guest(guest)?)?.ok()?;
        ensure!(
            function["status"] == "active",
            "{name} did not become active: {function}"
        );
        Ok(function)
    }

    /// Creates or changes a trigger; without a starting position it begins at the trim horizon.
    pub fn trigger(&self, name: &str, settings: Value) -> Result<Value> {
        let mut body = json!({ "starting_position": "TRIM_HORIZON" });
        let given = settings
            .as_object()
            .context("settings are an object")?
            .clone();
        body.as_object_mut().context("an object")?.extend(given);
        self.put(&format!("/v1/triggers/{name}"), &body)?.ok()
    }

    /// Puts lines into a stream; each is a record. `query` says where the key comes from.
    pub fn lines(&self, stream: &str, query: &str, lines: &str) -> Result<Value> {
        let path = format!("/v1/streams/{stream}/records?format=lines&{query}");
        self.send(&path, "text/plain", lines.as_bytes())?.ok()
    }

    /// What a trigger is doing.
    pub fn lanes(&self, trigger: &str) -> Result<Value> {
        self.get(&format!("/v1/triggers/{trigger}"))?.ok()
    }

    /// Waits until nothing waits for the trigger any more; its status then.
    pub fn caught_up(&self, trigger: &str) -> Result<Value> {
        wait::until(&format!("trigger {trigger} to catch up"), || {
            let status = self.lanes(trigger)?;
            Ok((status["lag_records"] == 0).then_some(status))
        })
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }
}

fn answer(sent: Result<Response<Body>, ureq::Error>) -> Result<Answer> {
    let mut response = sent?;
    let bytes = response
        .body_mut()
        .with_config()
        .limit(64 << 20)
        .read_to_vec()?;
    Ok(Answer {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        text: String::from_utf8(bytes).context("the answer is not UTF-8")?,
    })
}
