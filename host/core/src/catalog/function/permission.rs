//! Statements of a function's policy, kept as Lambda's clients give them.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Qualifier;

/// One statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permission {
    /// Its id, unique for the qualifier.
    pub sid: String,
    /// The version or the alias that it is about; none is the function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub qualifier: Option<Qualifier>,
    /// Whose calls are meant: AWS, Service or all, as in a policy's `Principal`.
    pub principal: Value,
    /// As in `lambda:InvokeFunction`.
    pub action: String,
    /// The policy's `Condition`; null where there is none.
    #[serde(default)]
    pub condition: Value,
}
