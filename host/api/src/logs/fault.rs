//! Everything that CloudWatch Logs answers instead of a success.

use axum::http::StatusCode;
use serde_json::{Value, json};
use thiserror::Error;

use super::operation::Refusal;
use crate::{auth::AuthFault, error};

/// Why a request is not answered with what it asked for.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum Fault {
    /// What the Kinesis API would answer as well: it is not about logs.
    #[error(transparent)]
    Framework(#[from] error::Fault),
    /// What a request says cannot be.
    #[error("{0}")]
    Parameter(String),
    /// There is no such log group.
    #[error("The specified log group does not exist.")]
    NoGroup,
    /// There is no such log stream.
    #[error("The specified log stream does not exist.")]
    NoStream,
    /// An operation of the model that is not served here.
    #[error("{0} is not supported by Millstream.")]
    Unsupported(&'static str, Refusal),
}

impl Fault {
    /// A token that was not given here.
    pub(super) fn token() -> Self {
        Self::Parameter("The specified nextToken is invalid.".to_owned())
    }

    /// The status and Amazon's name for it.
    pub(super) fn shape(&self) -> (StatusCode, &'static str) {
        let name = match self {
            Self::Framework(error::Fault::Validation(_)) | Self::Parameter(_) => {
                "InvalidParameterException"
            }
            Self::Framework(fault) => return fault.shape(),
            Self::NoGroup | Self::NoStream => "ResourceNotFoundException",
            Self::Unsupported(_, refusal) => match refusal {
                Refusal::Parameter => "InvalidParameterException",
                Refusal::Validation => "ValidationException",
                Refusal::NotFound => "ResourceNotFoundException",
            },
        };
        (StatusCode::BAD_REQUEST, name)
    }

    /// The body.
    pub(super) fn body(&self) -> Value {
        json!({"__type": self.shape().1, "message": self.to_string()})
    }
}

impl From<AuthFault> for Fault {
    fn from(fault: AuthFault) -> Self {
        Self::Framework(fault.into())
    }
}
