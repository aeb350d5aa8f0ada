//! Signed requests, header by header: whatever is done to one, it is no longer proven by its signature.
//!
//! An input is the text of a request: its line, its headers, an empty line and its body.

use millstream_api::auth::{Asked, Credentials, claimed, sign, verify};
use millstream_core::time::Millis;
use ureq::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};

use crate::target::Target;

const NOW: Millis = Millis(1_700_000_000_000);
const KEY: [&str; 2] = ["AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"];

struct Request {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Vec<u8>,
}

pub(crate) struct Signatures {
    credentials: Credentials,
    signed: Vec<Vec<u8>>,
}

impl Signatures {
    pub(crate) fn new() -> Self {
        let lines = [
            "POST / HTTP/1.1\nhost: localhost:4567\nx-amz-target: Kinesis_20131202.ListStreams\n\n{}",
            "POST /a%20b/../c?b=2&a=1&a= HTTP/1.1\nhost: localhost\naccept:  a   b \n\nbody",
            "POST / HTTP/1.1\nhost: localhost\n\n\0\u{ff}",
        ];
        let signed = lines.map(|text| {
            let mut request = Request::parse(text.as_bytes()).expect("it is one");
            let made = sign(
                &request.asked(),
                &request.body,
                KEY,
                ["us-east-1", "kinesis"],
                NOW,
            );
            request
                .headers
                .extend(made.map(|(name, value)| (Some(name), value)));
            request.text()
        });
        let mut signed = Vec::from(signed);
        signed.push(presigned());
        let credentials = Credentials::of(KEY[0], KEY[1]).expect("a key");
        Self {
            credentials,
            signed,
        }
    }

    fn is_proven(&self, request: &Request) -> bool {
        let (asked, body) = (request.asked(), &request.body);
        verify(&asked, body, "kinesis", &self.credentials, NOW).is_ok()
    }
}

impl Target for Signatures {
    const NAME: &'static str = "sigv4";

    fn corpus(&self) -> Vec<Vec<u8>> {
        self.signed.clone()
    }

    fn run(&self, input: &[u8]) {
        let Some(request) = Request::parse(input) else {
            return;
        };
        let _ = claimed(&request.asked());
        if !self.is_proven(&request) {
            return;
        }
        // What is proven was signed: one of ours with the same target and the same body.
        let ours = self.signed.iter().filter_map(|text| Request::parse(text));
        // Blanks around a value are not part of it.
        let target = |request: &Request| {
            let target = request.headers.get("x-amz-target");
            target.map(|value| value.as_bytes().trim_ascii().to_vec())
        };
        let mut same = ours.filter(|signed| {
            signed.method == request.method
                && signed.body == request.body
                && target(signed) == target(&request)
        });
        assert!(same.next().is_some(), "a forged request is proven");
    }
}

impl Request {
    fn parse(text: &[u8]) -> Option<Self> {
        let end = text.windows(2).position(|pair| pair == b"\n\n")?;
        let (head, body) = (&text[..end], &text[end + 2..]);
        let mut lines = head.split(|byte| *byte == b'\n');
        let mut line = lines.next()?.split(|byte| *byte == b' ');
        let method = Method::from_bytes(line.next()?).ok()?;
        let uri = Uri::try_from(line.next()?).ok()?;
        let mut headers = HeaderMap::new();
        for line in lines {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let name = HeaderName::from_bytes(&line[..colon]).ok()?;
            headers.append(name, HeaderValue::from_bytes(&line[colon + 1..]).ok()?);
        }
        Some(Self {
            method,
            uri,
            headers,
            body: body.to_vec(),
        })
    }

    fn asked(&self) -> Asked<'_> {
        Asked {
            method: &self.method,
            uri: &self.uri,
            headers: &self.headers,
        }
    }

    fn text(&self) -> Vec<u8> {
        let mut text = format!("{} {} HTTP/1.1", self.method, self.uri).into_bytes();
        for (name, value) in &self.headers {
            text.push(b'\n');
            text.extend_from_slice(name.as_str().as_bytes());
            text.push(b':');
            text.extend_from_slice(value.as_bytes());
        }
        text.extend_from_slice(b"\n\n");
        text.extend_from_slice(&self.body);
        text
    }
}

/// The members of a signature in a query; the signature itself is not right.
fn presigned() -> Vec<u8> {
    let query = "X-Amz-Algorithm=AWS4-HMAC-SHA256&\
         X-Amz-Credential=AKIDEXAMPLE%2F20231114%2Fus-east-1%2Fkinesis%2Faws4_request&\
         X-Amz-Date=20231114T221320Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Signature=";
    let signature = "0123456789abcdef".repeat(4);
    let host = header::HOST;
    format!("POST /?{query}{signature} HTTP/1.1\n{host}: localhost\n\n{{}}").into_bytes()
}
