//! Why a failure record was not taken.

use millstream_core::trigger::outbox::patience;
use thiserror::Error;

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum SendError {
    /// It will not be taken another time either.
    #[error("{0}")]
    Refused(String),
    /// It may be another time.
    #[error("{0}")]
    Failed(String),
}

impl SendError {
    /// What an answer that is no success says.
    pub(super) fn answered(service: &str, status: u16, code: &str, message: &str) -> Self {
        let mut what = format!("{service} answered {status}");
        for said in [code, message].iter().filter(|said| !said.is_empty()) {
            what.push(' ');
            // It goes into the log and into the trigger's status.
            what.extend(said.chars().take(300));
        }
        if patience::is_final(status, code) {
            Self::Refused(what)
        } else {
            Self::Failed(what)
        }
    }
}
