//! What analysts get of a line.

use jiff::Timestamp;
use serde::Serialize;

use crate::{line::Line, section};

/// One request, as JSON. What the log does not say is `null`.
///
/// A request line that is not `METHOD TARGET [PROTOCOL]` (scanners send garbage, broken clients
/// nothing) is an event all the same, since it was answered and counted: its `method`, `path` and
/// `protocol` are `null` and its `request` holds what was sent.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub struct Event<'a> {
    /// ISO 8601, in UTC.
    time: Timestamp,
    epoch_ms: i64,
    client: &'a str,
    user: Option<&'a str>,
    method: Option<&'a str>,
    /// The target without its query.
    path: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    query: Option<&'a str>,
    protocol: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<&'a str>,
    status: u16,
    bytes: u64,
    referrer: Option<&'a str>,
    user_agent: Option<&'a str>,
    /// The part of the site, see [`section`].
    section: &'a str,
}

impl<'a> Event<'a> {
    /// What a line says.
    #[must_use]
    pub fn of(line: &'a Line<'a>) -> Self {
        let request = Request::parse(&line.request);
        let (path, query) = match request.as_ref().map(|request| request.target) {
            Some(target) => match target.split_once('?') {
                Some((path, query)) => (Some(path), Some(query)),
                None => (Some(target), None),
            },
            None => (None, None),
        };
        Self {
            time: line.time,
            epoch_ms: line.time.as_millisecond(),
            client: line.client,
            user: line.user,
            method: request.as_ref().map(|request| request.method),
            path,
            query,
            protocol: request.as_ref().and_then(|request| request.protocol),
            request: request.is_none().then_some(&line.request),
            status: line.status,
            bytes: line.bytes,
            referrer: line.referrer.as_deref(),
            user_agent: line.user_agent.as_deref(),
            section: section::of(path),
        }
    }
}

struct Request<'a> {
    method: &'a str,
    target: &'a str,
    protocol: Option<&'a str>,
}

impl<'a> Request<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (method, rest) = line.split_once(' ')?;
        let is_token =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if method.is_empty() || !method.bytes().all(is_token) {
            return None;
        }
        // Some clients send targets with blanks: the protocol is what follows the last one.
        let (target, protocol) = match rest.rsplit_once(' ') {
            Some((target, protocol)) if protocol.starts_with("HTTP/") => (target, Some(protocol)),
            _ => (rest, None),
        };
        (!target.is_empty()).then_some(Self {
            method,
            target,
            protocol,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn event(request: &str) -> Value {
        let line =
            format!("::1 - ann [17/May/2015:12:05:03 +0200] \"{request}\" 404 - \"-\" \"curl\"");
        let line = Line::parse(&line).unwrap();
        serde_json::to_value(Event::of(&line)).unwrap()
    }

    #[test]
    fn a_request_becomes_an_event() {
        let expected = json!({
            "time": "2015-05-17T10:05:03Z", "epoch_ms": 1_431_857_103_000_u64, "client": "::1",
            "user": "ann", "method": "GET", "path": "/blog/tags/x", "query": "flav=rss&a=?",
            "protocol": "HTTP/1.1", "status": 404, "bytes": 0, "referrer": null,
            "user_agent": "curl", "section": "blog",
        });
        assert_eq!(event("GET /blog/tags/x?flav=rss&a=? HTTP/1.1"), expected);
    }

    #[test]
    fn garbage_is_kept_and_has_no_path() {
        for request in ["-", "", "\u{1}\u{2} x", "GET", "\\x16\\x03 a b"] {
            let event = event(request);
            for field in ["method", "path", "protocol"] {
                assert_eq!(event[field], Value::Null, "{request}");
            }
            assert_eq!(
                (&event["request"], &event["section"]),
                (&json!(request), &json!("-"))
            );
        }
    }

    #[test]
    fn old_and_sloppy_clients_have_paths() {
        let old = event("GET /");
        assert_eq!(
            (&old["path"], &old["protocol"]),
            (&json!("/"), &Value::Null)
        );
        let sloppy = event("GET /a b.html HTTP/1.0");
        assert_eq!(
            (&sloppy["path"], &sloppy["protocol"]),
            (&json!("/a b.html"), &json!("HTTP/1.0"))
        );
    }
}
