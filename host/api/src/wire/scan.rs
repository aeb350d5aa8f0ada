//! Reads a body that is as it should be, straight from its bytes: the quick way of the actions that carry
//! records. Whatever is odd, down to an escape in a text or a member that is not known, is none of its
//! business: it gives none, and the body is read again by the schema, which knows what Amazon says of it.
//!
//! Invariant: what is read is what the slow way would have read.

use serde::{Deserialize, Deserializer};

use super::{cbor::Cbor, form::Form};

/// A body in one of the two forms, read from its front to its end.
/// Every function gives none where something else stands.
pub(crate) trait Scan<'a>: Sized {
    /// A structure: calls `each` with the name of each member, to read its value.
    fn structure(&mut self, each: impl FnMut(&mut Self, &'a [u8]) -> Option<()>) -> Option<()>;

    /// A list: calls `each` to read each item.
    fn list(&mut self, each: impl FnMut(&mut Self) -> Option<()>) -> Option<()>;

    fn text(&mut self) -> Option<&'a str>;

    fn blob(&mut self) -> Option<Blob<'a>>;

    fn boolean(&mut self) -> Option<bool>;

    /// Nothing but the end.
    fn end(self) -> Option<()>;
}

/// An input that can be read so.
pub(crate) trait Scanned<'a>: Sized {
    fn scan<S: Scan<'a>>(scan: &mut S) -> Option<Self>;
}

/// The body as an input, where it is one as it should be.
pub(crate) fn scanned<'a, T: Scanned<'a>>(form: Form, body: &'a [u8]) -> Option<T> {
    fn whole<'a, T: Scanned<'a>>(mut scan: impl Scan<'a>) -> Option<T> {
        let input = T::scan(&mut scan)?;
        scan.end().map(|()| input)
    }
    match form {
        Form::Json => whole(Json::new(body)),
        Form::Cbor => whole(Cbor::new(body)),
    }
}

/// Fills a member that may stand there once.
pub(crate) fn once<T>(member: &mut Option<T>, value: Option<T>) -> Option<()> {
    let is_first = member.is_none();
    *member = value;
    (is_first && member.is_some()).then_some(())
}

/// Data as it stands in a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blob<'a> {
    /// What is between two quotes; whether it is base64 is known once it was decoded.
    Base64(&'a [u8]),
    Bytes(&'a [u8]),
}

impl Blob<'_> {
    /// How many bytes it has, decoded. Of what is not base64 this is some number.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Base64(text) => {
                let padding = text.iter().rev().take_while(|&&b| b == b'=').take(2);
                let whole = text.len() / 4 * 3;
                whole - padding.count().min(whole)
            }
            Self::Bytes(bytes) => bytes.len(),
        }
    }

    /// Decodes it to the end of `to`; the error says why it cannot be.
    pub(crate) fn append(&self, to: &mut Vec<u8>) -> Result<(), String> {
        match self {
            Self::Base64(text) => match base64_simd::STANDARD.decode_append(text, to) {
                Ok(_) => Ok(()),
                Err(error) => Err(error.to_string()),
            },
            Self::Bytes(bytes) => {
                to.extend_from_slice(bytes);
                Ok(())
            }
        }
    }
}

/// From a value, where data is always base64.
impl<'de: 'a, 'a> Deserialize<'de> for Blob<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <&str>::deserialize(deserializer)?;
        Ok(Self::Base64(text.as_bytes()))
    }
}

/// JSON.
#[derive(Debug)]
pub(crate) struct Json<'a> {
    left: &'a [u8],
}

impl<'a> Json<'a> {
    pub(crate) fn new(body: &'a [u8]) -> Self {
        Self { left: body }
    }

    /// The next byte that is not blank, which stays.
    fn peek(&mut self) -> Option<u8> {
        loop {
            match self.left {
                [b' ' | b'\n' | b'\r' | b'\t', left @ ..] => self.left = left,
                left => return left.first().copied(),
            }
        }
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        let found = self.peek()? == byte;
        self.left = &self.left[1..];
        found.then_some(())
    }

    /// Takes what stands between `open` and `close`, with commas in between.
    fn enclosed(
        &mut self,
        [open, close]: [u8; 2],
        mut each: impl FnMut(&mut Self) -> Option<()>,
    ) -> Option<()> {
        self.take(open)?;
        if self.peek()? == close {
            return self.take(close);
        }
        loop {
            each(self)?;
            match self.peek()? {
                b',' => self.take(b',')?,
                _ => return self.take(close),
            }
        }
    }

    /// What is between two quotes, whatever it is.
    fn quoted(&mut self) -> Option<&'a [u8]> {
        self.take(b'"')?;
        let end = memchr::memchr(b'"', self.left)?;
        let (quoted, left) = self.left.split_at(end);
        self.left = &left[1..];
        Some(quoted)
    }
}

impl<'a> Scan<'a> for Json<'a> {
    fn structure(&mut self, mut each: impl FnMut(&mut Self, &'a [u8]) -> Option<()>) -> Option<()> {
        self.enclosed([b'{', b'}'], |scan| {
            let name = scan.quoted()?;
            scan.take(b':')?;
            each(scan, name)
        })
    }

    fn list(&mut self, each: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.enclosed([b'[', b']'], each)
    }

    fn text(&mut self) -> Option<&'a str> {
        let text = self.quoted()?;
        // All of it is looked at, since that takes less than to stop.
        let plain = |plain, &b: &u8| plain & (b >= b' ') & (b != b'\\');
        let plain = text.iter().fold(true, plain);
        plain.then(|| str::from_utf8(text).ok()).flatten()
    }

    fn blob(&mut self) -> Option<Blob<'a>> {
        // The decoder takes nothing that would not be plain.
        self.quoted().map(Blob::Base64)
    }

    fn boolean(&mut self) -> Option<bool> {
        self.peek()?;
        let (value, left) = match self.left {
            [b't', b'r', b'u', b'e', left @ ..] => (true, left),
            [b'f', b'a', b'l', b's', b'e', left @ ..] => (false, left),
            _ => return None,
        };
        self.left = left;
        Some(value)
    }

    fn end(mut self) -> Option<()> {
        self.peek().is_none().then_some(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    use super::*;
    use crate::wire::cbor;

    /// A structure of texts, blobs, truths and lists of structures, by the names of its members.
    fn read<'a, S: Scan<'a>>(scan: &mut S) -> Option<Map<String, Value>> {
        let mut fields = Map::new();
        scan.structure(|scan, name| {
            let value = match name {
                b"Data" => {
                    let (blob, mut bytes) = (scan.blob()?, vec![]);
                    blob.append(&mut bytes).ok()?;
                    assert_eq!(blob.bytes(), bytes.len());
                    base64_simd::STANDARD.encode_to_string(bytes).into()
                }
                b"DryRun" => scan.boolean()?.into(),
                b"Records" => {
                    let mut items: Vec<Value> = vec![];
                    scan.list(|scan| {
                        items.push(read(scan)?.into());
                        Some(())
                    })?;
                    items.into()
                }
                b"Key" => scan.text()?.into(),
                _ => return None,
            };
            let name = str::from_utf8(name).ok()?.to_owned();
            fields.insert(name, value).is_none().then_some(())
        })?;
        Some(fields)
    }

    fn json(body: &[u8]) -> Option<Value> {
        let mut scan = Json::new(body);
        let fields = read(&mut scan)?;
        scan.end()?;
        Some(fields.into())
    }

    fn cbor(body: &[u8]) -> Option<Value> {
        let mut scan = cbor::Cbor::new(body);
        let fields = read(&mut scan)?;
        scan.end()?;
        Some(fields.into())
    }

    #[test]
    fn reads_what_clients_send() {
        let value = json!({
            "Records": [{"Data": "", "Key": "\u{e9}"}, {}, {"Key": "", "Data": "AAA="}],
            "DryRun": true,
            "Key": "k",
        });
        for body in [value.to_string(), format!(" {value:#}\r\n\t")] {
            assert_eq!(json(body.as_bytes()).as_ref(), Some(&value), "{body}");
        }
        assert_eq!(cbor(&cbor::encode(&value)), Some(value));
    }

    #[test]
    fn leaves_all_that_is_odd() {
        for body in [
            "",
            " ",
            "[]",
            "null",
            "{",
            "{}}",
            "{},",
            "{,}",
            r#"{"Key"}"#,
            r#"{"Key":}"#,
            r#"{"Key":1}"#,
            r#"{"Key":null}"#,
            r#"{"Key":"a",}"#,
            r#"{"Key":"a" "DryRun":true}"#,
            r#"{"Key":"a\n"}"#,
            r#"{"Key":"a","Key":"a"}"#,
            r#"{"K\u0065y":"a"}"#,
            r#"{"Other":1}"#,
            r#"{"Data":"A"}"#,
            r#"{"Data":"AA\/="}"#,
            r#"{"DryRun":"true"}"#,
            r#"{"DryRun":truer}"#,
            r#"{"Records":[,]}"#,
            r#"{"Records":[{},]}"#,
            r#"{"Records":[{}}"#,
            r#"{"Records":[{}"#,
            "{\"Key\":\"\u{1}\"}",
            "{\"Key\":\"\n\"}",
            "\u{feff}{}",
            "{\"Key\":\"a\"\u{a0}}",
        ] {
            assert_eq!(json(body.as_bytes()), None, "{body}");
        }
        assert_eq!(json(b"{\"Key\":\"\xff\"}"), None);
    }

    /// Bodies that are nearly right, since others are hardly ever taken.
    fn nearly(body: &str, changes: &[(usize, u8)]) -> Vec<u8> {
        let mut body = body.as_bytes().to_vec();
        for &(at, byte) in changes {
            let at = at % body.len();
            body[at] = byte;
        }
        body
    }

    const BODY: &str =
        r#"{"Records": [{"Data":"AAAA","Key":"ab"},{"Key":"","Data":"AA=="}],"DryRun":false }"#;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn what_is_taken_is_json_of_the_same_meaning(
            changes in prop::collection::vec((any::<usize>(), prop_oneof![any::<u8>(), prop::sample::select(&b"\"\\{}[],:= \tA"[..])]), 0..3),
        ) {
            let body = nearly(BODY, &changes);
            if let Some(value) = json(&body) {
                prop_assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), value);
            }
        }

        #[test]
        fn any_bytes_are_survived(body in prop::collection::vec(any::<u8>(), 0..60)) {
            json(&body);
            cbor(&body);
        }

        #[test]
        fn any_text_has_some_length(text in "[A=]{0,9}|.{0,9}") {
            prop_assert!(Blob::Base64(text.as_bytes()).bytes() <= text.len());
        }
    }
}
