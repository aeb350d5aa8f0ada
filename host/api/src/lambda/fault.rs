//! Everything that the Lambda API answers instead of a success, and how Amazon shapes it.
//!
//! The texts are Amazon's where they are known. Which key holds the message differs by exception.

use axum::http::StatusCode;
use millstream_core::port::{CommitError, ReadError};
use serde_json::{Value, json};

use crate::{
    admit::{BodyRefused, Crowded},
    auth::AuthFault,
    error,
};

/// Why a request is not answered with what it asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) name: &'static str,
    pub(super) status: StatusCode,
    pub(super) message: String,
}

/// The exceptions whose message stands under `Message`.
const CAPITAL: &[&str] = &[
    "CodeSigningConfigNotFoundException",
    "ResourceInUseException",
    "ResourceNotFoundException",
    "ServiceException",
    "ServiceUnavailableException",
];
/// The exceptions of what stands before the service, which have no `Type`.
const BARE: &[&str] = &[
    "IncompleteSignatureException",
    "InvalidSignatureException",
    "MissingAuthenticationTokenException",
    "RequestEntityTooLargeException",
    "RequestTimeoutException",
    "SerializationException",
    "UnknownOperationException",
    "UnrecognizedClientException",
    "ValidationException",
];

impl Fault {
    fn of(status: StatusCode, name: &'static str, message: impl Into<String>) -> Self {
        Self {
            name,
            status,
            message: message.into(),
        }
    }

    /// What a request says cannot be.
    pub(super) fn parameter(message: impl Into<String>) -> Self {
        let name = "InvalidParameterValueException";
        Self::of(StatusCode::BAD_REQUEST, name, message)
    }

    /// A constraint of the model does not hold.
    pub(super) fn validation(message: impl Into<String>) -> Self {
        Self::of(StatusCode::BAD_REQUEST, "ValidationException", message)
    }

    /// Something is not there.
    pub(super) fn not_found(message: impl Into<String>) -> Self {
        let name = "ResourceNotFoundException";
        Self::of(StatusCode::NOT_FOUND, name, message)
    }

    /// Something is there already, or changes at the moment.
    pub(super) fn conflict(message: impl Into<String>) -> Self {
        let name = "ResourceConflictException";
        Self::of(StatusCode::CONFLICT, name, message)
    }

    /// Something has changed since the client looked.
    pub(super) fn precondition(message: impl Into<String>) -> Self {
        let name = "PreconditionFailedException";
        Self::of(StatusCode::PRECONDITION_FAILED, name, message)
    }

    /// Too much at once.
    pub(super) fn throttled(message: impl Into<String>) -> Self {
        let name = "TooManyRequestsException";
        Self::of(StatusCode::TOO_MANY_REQUESTS, name, message)
    }

    /// What a function is invoked with is no JSON.
    pub(super) fn content(message: impl Into<String>) -> Self {
        let name = "InvalidRequestContentException";
        Self::of(StatusCode::BAD_REQUEST, name, message)
    }

    /// An event is longer than it may be.
    pub(super) fn event_too_large(bytes: usize, limit: usize) -> Self {
        let status = StatusCode::PAYLOAD_TOO_LARGE;
        let message = format!("{bytes} byte payload is too large (limit {limit} bytes)");
        Self::of(status, "RequestTooLargeException", message)
    }

    /// A function cannot be called at the moment.
    pub(super) fn not_ready(message: impl Into<String>) -> Self {
        let name = "ResourceNotReadyException";
        Self::of(StatusCode::BAD_GATEWAY, name, message)
    }

    /// A body is longer than the operation takes.
    pub(super) fn too_large(limit: usize, operation: &str) -> Self {
        let status = StatusCode::PAYLOAD_TOO_LARGE;
        let message =
            format!("Request must be smaller than {limit} bytes for the {operation} operation");
        Self::of(status, "RequestEntityTooLargeException", message)
    }

    /// There is no such operation.
    pub(super) fn unknown_operation() -> Self {
        let message = "the method and the path are of no operation of Lambda";
        Self::of(StatusCode::NOT_FOUND, "UnknownOperationException", message)
    }

    /// An operation of the model that is not served here.
    pub(super) fn unsupported(operation: &str) -> Self {
        let message = format!("{operation} is not supported by Millstream.");
        match operation {
            // Its model has no exception for parameters.
            "InvokeAsync" => Self::content(message),
            _ => Self::parameter(message),
        }
    }

    /// The host failed.
    pub(super) fn internal(message: impl Into<String>) -> Self {
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        Self::of(status, "ServiceException", message)
    }

    /// Nothing was done, and a later try may succeed.
    pub(super) fn unavailable(message: impl Into<String>) -> Self {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Self::of(status, "ServiceException", message)
    }

    /// The body.
    pub(super) fn body(&self) -> Value {
        let key = if CAPITAL.contains(&self.name) {
            "Message"
        } else {
            "message"
        };
        let mut body = json!({ key: self.message });
        if !BARE.contains(&self.name) {
            let culprit = if self.status.is_server_error() {
                "Service"
            } else {
                "User"
            };
            body["Type"] = culprit.into();
        }
        if self.name == "TooManyRequestsException" {
            body["Reason"] = "ReservedFunctionConcurrentInvocationLimitExceeded".into();
        }
        body
    }
}

impl From<AuthFault> for Fault {
    fn from(fault: AuthFault) -> Self {
        Self::of(StatusCode::FORBIDDEN, fault.name(), fault.to_string())
    }
}

impl From<Crowded> for Fault {
    fn from(crowded: Crowded) -> Self {
        Self::unavailable(crowded.to_string())
    }
}

/// The refusals of types and constraints, which are the same as Kinesis's.
impl From<error::Fault> for Fault {
    fn from(fault: error::Fault) -> Self {
        match fault {
            error::Fault::Validation(message) => Self::validation(message),
            other => {
                let name = "SerializationException";
                Self::of(StatusCode::BAD_REQUEST, name, other.to_string())
            }
        }
    }
}

impl Fault {
    /// There is no body.
    pub(super) fn refused(refused: &BodyRefused, operation: &str) -> Self {
        match refused {
            BodyRefused::TooLarge { limit } => Self::too_large(*limit, operation),
            BodyRefused::Crowded(crowded) => (*crowded).into(),
            BodyRefused::Broken(why) => {
                let status = StatusCode::REQUEST_TIMEOUT;
                Self::of(status, "RequestTimeoutException", why.clone())
            }
        }
    }
}

impl From<CommitError> for Fault {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Full
            | CommitError::Busy
            | CommitError::Unavailable(_)
            | CommitError::Closed(_)
            | CommitError::Gone(_) => Self::unavailable(error.to_string()),
            CommitError::TooLarge { .. } | CommitError::Ambiguous(_) => {
                Self::internal(error.to_string())
            }
        }
    }
}

impl From<ReadError> for Fault {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Unavailable(_) => Self::unavailable(error.to_string()),
            ReadError::Corrupt { .. } => Self::internal(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_the_message_depends_on_the_exception() {
        let message = |fault: Fault| fault.body();
        assert_eq!(
            message(Fault::not_found("a")),
            json!({"Message": "a", "Type": "User"})
        );
        assert_eq!(
            message(Fault::parameter("a")),
            json!({"message": "a", "Type": "User"})
        );
        assert_eq!(message(Fault::validation("a")), json!({"message": "a"}));
        assert_eq!(
            message(Fault::internal("a")),
            json!({"Message": "a", "Type": "Service"})
        );
    }
}
