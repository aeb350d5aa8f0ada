//! Signs requests with the access key of the environment, as Amazon's tools do.

use std::fmt;

use millstream_api::auth::{Asked, Credentials, sign};
use ureq::http::{HeaderValue, request::Parts};

use crate::{clock, failure::Failure};

/// The service in signatures of requests to the native interface.
pub(super) const MILLSTREAM: &str = "millstream";
/// The service in signatures of requests to Kinesis.
pub(super) const KINESIS: &str = "kinesis";
/// The region of the demo's own host; the native interface knows none.
const REGION: &str = "us-east-1";

/// An access key.
#[derive(Clone)]
pub(super) struct Signing {
    id: String,
    secret: String,
    token: Option<HeaderValue>,
}

impl Signing {
    /// The key of `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`; none where
    /// there is none.
    pub(super) fn of_environment() -> Result<Option<Self>, Failure> {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let (Some(id), Some(secret)) = (set("AWS_ACCESS_KEY_ID"), set("AWS_SECRET_ACCESS_KEY"))
        else {
            return Ok(None);
        };
        let unusable = |name: &str| Failure::Usage(format!("{name} cannot stand in a signature"));
        Credentials::of(&id, &secret).map_err(|_| unusable("AWS_ACCESS_KEY_ID"))?;
        let token = set("AWS_SESSION_TOKEN").map(HeaderValue::try_from);
        let token = token.transpose();
        Ok(Some(Self {
            id,
            secret,
            token: token.map_err(|_| unusable("AWS_SESSION_TOKEN"))?,
        }))
    }

    /// What a host without credentials is content with.
    pub(super) fn any() -> Self {
        Self {
            id: "any".to_owned(),
            secret: "any".to_owned(),
            token: None,
        }
    }

    /// Adds the signature to a request whose body is `body`; none cannot be known beforehand.
    pub(super) fn sign(&self, parts: &mut Parts, body: Option<&[u8]>, service: &str) {
        if let Some(token) = &self.token {
            let headers = &mut parts.headers;
            headers.insert("x-amz-security-token", token.clone());
        }
        if body.is_none() {
            let unsigned = HeaderValue::from_static("UNSIGNED-PAYLOAD");
            parts.headers.insert("x-amz-content-sha256", unsigned);
        }
        let signed = sign(
            &Asked::from(&*parts),
            body.unwrap_or_default(),
            [&self.id, &self.secret],
            [REGION, service],
            clock::now(),
        );
        parts.headers.extend(signed);
    }
}

impl fmt::Debug for Signing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signing").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use millstream_api::auth::{claimed, verify};
    use ureq::http::Request;

    use super::*;

    #[test]
    fn what_is_signed_here_is_right_there() {
        let signing = Signing {
            id: "AKIA".to_owned(),
            secret: "hush".to_owned(),
            token: None,
        };
        let credentials = Credentials::of("AKIA", "hush").unwrap();
        for body in [Some(&b"body"[..]), None] {
            let uri = "http://127.0.0.1:4567/v1/streams/a%20b?key=x&a=1";
            let request = Request::put(uri).header("content-type", "text/plain");
            let (mut parts, ()) = request.body(()).unwrap().into_parts();
            signing.sign(&mut parts, body, MILLSTREAM);
            // What the host sees of it.
            parts.uri = "/v1/streams/a%20b?key=x&a=1".parse().unwrap();
            let host = HeaderValue::from_static("127.0.0.1:4567");
            parts.headers.insert("host", host);
            let asked = Asked::from(&parts);
            assert_eq!(claimed(&asked).unwrap().access_key, "AKIA");
            let sent = verify(&asked, b"body", MILLSTREAM, &credentials, clock::now());
            assert_eq!(sent.unwrap().region, REGION);
        }
        assert!(!format!("{signing:?}").contains("hush"));
    }
}
