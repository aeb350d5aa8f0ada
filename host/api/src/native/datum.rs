//! A record's data in JSON: as `text` where it is UTF-8, as base64 in `data` where it is not.

use serde::Serialize;

/// Data as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Datum<'a> {
    /// UTF-8.
    Text(&'a str),
    /// Base64 of anything else.
    Data(String),
}

impl<'a> Datum<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(text),
            Err(_) => Self::Data(base64_simd::STANDARD.encode_to_string(bytes)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_text_as_text() {
        let json = |bytes| serde_json::to_string(&Datum::of(bytes)).unwrap();
        assert_eq!(json("a\n\u{e9}".as_bytes()), "{\"text\":\"a\\n\u{e9}\"}");
        assert_eq!(json(b"\xff\x00"), "{\"data\":\"/wA=\"}");
        assert_eq!(json(b""), "{\"text\":\"\"}");
    }
}
