//! How a command fails, what it says then, and with which exit code.

use std::{io, path::PathBuf};

use serde_json::{Value, json};
use thiserror::Error;

use crate::{door::DoorError, wiring::StartError};

/// Why a command did not do what it was asked for.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    /// No connection.
    #[error(
        "no host answers at {url} ({reason}); start one with `millstream serve`, or name it with --url or MILLSTREAM_URL"
    )]
    NotReachable { url: String, reason: String },
    /// The host may not be the one that is meant; nothing was asked of it.
    #[error("{url} is not trusted ({reason}); name the certificate to trust with --ca FILE")]
    Untrusted { url: String, reason: String },
    /// The connection broke, so that nobody knows whether the host did what was asked.
    #[error(
        "the connection to {url} broke ({reason}); what was asked may or may not have happened"
    )]
    Broken { url: String, reason: String },
    /// The connection broke while something was only being read.
    #[error("the connection to {url} broke ({reason}); {place}")]
    Cut {
        url: String,
        reason: String,
        /// How far it had come.
        place: String,
    },
    /// The host said no.
    #[error("{message}")]
    Refused {
        status: u16,
        code: String,
        message: String,
        /// Seconds after which to ask again; given when nothing happened.
        retry_after: Option<u64>,
    },
    /// The host is not one of ours, or of another version.
    #[error("the host's answer is not understood: {0}")]
    Answer(String),
    /// A file or directory cannot be used.
    #[error("cannot read {}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    /// The command line does not make sense.
    #[error("{0}")]
    Usage(String),
    /// Ctrl-C.
    #[error("interrupted{0}")]
    Interrupted(String),
    /// A host could not be started.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Stdout or stderr cannot be written.
    #[error("cannot write the output: {0}")]
    Output(io::Error),
    /// Anything else that was to be done and was not.
    #[error("{0}")]
    Failed(String),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl Failure {
    /// What the process ends with; see [`crate::cli`] for what is documented.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::Start(StartError::Door(DoorError::Exposed(_))) => 2,
            Self::Refused { .. }
            | Self::Answer(_)
            | Self::Broken { .. }
            | Self::Cut { .. }
            | Self::Untrusted { .. }
            | Self::File { .. }
            | Self::Start(_)
            | Self::Output(_)
            | Self::Failed(_) => 1,
            Self::NotReachable { .. } => 3,
            Self::Interrupted(_) => 130,
        }
    }

    /// Whether the reader of our output went away, which is no news to anyone.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// Whether the host said that nothing happened and that it may be asked again.
    pub(crate) fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// The same shape as the host's own errors.
    pub(crate) fn to_json(&self) -> Value {
        let code = match self {
            Self::Refused { code, .. } => code.as_str(),
            Self::NotReachable { .. } => "not_reachable",
            Self::Broken { .. } | Self::Cut { .. } => "connection_broken",
            Self::Untrusted { .. } => "not_trusted",
            Self::Answer(_) => "bad_answer",
            Self::File { .. } => "unreadable_file",
            Self::Usage(_) => "usage",
            Self::Interrupted(_) => "interrupted",
            Self::Start(_) => "not_started",
            Self::Output(_) => "output",
            Self::Failed(_) => "failed",
        };
        json!({"error": {"code": code, "message": self.to_string()}})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_can_tell_a_missing_host_from_a_refusal() {
        let missing = Failure::NotReachable {
            url: "http://127.0.0.1:1".to_owned(),
            reason: "connection refused".to_owned(),
        };
        let refused = Failure::Refused {
            status: 404,
            code: "no_such_stream".to_owned(),
            message: "stream `s` does not exist".to_owned(),
            retry_after: None,
        };
        assert_eq!((missing.exit_code(), refused.exit_code()), (3, 1));
        assert_eq!(refused.to_json()["error"]["code"], "no_such_stream");
        assert_eq!(missing.to_json()["error"]["code"], "not_reachable");
    }

    #[test]
    fn only_a_closed_pipe_is_quiet() {
        let closed = io::Error::from(io::ErrorKind::BrokenPipe);
        assert!(Failure::from(closed).is_broken_pipe());
        let full = io::Error::from(io::ErrorKind::StorageFull);
        assert!(!Failure::from(full).is_broken_pipe());
    }
}
