//! Sends a failure record to whom it is for.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use millstream_core::{
    catalog::channel::StorageClass,
    trigger::{
        Destination,
        outbox::{Entry, Service},
    },
};

use super::{aws::Aws, call::Caller, refusal::SendError, sns, sqs};
use crate::{
    bucket::{self, Bucket, Label},
    destination::Destination as Buckets,
    error::DeliveryError,
};

/// The attribute of a message that tells whether it was sent before.
pub(super) const KEY_ATTRIBUTE: &str = "IdempotencyKey";

#[derive(Debug)]
pub(super) struct Sender {
    caller: Caller,
    buckets: Buckets,
    /// Those that were opened, by name.
    open: Mutex<BTreeMap<String, Bucket>>,
}

impl Sender {
    pub(super) fn new(aws: Aws, buckets: Buckets) -> Self {
        Self {
            caller: Caller::new(aws),
            buckets,
            open: Mutex::default(),
        }
    }

    /// Sends `entry`; when it returns, the destination has it.
    pub(super) async fn send(&self, to: &Destination, entry: &Entry) -> Result<(), SendError> {
        match to.service() {
            Service::Sqs => sqs::send(&self.caller, to, entry).await,
            Service::Sns => sns::send(&self.caller, to, entry).await,
            Service::S3 => self.store(to, entry).await,
        }
    }

    async fn store(&self, to: &Destination, entry: &Entry) -> Result<(), SendError> {
        let label = Label {
            class: StorageClass::Standard,
            content_type: "application/json",
        };
        let bucket = self.bucket(to)?;
        let body = entry.message(Service::S3).into_bytes();
        let stored = bucket.put(&entry.object_key(), body, label).await;
        stored.map_err(|error| refused(&error))
    }

    fn bucket(&self, to: &Destination) -> Result<Bucket, SendError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = open.get(to.name()) {
            return Ok(bucket.clone());
        }
        let bucket = match &self.buckets {
            directory @ Buckets::Directory(_) => Bucket::open(directory, to.name()),
            Buckets::S3(_) | Buckets::Nowhere => {
                let aws = &self.caller.aws;
                let builder = bucket::amazon(&aws.endpoint(to), aws.region(to), to.name());
                Bucket::over(
                    match aws.credentials(to)? {
                        Some(provider) => builder.with_credentials(provider),
                        None => builder.with_skip_signature(true),
                    },
                    to.name(),
                )
            }
        };
        let bucket = bucket.map_err(|error| refused(&error))?;
        open.insert(to.name().to_owned(), bucket.clone());
        Ok(bucket)
    }
}

/// What a bucket that does not take an object says of another try.
fn refused(error: &DeliveryError) -> SendError {
    let what = error.to_string();
    let stays = ["NoSuchBucket", "AccessDenied"];
    if error.is_definite() && stays.iter().any(|code| what.contains(code)) {
        SendError::Refused(what)
    } else {
        SendError::Failed(what)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use millstream_core::{name::TriggerName, time::Millis};
    use serde_json::value::RawValue;

    use super::*;

    /// An entry for that destination.
    pub(in crate::outbox) fn entry(arn: &str) -> Entry {
        Entry {
            trigger: TriggerName::try_from("t").unwrap(),
            mapping: "0191d5a0-0000-7000-8000-000000000001".to_owned(),
            destination: arn.try_into().unwrap(),
            shard_id: "shardId-000000000000".to_owned(),
            first: "49".to_owned(),
            last: "50".to_owned(),
            records: 2,
            failed: Millis(1_657_720_081_123),
            expires: Millis(1_657_806_481_123),
            body: RawValue::from_string(r#"{"version":"1.0","text":"a & b"}"#.to_owned()).unwrap(),
        }
    }

    #[tokio::test]
    async fn an_object_lies_in_its_bucket_however_often_it_is_sent() {
        let home = tempfile::tempdir().unwrap();
        let buckets = Buckets::Directory(home.path().to_owned());
        let sender = Sender::new(Aws::default(), buckets);
        let arn = "arn:aws:s3:::bucket";
        let entry = entry(arn);
        let to = Destination::try_from(arn).unwrap();
        for _ in 0..2 {
            sender.send(&to, &entry).await.unwrap();
        }
        let path = home.path().join("bucket").join(entry.object_key());
        let stored = std::fs::read_to_string(&path).unwrap();
        assert_eq!(stored, entry.body.get());
        let beside = std::fs::read_dir(path.parent().unwrap()).unwrap();
        assert_eq!(beside.count(), 1);
    }

    #[test]
    fn only_what_stays_so_ends_an_object() {
        let bucket = |what: &str| {
            refused(&DeliveryError::Bucket {
                bucket: "b".to_owned(),
                what: what.to_owned(),
            })
        };
        assert!(matches!(bucket("NoSuchBucket"), SendError::Refused(_)));
        assert!(matches!(bucket("AccessDenied"), SendError::Refused(_)));
        assert!(matches!(bucket("InvalidAccessKeyId"), SendError::Failed(_)));
        let unreachable = DeliveryError::Unreachable {
            bucket: "b".to_owned(),
            what: "AccessDenied".to_owned(),
        };
        assert!(matches!(refused(&unreachable), SendError::Failed(_)));
    }
}
