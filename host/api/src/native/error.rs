//! Every way in which a native request can fail, and the one place where its status is decided.

use axum::{
    Json,
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use millstream_core::{
    catalog::{Refused, trigger::SettingError},
    name::{FunctionName, InvalidNameError},
    port::{CommitError, ControlError, InvokeError, ModuleError, ReadError, RedriveError},
    trigger::redrive::marks::MarksError,
};
use serde::Serialize;
use thiserror::Error;

use crate::{
    admit::{BodyRefused, Crowded},
    app::BackupError,
    auth::AuthFault,
};

/// Why a native request failed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NativeError {
    /// The request does not say what it should; the text says what and where.
    #[error("{0}")]
    BadRequest(String),
    /// A name that cannot be one.
    #[error(transparent)]
    Name(#[from] InvalidNameError),
    /// A setting that cannot be so.
    #[error("{0}")]
    Setting(String),
    /// A web page of another site is behind it.
    #[error("requests of web pages from other sites are refused")]
    CrossSite,
    /// It comes with no credentials, or with wrong ones.
    #[error(
        "credentials are needed: `Authorization: Bearer SECRET_KEY`, \
         or Signature Version 4 for service millstream: {0}"
    )]
    Unauthorized(#[from] AuthFault),
    /// No route has this path.
    #[error("there is no route `{0}`")]
    NoRoute(String),
    /// The route does not take this method.
    #[error("`{1}` does not take {0}")]
    Method(Method, String),
    /// Too much at once.
    #[error("{what} is too large: at most {limit} are allowed")]
    TooLarge {
        /// What it is.
        what: String,
        /// How much may be, with its unit.
        limit: String,
    },
    /// The function's upload before this one is not done.
    #[error("an upload of function `{0}` is still being compiled")]
    UploadUnderWay(FunctionName),
    /// As many uploads as the host takes at once are under way.
    #[error("the host compiles {0} uploads already")]
    TooManyUploads(usize),
    /// The control plane did not make the change.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The runtime could not run the function.
    #[error(transparent)]
    Invoke(#[from] InvokeError),
    /// There is no copy of the log.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// Dead letters were not sent back.
    #[error(transparent)]
    Redrive(RedriveError),
    /// Requests hold as much memory as they may.
    #[error("{0}")]
    Crowded(String),
    /// A fault of the host.
    #[error("{0}")]
    Internal(String),
}

macro_rules! through_control {
    ($($error:ty),*) => {$(
        impl From<$error> for NativeError {
            fn from(error: $error) -> Self {
                Self::Control(error.into())
            }
        }
    )*};
}

impl From<RedriveError> for NativeError {
    fn from(error: RedriveError) -> Self {
        match error {
            RedriveError::NoTrigger(name) => Refused::NoTrigger(name).into(),
            RedriveError::NoStream(name) => Refused::NoStream(name).into(),
            RedriveError::Invoke(error) => error.into(),
            RedriveError::Read(error) => error.into(),
            RedriveError::Commit(error) => error.into(),
            error => Self::Redrive(error),
        }
    }
}

through_control!(Refused, CommitError, ReadError, ModuleError);

impl From<BodyRefused> for NativeError {
    fn from(refused: BodyRefused) -> Self {
        match refused {
            BodyRefused::TooLarge { limit } => Self::TooLarge {
                what: "the body".to_owned(),
                limit: format!("{limit} bytes"),
            },
            BodyRefused::Crowded(Crowded) => Self::Crowded(refused.to_string()),
            BodyRefused::Broken(_) => Self::BadRequest(refused.to_string()),
        }
    }
}

impl From<SettingError> for NativeError {
    fn from(error: SettingError) -> Self {
        Self::Control(Refused::from(error).into())
    }
}

/// An error as it is sent.
#[derive(Debug, Clone, Serialize)]
pub(super) struct ErrorBody {
    code: &'static str,
    message: String,
}

impl NativeError {
    /// No stream of that name.
    pub(super) fn no_stream(name: &millstream_core::name::StreamName) -> Self {
        Self::Control(Refused::NoStream(name.clone()).into())
    }

    /// No function of that name.
    pub(super) fn no_function(name: &FunctionName) -> Self {
        Self::Control(Refused::NoFunction(name.clone()).into())
    }

    /// Status and code.
    pub(super) fn kind(&self) -> (StatusCode, &'static str) {
        match self {
            Self::BadRequest(_) => (StatusCode::BAD_REQUEST, "bad_request"),
            Self::Name(_) => (StatusCode::BAD_REQUEST, "invalid_name"),
            Self::Setting(_) => (StatusCode::BAD_REQUEST, "invalid_setting"),
            Self::CrossSite => (StatusCode::FORBIDDEN, "forbidden"),
            Self::Unauthorized(_) => (StatusCode::UNAUTHORIZED, "unauthorized"),
            Self::NoRoute(_) => (StatusCode::NOT_FOUND, "no_such_route"),
            Self::Method(..) => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
            Self::UploadUnderWay(_) => (StatusCode::CONFLICT, "busy"),
            Self::TooManyUploads(_) | Self::Crowded(_) => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
            Self::Control(ControlError::Refused(refused)) => of_refused(refused),
            Self::Control(ControlError::Commit(error)) => of_commit(error),
            Self::Control(ControlError::Read(error)) => of_read(error),
            Self::Control(ControlError::Module(error)) => of_module(error),
            Self::Invoke(InvokeError::NoEvents(..)) => (StatusCode::BAD_REQUEST, "bad_request"),
            Self::Invoke(InvokeError::NotReady(..)) => {
                (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
            }
            Self::Invoke(InvokeError::Throttled) => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
            Self::Invoke(InvokeError::Host(_)) | Self::Internal(_) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "internal")
            }
            Self::Redrive(error) => of_redrive(error),
            Self::Backup(BackupError::Exists(_)) => (StatusCode::CONFLICT, "already_exists"),
            Self::Backup(BackupError::Unusable(..)) => (StatusCode::BAD_REQUEST, "invalid_setting"),
            Self::Backup(BackupError::Full(_)) => (StatusCode::SERVICE_UNAVAILABLE, "disk_full"),
            Self::Backup(BackupError::Failed(_)) => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        }
    }

    /// The error as it is sent.
    pub(super) fn body(&self) -> ErrorBody {
        ErrorBody {
            code: self.kind().1,
            message: self.to_string(),
        }
    }
}

fn of_refused(refused: &Refused) -> (StatusCode, &'static str) {
    match refused {
        Refused::StreamExists(_) => (StatusCode::CONFLICT, "already_exists"),
        Refused::NoStream(_) => (StatusCode::NOT_FOUND, "no_such_stream"),
        Refused::NoFunction(_) | Refused::NoQualifier(..) => {
            (StatusCode::NOT_FOUND, "no_such_function")
        }
        Refused::NoTrigger(_) => (StatusCode::NOT_FOUND, "no_such_trigger"),
        Refused::InUse { .. } | Refused::HasConsumers(_) | Refused::Read { .. } => {
            (StatusCode::CONFLICT, "in_use")
        }
        Refused::NotActive { .. } => (StatusCode::CONFLICT, "not_active"),
        Refused::Shards { .. }
        | Refused::ShardLimit { .. }
        | Refused::Tags(_)
        | Refused::Policy(_)
        | Refused::StreamSetting(_)
        | Refused::Reshard { .. }
        | Refused::Consumer(_)
        | Refused::Channel(_)
        | Refused::Queue(_)
        | Refused::Setting(SettingError { .. })
        | Refused::Function(_)
        | Refused::Fixed(_) => (StatusCode::BAD_REQUEST, "invalid_setting"),
    }
}

fn of_redrive(error: &RedriveError) -> (StatusCode, &'static str) {
    match error {
        RedriveError::NoTrigger(_) => (StatusCode::NOT_FOUND, "no_such_trigger"),
        RedriveError::NoStream(_) => (StatusCode::NOT_FOUND, "no_such_stream"),
        RedriveError::NoLetters(_) | RedriveError::Windowed(_) => {
            (StatusCode::BAD_REQUEST, "invalid_setting")
        }
        RedriveError::Paused(_) => (StatusCode::CONFLICT, "paused"),
        RedriveError::NotNow(_) | RedriveError::Invoke(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, "busy")
        }
        RedriveError::Read(error) | RedriveError::Marks(MarksError::Read(error)) => of_read(error),
        RedriveError::Marks(MarksError::Unreadable) => {
            (StatusCode::INTERNAL_SERVER_ERROR, "corrupt")
        }
        RedriveError::Commit(error) => of_commit(error),
    }
}

fn of_commit(error: &CommitError) -> (StatusCode, &'static str) {
    match error {
        CommitError::Full => (StatusCode::SERVICE_UNAVAILABLE, "disk_full"),
        // The stream is resharded all the time.
        CommitError::Busy | CommitError::Closed(_) => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
        CommitError::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
        CommitError::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
        // The stream was deleted between the look at the catalog and the commit.
        CommitError::Gone(_) => (StatusCode::NOT_FOUND, "no_such_stream"),
        // Not a 503: those promise that nothing was written.
        CommitError::Ambiguous(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
    }
}

fn of_read(error: &ReadError) -> (StatusCode, &'static str) {
    match error {
        ReadError::Corrupt { .. } => (StatusCode::INTERNAL_SERVER_ERROR, "corrupt"),
        ReadError::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
    }
}

fn of_module(error: &ModuleError) -> (StatusCode, &'static str) {
    match error {
        ModuleError::NotAModule { .. }
        | ModuleError::NoWorld { .. }
        | ModuleError::Limit { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "module_refused"),
        ModuleError::Host { .. } => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
    }
}

impl IntoResponse for NativeError {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Envelope {
            error: ErrorBody,
        }
        let (status, _) = self.kind();
        if status.is_server_error() {
            tracing::warn!(error = %self, "a request failed");
        }
        let error = self.body();
        let mut response = (status, Json(Envelope { error })).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            let second = HeaderValue::from_static("1");
            response.headers_mut().insert(header::RETRY_AFTER, second);
        }
        if status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer");
            let headers = response.headers_mut();
            headers.insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use millstream_core::position::ShardNumber;

    use super::*;

    #[test]
    fn only_what_certainly_did_not_happen_asks_for_another_try() {
        let of = |error: CommitError| NativeError::from(error).kind().0;
        for retriable in [CommitError::Full, CommitError::Busy] {
            assert_eq!(of(retriable), StatusCode::SERVICE_UNAVAILABLE);
        }
        let unknown = CommitError::Ambiguous("the disk went away".into());
        assert_eq!(of(unknown), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(of(CommitError::Gone(ShardNumber(1))), StatusCode::NOT_FOUND);
    }

    #[test]
    fn a_retriable_error_says_when() {
        let response = NativeError::from(CommitError::Full).into_response();
        assert_eq!(response.headers()[header::RETRY_AFTER], "1");
        let response = NativeError::Internal("x".into()).into_response();
        assert!(!response.headers().contains_key(header::RETRY_AFTER));
    }
}
