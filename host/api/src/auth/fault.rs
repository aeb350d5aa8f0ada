//! What is wrong with a signature, as Amazon's services say it.

use thiserror::Error;

/// Why it is not known who is asking.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AuthFault {
    /// There is no signature at all.
    #[error("Missing Authentication Token")]
    Missing,
    /// There are two.
    #[error(
        "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."
    )]
    Both,
    /// The header is not a list of pairs; the text is its hash, since it may hold a secret.
    #[error(
        "Invalid key=value pair (missing equal-sign) in Authorization header \
         (hashed with SHA-256 and encoded with Base64): '{0}'."
    )]
    NotAPair(String),
    /// Parts are missing; the text names each.
    #[error("{0}")]
    Incomplete(String),
    /// The time cannot be read.
    #[error(
        "Date must be in ISO-8601 'basic format'. Got '{0}'. \
         See http://en.wikipedia.org/wiki/ISO_8601"
    )]
    Date(String),
    /// How long a presigned request shall hold cannot be so.
    #[error("X-Amz-Expires must be a number of seconds from 1 to 604800. Got '{0}'.")]
    Expires(String),
    /// An algorithm that is not spoken.
    #[error("Unsupported AWS 'algorithm': '{0}' (only AWS4-HMAC-SHA256 for now). ")]
    Algorithm(String),
    /// The credential is not the five parts that it has to be.
    #[error(
        "Credential must have exactly 5 slash-delimited elements, \
         e.g. keyid/date/region/service/term, got '{0}'"
    )]
    Credential(String),
    /// It is too old.
    #[error("Signature expired: {signed} is now earlier than {earliest} ({now} - {span})")]
    Expired {
        /// When it was made.
        signed: String,
        /// What would have done.
        earliest: String,
        /// The time here.
        now: String,
        /// How long it holds.
        span: String,
    },
    /// It is from the future.
    #[error("Signature not yet current: {signed} is still later than {latest} ({now} + {span})")]
    NotYet {
        /// When it was made.
        signed: String,
        /// What would have done.
        latest: String,
        /// The time here.
        now: String,
        /// How far clocks may differ.
        span: String,
    },
    /// A header that has to be signed is not.
    #[error("{0} must be a 'SignedHeader' in the AWS Authorization.")]
    Unsigned(&'static str),
    /// The credential is for something else; the text says for what it should be.
    #[error("{0}")]
    Scope(String),
    /// The access key is not known.
    #[error("The security token included in the request is invalid.")]
    Unrecognized,
    /// The session token is not that of the access key.
    #[error("The security token included in the request is invalid")]
    Token,
    /// The signature is another one.
    #[error(
        "The request signature we calculated does not match the signature you provided. \
         Check your AWS Secret Access Key and signing method. \
         Consult the service documentation for details."
    )]
    Mismatch,
}

impl AuthFault {
    /// No region has this name.
    #[must_use]
    pub(crate) fn region(name: &str) -> Self {
        Self::Scope(format!(
            "Credential should be scoped to a valid region, not '{name}'. "
        ))
    }

    /// Amazon's name for it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Missing => "MissingAuthenticationTokenException",
            Self::NotAPair(_)
            | Self::Incomplete(_)
            | Self::Date(_)
            | Self::Expires(_)
            | Self::Algorithm(_)
            | Self::Credential(_) => "IncompleteSignatureException",
            Self::Both
            | Self::Expired { .. }
            | Self::NotYet { .. }
            | Self::Unsigned(_)
            | Self::Scope(_)
            | Self::Mismatch => "InvalidSignatureException",
            Self::Unrecognized | Self::Token => "UnrecognizedClientException",
        }
    }
}
