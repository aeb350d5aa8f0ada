//! Everything that the Kinesis API answers instead of a success, and how Amazon shapes it.
//!
//! The texts are Amazon's where they are known; status and type are decided in one match.

use std::fmt;

use axum::http::StatusCode;
use millstream_core::{
    hash_key::HashRange,
    port::{CommitError, QueueError, ReadError},
    time::Millis,
};
use serde_json::json;
use thiserror::Error;

use crate::{
    admit::{BodyRefused, Crowded},
    auth::AuthFault,
    wire::form::Form,
};

/// A stream as Amazon names it in messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) stream: String,
    pub(crate) account: String,
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} under account {}", self.stream, self.account)
    }
}

/// Why a request is not answered with what it asked for.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum Fault {
    #[error("Unable to determine service/operation name to be authorized")]
    NotARequest,
    #[error(
        "the content type is neither application/x-amz-json-1.1 nor application/x-amz-cbor-1.1"
    )]
    UnknownContent,
    #[error("the operation is unknown")]
    UnknownOperation,
    #[error("the body has more than {limit} bytes")]
    BodyTooLarge { limit: usize },
    #[error("{0}")]
    BodyBroken(String),
    #[error(transparent)]
    Crowded(#[from] Crowded),
    #[error(transparent)]
    Auth(#[from] AuthFault),
    #[error("{0}")]
    Serialization(String),
    #[error("{0}")]
    Validation(String),

    #[error("Stream {0} not found.")]
    NoStream(Named),
    #[error("Stream {0} already exists.")]
    StreamExists(Named),
    #[error("Stream {stream} is used by trigger {trigger}; delete the trigger first.")]
    StreamInUse { stream: Named, trigger: String },
    #[error(
        "This request would exceed the shard limit for the account {account} in {region}. \
         Current shard count for the account: {open}. Limit: {allowed}. \
         Number of additional shards that would have resulted from this request: {more}. \
         The limit is what the host was started with."
    )]
    ShardLimit {
        account: String,
        region: String,
        open: u32,
        more: u32,
        allowed: u32,
    },
    #[error("A stream can have up to {allowed} open shards here; {asked} were asked for.")]
    ShardsOfStream { asked: u32, allowed: u32 },
    #[error("Stream {stream} not ACTIVE, instead in state {status}")]
    NotActive { stream: Named, status: &'static str },
    #[error("Either StreamName or StreamARN should be provided.")]
    NoName,
    #[error("StreamName {name} and StreamARN {arn} are not of the same stream.")]
    TwoNames { name: String, arn: String },
    #[error("StreamId {id} is not that of the stream {name}.")]
    OtherId { id: String, name: String },

    /// Texts of their own, by Amazon's name for the error.
    #[error("{0}")]
    Argument(String),
    #[error("{0}")]
    Invalid(String),
    #[error("{0}")]
    InUse(String),
    #[error("{0}")]
    NotFound(String),
    #[error("{0}")]
    Limit(String),
    #[error("{0}")]
    Throughput(String),

    #[error("Shard {shard} in stream {stream} does not exist")]
    NoShard { shard: String, stream: Named },
    #[error("Could not find shard {shard} in stream {stream}.")]
    UnreadableShard { shard: String, stream: Named },

    #[error(
        "NewStartingHashKey {at} used in SplitShard() on shard {shard} in stream {stream} \
         is not both greater than one plus the shard's StartingHashKey {} \
         and less than the shard's EndingHashKey {}.",
        .range.start.0, .range.end.0
    )]
    SplitKey {
        at: String,
        shard: String,
        stream: Named,
        /// Boxed, so that every other fault stays small.
        range: Box<HashRange>,
    },

    #[error("NextToken and {0} cannot be provided together.")]
    TokenAnd(&'static str),
    #[error("Either NextToken or StreamName should be provided.")]
    NeitherTokenNorName,
    #[error("The specified NextToken is not valid.")]
    InvalidToken,
    #[error("The specified NextToken has expired.")]
    ExpiredToken,
    #[error("ShardFilter of type {filter} requires {member}.")]
    FilterNeeds {
        filter: &'static str,
        member: &'static str,
    },

    #[error(
        "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and \
         StartingSequenceNumber or (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. \
         Request specified {kind} and {} StartingSequenceNumber.",
        if *.given { "also a" } else { "no" }
    )]
    StartMismatch { kind: &'static str, given: bool },
    #[error(
        "Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. \
         Current request has no timestamp parameter."
    )]
    NoTimestamp,
    #[error(
        "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. \
         timestampInMillis: {}, currentTimestampInMillis: {}",
        .asked.0, .now.0
    )]
    FutureTimestamp { asked: Millis, now: Millis },
    #[error(
        "StartingSequenceNumber {number} used in GetShardIterator on shard {shard} \
         in stream {stream} is invalid{why}."
    )]
    InvalidStart {
        number: String,
        shard: String,
        stream: Named,
        why: &'static str,
    },
    #[error(
        "Invalid StartingSequenceNumber. It encodes shardId-{encoded:012}, \
         while it was used in a call to a shard with {used}"
    )]
    OtherShard { encoded: u32, used: String },
    #[error("Invalid ShardIterator.")]
    InvalidIterator,
    #[error(
        "Iterator expired. The iterator was created at time {} while right now it is {} \
         which is further in the future than the tolerated delay of 300000 milliseconds.",
        calendar(*.created), calendar(*.now)
    )]
    ExpiredIterator { created: Millis, now: Millis },

    #[error(
        "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. \
         Specified value was {0}"
    )]
    InvalidHashKey(String),
    #[error(
        "ExclusiveMinimumSequenceNumber {number} used in PutRecord on stream {stream} is invalid."
    )]
    InvalidOrdering { number: String, stream: Named },
    #[error("Records size exceeds 10 MB limit")]
    RecordsTooLarge,
    #[error("The request would have succeeded, but the DryRun parameter was specified.")]
    DryRun,

    #[error("{0}")]
    Internal(String),
    #[error(transparent)]
    Commit(#[from] CommitError),
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Whether a client may try again, which Amazon's SDKs do on any 5xx.
const UNAVAILABLE: (StatusCode, &str) = (StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable");
const INTERNAL: (StatusCode, &str) = (StatusCode::INTERNAL_SERVER_ERROR, "InternalFailure");

impl Fault {
    /// The status and Amazon's name for it.
    pub(crate) fn shape(&self) -> (StatusCode, &'static str) {
        let name = match self {
            Self::NotARequest => return (StatusCode::FORBIDDEN, "AccessDeniedException"),
            Self::UnknownContent => return (StatusCode::NOT_FOUND, "UnknownOperationException"),
            Self::BodyTooLarge { .. } => {
                return (
                    StatusCode::PAYLOAD_TOO_LARGE,
                    "RequestEntityTooLargeException",
                );
            }
            Self::BodyBroken(_) => return (StatusCode::REQUEST_TIMEOUT, "RequestTimeoutException"),
            Self::UnknownOperation => "UnknownOperationException",
            Self::Auth(fault) => fault.name(),
            Self::Serialization(_) => "SerializationException",
            Self::Validation(_) | Self::Invalid(_) => "ValidationException",
            Self::NoStream(_)
            | Self::NoShard { .. }
            | Self::UnreadableShard { .. }
            | Self::NotFound(_) => "ResourceNotFoundException",
            Self::StreamExists(_)
            | Self::StreamInUse { .. }
            | Self::InUse(_)
            | Self::NotActive { .. } => "ResourceInUseException",
            Self::ShardLimit { .. } | Self::ShardsOfStream { .. } | Self::Limit(_) => {
                "LimitExceededException"
            }
            Self::Throughput(_) => "ProvisionedThroughputExceededException",
            Self::ExpiredToken => "ExpiredNextTokenException",
            Self::ExpiredIterator { .. } => "ExpiredIteratorException",
            Self::DryRun => "DryRunOperationException",
            Self::NoName
            | Self::TwoNames { .. }
            | Self::OtherId { .. }
            | Self::SplitKey { .. }
            | Self::Argument(_)
            | Self::TokenAnd(_)
            | Self::NeitherTokenNorName
            | Self::InvalidToken
            | Self::FilterNeeds { .. }
            | Self::StartMismatch { .. }
            | Self::NoTimestamp
            | Self::FutureTimestamp { .. }
            | Self::InvalidStart { .. }
            | Self::OtherShard { .. }
            | Self::InvalidIterator
            | Self::InvalidHashKey(_)
            | Self::InvalidOrdering { .. }
            | Self::RecordsTooLarge => "InvalidArgumentException",
            Self::Commit(error) => return commit_shape(error),
            Self::Crowded(_) | Self::Read(ReadError::Unavailable(_)) => return UNAVAILABLE,
            Self::Internal(_) | Self::Read(ReadError::Corrupt { .. }) => return INTERNAL,
        };
        (StatusCode::BAD_REQUEST, name)
    }

    /// The body, in the form that Amazon gives to this error.
    pub(crate) fn body(&self, form: Form) -> Vec<u8> {
        let (_, name) = self.shape();
        let body = match self {
            Self::NotARequest => {
                return format!("<{name}>\n  <Message>{self}</Message>\n</{name}>\n").into();
            }
            Self::UnknownContent => return format!("<{name}/>\n").into(),
            Self::UnknownOperation => json!({ "__type": name }),
            Self::Serialization(what) => json!({ "__type": name, "Message": what }),
            other => json!({ "__type": name, "message": other.to_string() }),
        };
        form.render(&body)
    }

    /// Whether the body is in the form of the request; what is not a request of Amazon's gets XML.
    pub(crate) fn is_modelled(&self) -> bool {
        !matches!(self, Self::NotARequest | Self::UnknownContent)
    }
}

fn commit_shape(error: &CommitError) -> (StatusCode, &'static str) {
    match error {
        CommitError::Full | CommitError::Busy | CommitError::Unavailable(_) => UNAVAILABLE,
        // Its children were not found after several tries: the stream changes all the time.
        CommitError::Closed(_) => UNAVAILABLE,
        // The stream went while records were on their way; the next request is told so.
        CommitError::Gone(_) => UNAVAILABLE,
        CommitError::TooLarge { .. } | CommitError::Ambiguous(_) => INTERNAL,
    }
}

impl From<QueueError> for Fault {
    fn from(error: QueueError) -> Self {
        match error {
            QueueError::Commit(error) => error.into(),
            QueueError::Read(error) => error.into(),
            QueueError::Unreadable(error) => Self::Internal(error.to_string()),
        }
    }
}

impl From<BodyRefused> for Fault {
    fn from(refused: BodyRefused) -> Self {
        match refused {
            BodyRefused::TooLarge { limit } => Self::BodyTooLarge { limit },
            BodyRefused::Crowded(crowded) => crowded.into(),
            BodyRefused::Broken(_) => Self::BodyBroken(refused.to_string()),
        }
    }
}

/// As in `Thu Jan 22 01:22:02 UTC 2015`.
fn calendar(at: Millis) -> String {
    let ms = i64::try_from(at.0).unwrap_or(i64::MAX);
    match jiff::Timestamp::from_millisecond(ms) {
        Ok(at) => at.strftime("%a %b %d %H:%M:%S UTC %Y").to_string(),
        Err(_) => format!("{ms} ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_amazon_writes_them() {
        assert_eq!(
            calendar(Millis(1_421_889_722_000)),
            "Thu Jan 22 01:22:02 UTC 2015"
        );
        assert_eq!(calendar(Millis(u64::MAX)), format!("{} ms", i64::MAX));
    }

    #[test]
    fn what_may_have_happened_is_not_called_unavailable() {
        let unknown = Fault::from(CommitError::Ambiguous("power".into()));
        assert_eq!(unknown.shape(), INTERNAL);
        assert_eq!(Fault::from(CommitError::Full).shape(), UNAVAILABLE);
    }
}
