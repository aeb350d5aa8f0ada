//! Where failure records go, as an ARN: a queue of SQS, a topic of SNS or a bucket of S3.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::limit;

/// Who takes a failure record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Amazon SQS: a message to a queue.
    Sqs,
    /// Amazon SNS: a notification to a topic.
    Sns,
    /// Amazon S3: an object in a bucket, with the records themselves.
    S3,
}

/// The ARN of a queue, a topic or a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Destination {
    arn: String,
    service: Service,
}

/// Why something is no destination.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is not the ARN of a queue of SQS, a topic of SNS or a bucket of S3")]
pub struct InvalidDestinationError(pub String);

/// What is behind the end of a name that keeps an order.
const FIFO: &str = ".fifo";

impl TryFrom<String> for Destination {
    type Error = InvalidDestinationError;

    fn try_from(arn: String) -> Result<Self, InvalidDestinationError> {
        match service(&arn) {
            Some(service) => Ok(Self { arn, service }),
            None => Err(InvalidDestinationError(arn)),
        }
    }
}

impl TryFrom<&str> for Destination {
    type Error = InvalidDestinationError;

    fn try_from(arn: &str) -> Result<Self, InvalidDestinationError> {
        arn.to_owned().try_into()
    }
}

impl From<Destination> for String {
    fn from(destination: Destination) -> Self {
        destination.arn
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.arn)
    }
}

impl Destination {
    /// The ARN.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.arn
    }

    /// Who takes it.
    #[must_use]
    pub fn service(&self) -> Service {
        self.service
    }

    /// As in `aws` or `aws-cn`.
    #[must_use]
    pub fn partition(&self) -> &str {
        self.part(1)
    }

    /// The region; empty for a bucket, whose ARN does not say it.
    #[must_use]
    pub fn region(&self) -> &str {
        self.part(3)
    }

    /// The account; empty for a bucket.
    #[must_use]
    pub fn account(&self) -> &str {
        self.part(4)
    }

    /// The queue's, topic's or bucket's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.part(5)
    }

    /// Whether it keeps the order of messages, and wants to be told of repeated ones.
    #[must_use]
    pub fn is_fifo(&self) -> bool {
        self.service != Service::S3 && self.arn.ends_with(FIFO)
    }

    fn part(&self, at: usize) -> &str {
        self.arn.split(':').nth(at).unwrap_or_default()
    }
}

fn service(arn: &str) -> Option<Service> {
    let parts: Vec<&str> = arn.split(':').collect();
    let ["arn", partition, service, region, account, name] = parts[..] else {
        return None;
    };
    let lower = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if arn.len() > limit::DESTINATION_BYTES
        || !partition.starts_with("aws")
        || !partition.bytes().all(lower)
    {
        return None;
    }
    let is_placed = !region.is_empty()
        && region.bytes().all(lower)
        && account.len() == 12
        && account.bytes().all(|b| b.is_ascii_digit());
    let is_named = |most: usize| {
        let bare = name.strip_suffix(FIFO).unwrap_or(name);
        let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        name.len() <= most && !bare.is_empty() && bare.bytes().all(fits)
    };
    match service {
        "sqs" if is_placed && is_named(80) => Some(Service::Sqs),
        "sns" if is_placed && is_named(256) => Some(Service::Sns),
        "s3" if region.is_empty() && account.is_empty() && is_bucket(name) => Some(Service::S3),
        _ => None,
    }
}

fn is_bucket(name: &str) -> bool {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
    (3..=63).contains(&name.len()) && name.bytes().all(fits) && !name.contains("..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queues_topics_and_buckets_are_destinations() {
        for (arn, service, fifo) in [
            ("arn:aws:sqs:us-east-1:123456789012:q", Service::Sqs, false),
            (
                "arn:aws:sqs:us-east-1:123456789012:q.fifo",
                Service::Sqs,
                true,
            ),
            (
                "arn:aws-cn:sns:cn-north-1:123456789012:T_-1",
                Service::Sns,
                false,
            ),
            (
                "arn:aws:sns:eu-west-1:123456789012:t.fifo",
                Service::Sns,
                true,
            ),
            ("arn:aws:s3:::a-bucket.with.dots", Service::S3, false),
            ("arn:aws:s3:::ends.fifo", Service::S3, false),
        ] {
            let destination = Destination::try_from(arn).unwrap();
            assert_eq!(destination.service(), service, "{arn}");
            assert_eq!(destination.is_fifo(), fifo, "{arn}");
            assert_eq!(destination.to_string(), arn);
        }
        let queue = Destination::try_from("arn:aws-cn:sqs:cn-north-1:123456789012:q").unwrap();
        let parts = (
            queue.partition(),
            queue.region(),
            queue.account(),
            queue.name(),
        );
        assert_eq!(parts, ("aws-cn", "cn-north-1", "123456789012", "q"));
        let bucket = Destination::try_from("arn:aws:s3:::bucket").unwrap();
        assert_eq!((bucket.region(), bucket.name()), ("", "bucket"));
    }

    #[test]
    fn nothing_else_is_a_destination() {
        let long = format!("arn:aws:sns:us-east-1:123456789012:{}", "t".repeat(400));
        for arn in [
            "",
            "q",
            "arn:aws:sqs:us-east-1:123456789012",
            "arn:aws:sqs::123456789012:q",
            "arn:aws:sqs:us-east-1:12345678901:q",
            "arn:aws:sqs:us-east-1:123456789012:a/b",
            "arn:aws:sqs:us-east-1:123456789012:.fifo",
            "arn:aws:sqs:us-east-1:123456789012:a:b",
            "arn:aws:sqs:us-east-1:123456789012:a\nb",
            "arn:aws:kinesis:us-east-1:123456789012:stream/s",
            "arn:aws:lambda:us-east-1:123456789012:function:f",
            "arn:aws:s3:::UPPER",
            "arn:aws:s3:::a",
            "arn:aws:s3:::a..b",
            "arn:aws:s3:::bucket/prefix",
            "arn:aws:s3:us-east-1::bucket",
            "arn:gcp:s3:::bucket",
            &long,
        ] {
            let refused = Destination::try_from(arn);
            assert_eq!(refused, Err(InvalidDestinationError(arn.to_owned())));
        }
    }
}
