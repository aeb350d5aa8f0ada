//! Why records were not delivered this time. None of it loses a record: they are tried again.

use std::{error::Error as _, io};

use millstream_core::port::{CommitError, ReadError};
use thiserror::Error;
use tokio::task::JoinError;

#[derive(Debug, Error)]
pub(crate) enum DeliveryError {
    #[error(
        "this host has nowhere to deliver to: start it with --channel-directory DIR, or with \
         AWS_ENDPOINT_URL_S3, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY set"
    )]
    Nowhere,
    #[error("bucket `{bucket}` cannot be used: {what}")]
    Bucket { bucket: String, what: String },
    #[error("`{key}` was not stored in bucket `{bucket}`: {what}")]
    Object {
        bucket: String,
        key: String,
        what: String,
    },
    #[error("bucket `{bucket}` did not answer: {what}")]
    Unreachable { bucket: String, what: String },
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("the position was not kept: {0}")]
    Commit(#[from] CommitError),
    #[error("the records were not compressed: {0}")]
    Compress(#[from] io::Error),
    #[error("the records were not compressed: {0}")]
    Interrupted(#[from] JoinError),
    #[error("the position of the channel is not readable")]
    Unreadable,
}

impl DeliveryError {
    /// Whether somebody must do something before it can succeed.
    pub(crate) fn is_definite(&self) -> bool {
        matches!(self, Self::Nowhere | Self::Bucket { .. })
    }

    /// What a store said about one object.
    pub(crate) fn object(bucket: &str, key: &str, error: &object_store::Error) -> Self {
        let (bucket, what) = (bucket.to_owned(), text(error));
        if is_refusal(error) || says_no_bucket(&what) {
            return Self::Bucket { bucket, what };
        }
        let key = key.to_owned();
        Self::Object { bucket, key, what }
    }

    /// What a store said when it was asked for a bucket.
    pub(crate) fn probe(bucket: &str, error: &object_store::Error) -> Self {
        let (bucket, what) = (bucket.to_owned(), text(error));
        if says_no_bucket(&what) || matches!(error, object_store::Error::Unauthenticated { .. }) {
            return Self::Bucket { bucket, what };
        }
        Self::Unreachable { bucket, what }
    }
}

fn is_refusal(error: &object_store::Error) -> bool {
    use object_store::Error::{PermissionDenied, Unauthenticated};
    matches!(error, PermissionDenied { .. } | Unauthenticated { .. })
}

fn says_no_bucket(what: &str) -> bool {
    what.contains("NoSuchBucket")
}

/// The error with its causes, where they are not said yet.
fn text(error: &object_store::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let inner = error.to_string();
        if !text.contains(&inner) {
            text.push_str(": ");
            text.push_str(&inner);
        }
        cause = error.source();
    }
    text
}
