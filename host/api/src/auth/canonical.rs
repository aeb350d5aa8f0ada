//! The one form of a request that both sides hash: the canonical request, and the string to sign.

use std::fmt::Write as _;

use axum::http::{HeaderMap, Uri};
use sha2::{Digest as _, Sha256};

use super::{Asked, claim::ALGORITHM, moment::Moment, scope::Scope};

/// What a client sends as the hash of a body that it did not hash.
const UNSIGNED: &[u8] = b"UNSIGNED-PAYLOAD";

/// What the signature is the code of.
pub(super) fn string_to_sign(request: &[u8], scope: &Scope<'_>, signed: Moment) -> String {
    let Scope {
        access_key: _,
        day,
        region,
        service,
        terminator,
    } = scope;
    let hash = hex(&Sha256::digest(request));
    format!("{ALGORITHM}\n{signed}\n{day}/{region}/{service}/{terminator}\n{hash}")
}

/// The request as both sides write it.
pub(super) fn canonical_request(
    asked: &Asked<'_>,
    body: &[u8],
    signed_headers: &[String],
    is_presigned: bool,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    out.extend_from_slice(asked.method.as_str().as_bytes());
    out.push(b'\n');
    write_path(&mut out, asked.uri.path());
    out.push(b'\n');
    write_query(
        &mut out,
        asked.uri.query().unwrap_or_default(),
        is_presigned,
    );
    out.push(b'\n');
    for name in signed_headers {
        out.extend_from_slice(name.as_bytes());
        out.push(b':');
        write_header(&mut out, asked, name);
        out.push(b'\n');
    }
    out.push(b'\n');
    out.extend_from_slice(signed_headers.join(";").as_bytes());
    out.push(b'\n');
    // A client that declares another hash than the body's has signed something else.
    if is_unsigned(asked.headers) {
        out.extend_from_slice(UNSIGNED);
    } else {
        out.extend_from_slice(hex(&Sha256::digest(body)).as_bytes());
    }
    out
}

fn is_unsigned(headers: &HeaderMap) -> bool {
    let declared = headers.get("x-amz-content-sha256");
    declared.is_some_and(|declared| declared.as_bytes() == UNSIGNED)
}

/// The path without `.`, `..` and doubled slashes, encoded once more than it came.
fn write_path(out: &mut Vec<u8>, path: &str) {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            name => segments.push(name),
        }
    }
    for segment in &segments {
        out.push(b'/');
        write_encoded(out, segment.as_bytes());
    }
    let last = path.rsplit('/').next().unwrap_or_default();
    if segments.is_empty() || matches!(last, "" | "." | "..") {
        out.push(b'/');
    }
}

fn write_query(out: &mut Vec<u8>, query: &str, is_presigned: bool) {
    let encoded = |text: &str| {
        let mut encoded = Vec::with_capacity(text.len());
        write_encoded(&mut encoded, &percent_decoded(text));
        encoded
    };
    let mut pairs: Vec<_> = parameters(query)
        .filter(|(name, _)| !(is_presigned && *name == "X-Amz-Signature"))
        .map(|(name, value)| (encoded(name), encoded(value)))
        .collect();
    pairs.sort_unstable();
    for (i, (name, value)) in pairs.iter().enumerate() {
        if i > 0 {
            out.push(b'&');
        }
        out.extend_from_slice(name);
        out.push(b'=');
        out.extend_from_slice(value);
    }
}

/// All values of a header, trimmed, each run of spaces as one.
fn write_header(out: &mut Vec<u8>, asked: &Asked<'_>, name: &str) {
    let mut values = asked.headers.get_all(name).iter().peekable();
    if values.peek().is_none() && (name == "host" || name == ":authority") {
        out.extend_from_slice(authority(asked.uri).as_bytes());
    }
    for (i, value) in values.enumerate() {
        if i > 0 {
            out.push(b',');
        }
        let words = value.as_bytes().split(u8::is_ascii_whitespace);
        let words = words.filter(|word| !word.is_empty());
        for (i, word) in words.enumerate() {
            if i > 0 {
                out.push(b' ');
            }
            out.extend_from_slice(word);
        }
    }
}

/// What HTTP/2 has in place of the `host` header.
fn authority(uri: &Uri) -> &str {
    uri.authority().map_or("", |authority| authority.as_str())
}

/// Names and values of a query as they stand there.
pub(super) fn parameters(query: &str) -> impl Iterator<Item = (&str, &str)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// What `text` stands for; what is not an escape stays as it is.
pub(crate) fn percent_decoded(text: &str) -> Vec<u8> {
    let digit = |byte: Option<&u8>| char::from(*byte?).to_digit(16);
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escaped = (byte == b'%')
            .then(|| Some((digit(bytes.get(at + 1))? * 16 + digit(bytes.get(at + 2))?) as u8));
        match escaped.flatten() {
            Some(value) => {
                out.push(value);
                at += 3;
            }
            None => {
                out.push(if byte == b'+' { b' ' } else { byte });
                at += 1;
            }
        }
    }
    out
}

/// Everything but letters, digits and `-_.~` as `%XX`.
fn write_encoded(out: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(byte);
        } else {
            let [high, low] = [byte >> 4, byte & 15].map(|half| DIGITS[usize::from(half)]);
            out.extend_from_slice(&[b'%', high, low]);
        }
    }
}

/// In lower case.
pub(super) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        write!(text, "{byte:02x}").expect("a string takes everything");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(path: &str) -> String {
        let mut out = Vec::new();
        write_path(&mut out, path);
        String::from_utf8(out).unwrap()
    }

    fn query(query: &str) -> String {
        let mut out = Vec::new();
        write_query(&mut out, query, true);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn paths_are_normal_and_encoded_twice() {
        for (given, normal) in [
            ("/", "/"),
            ("", "/"),
            ("//", "/"),
            ("/./", "/"),
            ("/foo/..", "/"),
            ("/foo/bar/../..", "/"),
            ("/../../x", "/x"),
            ("/.//foo/./bar//", "/foo/bar/"),
            ("/foo/bar/.", "/foo/bar/"),
            ("/foo/bar/..", "/foo/"),
            ("/foo%20bar/~-_.", "/foo%2520bar/~-_."),
        ] {
            assert_eq!(path(given), normal, "{given}");
        }
    }

    #[test]
    fn queries_are_in_order_and_encoded_once() {
        for (given, normal) in [
            ("", ""),
            ("b=2&a=1", "a=1&b=2"),
            ("a=2&a=1&a", "a=&a=1&a=2"),
            ("a=%7e%2F+b=c", "a=~%2F%20b%3Dc"),
            ("a=%zz%2&&X-Amz-Signature=x", "a=%25zz%252"),
            ("%61=1", "a=1"),
        ] {
            assert_eq!(query(given), normal, "{given}");
        }
    }
}
