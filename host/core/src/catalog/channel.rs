//! A channel: what delivers a stream's records to object storage. What may be done with one stands
//! in `channel/`.

pub mod change;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use self::change::{LoggingUpdate, NewChannel, Refused, Request, Update};
use super::stream::{Status, Tags, Transition};
use crate::{
    channel::{Compression, KeyTemplate, ObjectNames, RecordFormat, key_template::Values},
    hash_key::HashKey,
    name::{ChannelName, StreamName},
    position::{Position, ShardNumber},
    time::Millis,
};

/// A channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Channel {
    /// Its name.
    pub name: ChannelName,
    /// Its number, which is never given twice.
    pub id: u64,
    /// The stream whose records it delivers.
    pub stream: StreamName,
    /// When that was created.
    pub stream_created: Millis,
    /// When it was created.
    pub created: Millis,
    /// The newest change, while it shows.
    #[serde(default)]
    pub transition: Option<Transition>,
    /// Its tags.
    #[serde(default)]
    pub tags: Tags,
    /// What it does.
    pub settings: Settings,
    /// Where each shard that existed at creation begins. Shards that come later begin at their
    /// oldest record.
    pub starts: BTreeMap<ShardNumber, Position>,
}

/// What a channel does. Only the freshness and the logging can be changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// What it takes records for.
    pub format: RecordFormat,
    /// A schema that records are said to have. Kept and shown.
    pub schema: Option<String>,
    /// The role that Amazon would take. Kept and shown.
    pub role: String,
    /// Where records go.
    pub destination: Destination,
    /// The key under which objects are said to be encrypted. Kept and shown.
    pub encryption_key: Option<String>,
    /// Kept and shown: there is no CloudWatch here.
    pub logging: Logging,
}

/// Where records go, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destination {
    /// The bucket.
    pub bucket: Bucket,
    /// How objects are called.
    pub template: KeyTemplate,
    /// How the bucket keeps them.
    pub storage_class: StorageClass,
    /// How they are compressed.
    pub compression: Compression,
    /// How long a record may wait, in seconds.
    pub freshness_seconds: u32,
    /// Where records go that cannot be delivered.
    pub dead_letters: DeadLetters,
}

/// A bucket, as users name it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    /// Its ARN, which ends with its name.
    pub arn: String,
    /// The account that it is said to belong to.
    pub owner: String,
}

/// Where records go that cannot be delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetters {
    /// The bucket.
    pub bucket: Bucket,
    /// What the objects' keys begin with.
    pub prefix: String,
}

/// What S3 calls so.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StorageClass {
    /// For data that is often read.
    #[default]
    Standard,
    /// S3 decides.
    IntelligentTiering,
    /// For data that is hardly ever read.
    GlacierIr,
}

impl StorageClass {
    /// As S3 writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Standard => "STANDARD",
            Self::IntelligentTiering => "INTELLIGENT_TIERING",
            Self::GlacierIr => "GLACIER_IR",
        }
    }
}

/// Where a channel is said to log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logging {
    /// Whether it does.
    pub enabled: bool,
    /// The log group.
    pub group: String,
    /// The log stream.
    pub stream: String,
}

impl Channel {
    /// What it is doing, as far as the catalog knows.
    #[must_use]
    pub fn status(&self, now: Millis) -> Status {
        Transition::status(self.transition, now)
    }

    /// Whether it was deleted, and does not even show as that any more.
    #[must_use]
    pub fn is_gone(&self, now: Millis) -> bool {
        Transition::is_over(self.transition, now)
    }

    /// Whether it was deleted. It delivers nothing, but may still show.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        let status = self.transition.map(|transition| transition.status);
        status == Some(Status::Deleting)
    }

    /// The id by which the world knows it: 20 letters and digits, in its ARN and in its objects' keys.
    /// Derived from its birth, so that a channel of the same name in another data directory has another.
    #[must_use]
    pub fn public_id(&self) -> String {
        public_id(&self.name, self.id, self.created)
    }

    /// How its objects are called; `id` is its [`Channel::public_id`].
    #[must_use]
    pub fn object_names<'a>(&'a self, id: &'a str) -> ObjectNames<'a> {
        let destination = &self.settings.destination;
        ObjectNames {
            values: Values {
                channel: self.name.name(),
                channel_id: id,
                stream: self.stream.name(),
                compression: destination.compression,
            },
            template: &destination.template,
            error_prefix: &destination.dead_letters.prefix,
        }
    }
}

fn public_id(name: &ChannelName, id: u64, created: Millis) -> String {
    let mut rest = HashKey::of(format!("channel {name} {id} {}", created.0).as_bytes()).0;
    let digit = |_| {
        let digit = (rest % 36) as u32;
        rest /= 36;
        char::from_digit(digit, 36).expect("it is below 36")
    };
    (0..20).map(digit).collect()
}
