//! Signatures against those that others make: Amazon's published ones, botocore's, and the Rust SDK's.

mod oracle;
mod refusals;
mod vectors;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use millstream_core::time::Millis;

use super::*;

const ID: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

/// A request on its way.
#[derive(Debug, Clone)]
struct Sent {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Sent {
    fn new(method: &str, uri: &str, headers: &[(&str, &str)], body: &str) -> Self {
        let headers = headers.iter().map(|(name, value)| {
            let name = HeaderName::try_from(*name).unwrap();
            (name, HeaderValue::from_str(value).unwrap())
        });
        let mut all = HeaderMap::new();
        for (name, value) in headers {
            all.append(name, value);
        }
        Self {
            method: method.parse().unwrap(),
            uri: uri.parse().unwrap(),
            headers: all,
            body: body.as_bytes().to_vec(),
        }
    }

    fn asked(&self) -> Asked<'_> {
        Asked {
            method: &self.method,
            uri: &self.uri,
            headers: &self.headers,
        }
    }

    fn verify(&self, service: &str, now: &str) -> Result<Signer, AuthFault> {
        let credentials = Credentials::of(ID, SECRET).unwrap();
        verify(&self.asked(), &self.body, service, &credentials, at(now))
    }
}

fn at(moment: &str) -> Millis {
    let at: jiff::Timestamp = moment.parse().unwrap();
    Millis(u64::try_from(at.as_millisecond()).unwrap())
}
