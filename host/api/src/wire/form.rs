//! The forms that bodies come in: JSON, or the CBOR of Amazon's Java clients.

/// How a request is written, and its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Json,
    Cbor,
}

impl Form {
    /// From a content type without its parameters.
    pub(crate) fn parse(content: &str) -> Option<Self> {
        [Self::Json, Self::Cbor]
            .into_iter()
            .find(|form| form.content_type() == content)
    }

    /// The content type of answers.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/x-amz-json-1.1",
            Self::Cbor => "application/x-amz-cbor-1.1",
        }
    }
}
