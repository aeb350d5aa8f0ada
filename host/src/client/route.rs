//! Paths and queries. Names go in as they were typed, so that the host judges them, not the URL.

use std::fmt::{self, Write};

/// A path with its query.
#[derive(Debug, Clone)]
pub(crate) struct Route(String);

impl Route {
    /// From unescaped segments.
    pub(crate) fn new(segments: &[&str]) -> Self {
        let mut path = String::new();
        for segment in segments {
            path.push('/');
            escape(segment, &mut path);
        }
        if path.is_empty() {
            path.push('/');
        }
        Self(path)
    }

    /// With one more field.
    pub(crate) fn with(mut self, field: &str, value: impl fmt::Display) -> Self {
        self.0.push(if self.0.contains('?') { '&' } else { '?' });
        escape(field, &mut self.0);
        self.0.push('=');
        escape(&value.to_string(), &mut self.0);
        self
    }

    /// With one more field where there is a value.
    pub(crate) fn with_some(self, field: &str, value: Option<impl fmt::Display>) -> Self {
        match value {
            Some(value) => self.with(field, value),
            None => self,
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn escape(text: &str, into: &mut String) {
    // Dots alone would be resolved away as path steps.
    let dots = !text.is_empty() && text.bytes().all(|b| b == b'.');
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' => {
                into.push(byte.into());
            }
            b'.' if !dots => into.push('.'),
            _ => write!(into, "%{byte:02X}").expect("writing to a string cannot fail"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_change_the_path() {
        let route = Route::new(&["v1", "streams", "../a b/\u{e9}?x"]);
        assert_eq!(route.to_string(), "/v1/streams/..%2Fa%20b%2F%C3%A9%3Fx");
        assert_eq!(Route::new(&["v1", ".."]).to_string(), "/v1/%2E%2E");
    }

    #[test]
    fn fields_are_escaped_and_optional() {
        let route = Route::new(&["t"])
            .with("from", "LATEST")
            .with_some("shard", None::<u32>)
            .with("config.k", "a&b=c");
        assert_eq!(route.to_string(), "/t?from=LATEST&config.k=a%26b%3Dc");
        assert_eq!(Route::new(&[]).to_string(), "/");
    }
}
