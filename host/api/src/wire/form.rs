//! The two forms that bodies and answers have, and how a content type names them.

use serde::Serialize;

use super::cbor;

/// How a body or an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// JSON 1.1: blobs in base64, moments in seconds.
    Json,
    /// CBOR 1.1: blobs as they are, moments in milliseconds.
    Cbor,
}

impl Form {
    /// The form of a content type, whose parameters say nothing.
    pub(crate) fn parse(content_type: &str) -> Option<Self> {
        let content_type = content_type.split(';').next().unwrap_or_default().trim();
        let mut forms = [Self::Json, Self::Cbor].into_iter();
        forms.find(|form| content_type == form.content_type())
    }

    /// What a body of this form is said to be.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/x-amz-json-1.1",
            Self::Cbor => "application/x-amz-cbor-1.1",
        }
    }

    /// `value` in this form.
    pub(crate) fn render(self, value: &impl Serialize) -> Vec<u8> {
        const WHY: &str = "answers have text keys and no failing parts";
        match self {
            Self::Json => serde_json::to_vec(value).expect(WHY),
            Self::Cbor => cbor::encode(&serde_json::to_value(value).expect(WHY)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_type_names_its_form() {
        for form in [Form::Json, Form::Cbor] {
            let name = form.content_type();
            assert_eq!(Form::parse(name), Some(form));
            assert_eq!(Form::parse(&format!(" {name} ; charset=utf-8")), Some(form));
        }
        for other in ["", "application/json", "application/cbor", "x-amz-json-1.1"] {
            assert_eq!(Form::parse(other), None, "{other}");
        }
    }
}
