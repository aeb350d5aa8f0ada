//! Resource policies: who may do what with a stream or a consumer, as JSON that is kept as it came.

use thiserror::Error;

/// Why a policy is not taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PolicyRefused {
    /// It is not a JSON object with statements.
    #[error("The policy is not valid: {0}.")]
    Malformed(String),
    /// There is none to delete.
    #[error("The resource has no policy.")]
    None,
}
