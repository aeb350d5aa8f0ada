//! A function's failure in the shape in which Lambda's Invoke shows it.

use serde::Serialize;

use crate::{limit, port::GuestError};

/// What Lambda answers in place of what the function would have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Lambda's name for what happened.
    #[serde(rename = "errorType")]
    pub kind: &'static str,
    /// What happened.
    #[serde(rename = "errorMessage")]
    pub message: String,
}

impl Fault {
    /// Of a call with that id, which was allowed so many milliseconds.
    #[must_use]
    pub fn of(error: &GuestError, request_id: &str, time_ms: u64) -> Self {
        let exited = |how: &str| {
            let how = if how.is_empty() {
                "without providing a reason".to_owned()
            } else {
                format!("with error: {how}")
            };
            Self {
                kind: "Runtime.ExitError",
                message: format!("RequestId: {request_id} Error: Runtime exited {how}"),
            }
        };
        match error {
            GuestError::Exited { status: 0, .. } => exited(""),
            GuestError::Exited { status, .. } => exited(&format!("exit status {status}")),
            GuestError::Trapped { message } => exited(message),
            GuestError::Limit { limit, message } => match *limit {
                "time_ms" => Self {
                    kind: "Sandbox.Timedout",
                    message: format!(
                        "RequestId: {request_id} Error: Task timed out after {}.{:02} seconds",
                        time_ms / 1000,
                        time_ms % 1000 / 10,
                    ),
                },
                "output_bytes" => Self {
                    kind: "Function.ResponseSizeTooLarge",
                    message: format!(
                        "Response payload size exceeded maximum allowed payload size ({} bytes).",
                        limit::EVENT_ANSWER_BYTES
                    ),
                },
                _ => exited(&format!("limit {limit}: {message}")),
            },
            GuestError::Returned { message } => Self {
                kind: "Error",
                message: message.clone(),
            },
            GuestError::Invalid { message } => Self {
                kind: "Runtime.InvalidResponse",
                message: message.clone(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(error: GuestError) -> (String, String) {
        let fault = Fault::of(&error, "7b", 30_000);
        let json = serde_json::to_value(fault).unwrap();
        let text = |name: &str| json[name].as_str().unwrap().to_owned();
        (text("errorType"), text("errorMessage"))
    }

    fn pair(kind: &str, message: &str) -> (String, String) {
        (kind.to_owned(), message.to_owned())
    }

    #[test]
    fn faults_have_lambdas_words() {
        let exited = |status| GuestError::Exited {
            status,
            message: "it exited".into(),
        };
        let limit = |limit| GuestError::Limit {
            limit,
            message: "2 wanted, 1 is allowed".into(),
        };
        assert_eq!(
            of(exited(127)),
            pair(
                "Runtime.ExitError",
                "RequestId: 7b Error: Runtime exited with error: exit status 127"
            )
        );
        assert_eq!(
            of(exited(0)),
            pair(
                "Runtime.ExitError",
                "RequestId: 7b Error: Runtime exited without providing a reason"
            )
        );
        assert_eq!(
            of(limit("time_ms")),
            pair(
                "Sandbox.Timedout",
                "RequestId: 7b Error: Task timed out after 30.00 seconds"
            )
        );
        assert_eq!(
            of(limit("output_bytes")),
            pair(
                "Function.ResponseSizeTooLarge",
                "Response payload size exceeded maximum allowed payload size (6291556 bytes)."
            )
        );
    }

    #[test]
    fn what_lambda_has_no_words_for_is_an_exit_with_ours() {
        let trapped = GuestError::Trapped {
            message: "unreachable".into(),
        };
        let expected = "RequestId: 7b Error: Runtime exited with error: unreachable";
        assert_eq!(of(trapped), pair("Runtime.ExitError", expected));
        let memory = GuestError::Limit {
            limit: "memory_bytes",
            message: "9 wanted".into(),
        };
        let (kind, message) = of(memory);
        assert_eq!(kind, "Runtime.ExitError");
        assert!(
            message.ends_with("with error: limit memory_bytes: 9 wanted"),
            "{message}"
        );
    }

    #[test]
    fn times_are_told_to_the_hundredth() {
        let timeout = GuestError::Limit {
            limit: "time_ms",
            message: String::new(),
        };
        let message = Fault::of(&timeout, "x", 2_055).message;
        assert!(message.ends_with("after 2.05 seconds"), "{message}");
    }
}
