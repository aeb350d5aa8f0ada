//! What may be done with channels: create, update, delete.

use std::{collections::BTreeMap, sync::Arc};

use thiserror::Error;

use super::{
    Bucket, Channel, DeadLetters, Destination, Logging, Settings, StorageClass, public_id,
};
use crate::{
    catalog::{
        Catalog, Change, Stream,
        change::{delete, put},
        key::{self, CatalogKey},
        stream::{
            Status, StreamMode, Tags, Transition,
            tags::{self, TagsRefused},
        },
    },
    channel::{
        Compression, KeyTemplate, RecordFormat, dead_letter,
        key_template::{self, KeyTemplateError},
        object::ObjectKeyError,
    },
    limit,
    name::{ChannelName, StreamName},
    position::{Position, ShardNumber},
    time::Millis,
};

/// A change that is asked for.
#[derive(Debug, Clone)]
pub enum Request {
    /// Creates a channel.
    Create {
        /// Its name.
        name: ChannelName,
        /// What it shall be.
        new: Box<NewChannel>,
    },
    /// Changes what can be changed.
    Update {
        /// Which.
        name: ChannelName,
        /// How.
        update: Update,
    },
    /// Changes its tags.
    Tags {
        /// Which.
        name: ChannelName,
        /// How.
        change: tags::Change,
    },
    /// Deletes a channel. What it delivered stays.
    Delete {
        /// Which.
        name: ChannelName,
    },
    /// Removes what is left of a channel that was deleted, once that does not show any more.
    Forget {
        /// Which.
        name: ChannelName,
    },
}

/// What a channel is created with. What is not given is as Amazon has it.
#[derive(Debug, Clone)]
pub struct NewChannel {
    /// The stream.
    pub stream: StreamName,
    /// See [`Settings::format`].
    pub format: RecordFormat,
    /// See [`Settings::schema`].
    pub schema: Option<String>,
    /// See [`Settings::role`].
    pub role: String,
    /// See [`Destination::bucket`].
    pub bucket: Bucket,
    /// See [`Destination::template`].
    pub template: Option<String>,
    /// See [`Destination::storage_class`].
    pub storage_class: StorageClass,
    /// See [`Destination::compression`].
    pub compression: Compression,
    /// See [`Destination::freshness_seconds`].
    pub freshness_seconds: Option<i64>,
    /// The bucket of the dead letters; by default that of the records.
    pub dead_letters: Option<Bucket>,
    /// What the dead letters' keys begin with.
    pub error_prefix: Option<String>,
    /// See [`Settings::encryption_key`].
    pub encryption_key: Option<String>,
    /// See [`Settings::logging`].
    pub logging: LoggingUpdate,
    /// Its tags.
    pub tags: Tags,
    /// Where each shard of its stream begins, resolved by the shell.
    pub starts: BTreeMap<ShardNumber, Position>,
}

/// What of a channel can be changed; what is not given stays.
#[derive(Debug, Clone, Default)]
pub struct Update {
    /// See [`Destination::freshness_seconds`].
    pub freshness_seconds: Option<i64>,
    /// See [`Settings::logging`].
    pub logging: LoggingUpdate,
}

/// What of the logging is said; what is not stays, or is as Amazon has it.
#[derive(Debug, Clone, Default)]
pub struct LoggingUpdate {
    /// See [`Logging::enabled`].
    pub enabled: Option<bool>,
    /// See [`Logging::group`].
    pub group: Option<String>,
    /// See [`Logging::stream`].
    pub stream: Option<String>,
}

/// Why a change of a channel is not made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refused {
    /// The channel is there already.
    #[error("channel `{0}` already exists")]
    Exists(ChannelName),
    /// There is no such channel.
    #[error("channel `{0}` does not exist")]
    NoChannel(ChannelName),
    /// There is no such stream.
    #[error("stream `{0}` does not exist")]
    NoStream(StreamName),
    /// A stream that was created or deleted a moment ago cannot have one.
    #[error("stream `{stream}` is {}, not ACTIVE", .status.name())]
    StreamNotActive {
        /// Which stream.
        stream: StreamName,
        /// What it is doing.
        status: Status,
    },
    /// Amazon delivers on-demand streams only.
    #[error("stream `{0}` is not in the on-demand capacity mode, which channels need")]
    NotOnDemand(StreamName),
    /// The region has as many as it may.
    #[error("a region cannot have more than {} channels", limit::CHANNELS)]
    TooMany,
    /// A change that is under way excludes this one.
    #[error("channel `{channel}` is {}, not ACTIVE", .status.name())]
    NotActive {
        /// Which channel.
        channel: ChannelName,
        /// What it is doing.
        status: Status,
    },
    /// The freshness is out of range.
    #[error(
        "DataFreshnessInSeconds is {asked}; allowed are {} to {}",
        limit::CHANNEL_FRESHNESS_SECONDS.start(),
        limit::CHANNEL_FRESHNESS_SECONDS.end(),
        asked = .0
    )]
    Freshness(i64),
    /// The key template is none.
    #[error("OutputKeyTemplate is not valid: {0}")]
    Template(#[from] KeyTemplateError),
    /// The names of the objects cannot be used.
    #[error("OutputKeyTemplate or ErrorOutputPrefix is not valid: {0}")]
    ObjectKey(#[from] ObjectKeyError),
    /// Tags are not right.
    #[error(transparent)]
    Tags(#[from] TagsRefused),
}

impl Catalog {
    pub(in crate::catalog) fn change_channel(
        &self,
        request: Request,
        now: Millis,
        change_ms: u64,
    ) -> Result<Change, Refused> {
        match request {
            Request::Create { name, new } => self.create_channel(name, *new, now, change_ms),
            Request::Update { name, update } => {
                let mut channel = Channel::clone(self.active_channel(&name, now)?);
                update.apply(&mut channel.settings)?;
                channel.transition = Transition::new(Status::Updating, now, change_ms);
                Ok(self.with_channel(channel, false))
            }
            Request::Tags { name, change } => {
                let mut channel = Channel::clone(self.living_channel(&name, now)?);
                change.apply(&mut channel.tags)?;
                Ok(self.with_channel(channel, false))
            }
            Request::Delete { name } => {
                let mut channel = Channel::clone(self.living_channel(&name, now)?);
                let orphans = vec![key::channel_positions_of(channel.id)];
                channel.transition = Transition::new(Status::Deleting, now, change_ms);
                let mut change = match channel.transition {
                    Some(_) => self.with_channel(channel, false),
                    None => self.without_channel(name),
                };
                change.orphans = orphans;
                Ok(change)
            }
            Request::Forget { name } => match self.channels.get(&name) {
                Some(channel) if channel.is_gone(now) => Ok(self.without_channel(name)),
                _ => Err(Refused::NoChannel(name)),
            },
        }
    }

    fn create_channel(
        &self,
        name: ChannelName,
        new: NewChannel,
        now: Millis,
        change_ms: u64,
    ) -> Result<Change, Refused> {
        if self.living_channel(&name, now).is_ok() {
            return Err(Refused::Exists(name));
        }
        let stream = self.stream_for_channel(&new.stream, now)?;
        let region = name.region();
        let mates = self
            .channels()
            .filter(|channel| channel.name.region() == region);
        if mates.filter(|channel| !channel.is_gone(now)).count() >= limit::CHANNELS {
            return Err(Refused::TooMany);
        }
        let id = self.counters.next_channel + 1;
        let channel = new.into_channel(name, id, stream, now, change_ms)?;
        let mut change = self.with_channel(channel, true);
        change.catalog.counters.next_channel = id;
        let counters = put(CatalogKey::Counters, &change.catalog.counters);
        change.commit.puts.push(counters);
        Ok(change)
    }

    fn stream_for_channel(&self, name: &StreamName, now: Millis) -> Result<&Arc<Stream>, Refused> {
        let stream = self.streams.get(name).filter(|stream| !stream.is_gone(now));
        let stream = stream.ok_or_else(|| Refused::NoStream(name.clone()))?;
        match stream.status(now) {
            Status::Active | Status::Updating => {}
            status => {
                let stream = name.clone();
                return Err(Refused::StreamNotActive { stream, status });
            }
        }
        match stream.mode {
            StreamMode::OnDemand => Ok(stream),
            StreamMode::Provisioned => Err(Refused::NotOnDemand(name.clone())),
        }
    }

    fn living_channel(&self, name: &ChannelName, now: Millis) -> Result<&Arc<Channel>, Refused> {
        let channel = self.channels.get(name);
        let living = channel.filter(|channel| !channel.is_gone(now));
        living.ok_or_else(|| Refused::NoChannel(name.clone()))
    }

    fn active_channel(&self, name: &ChannelName, now: Millis) -> Result<&Arc<Channel>, Refused> {
        let channel = self.living_channel(name, now)?;
        match channel.status(now) {
            Status::Active => Ok(channel),
            status => Err(Refused::NotActive {
                channel: name.clone(),
                status,
            }),
        }
    }

    fn with_channel(&self, channel: Channel, created: bool) -> Change {
        let mut next = self.clone();
        let puts = vec![put(CatalogKey::Channel(channel.name.clone()), &channel)];
        next.channels
            .insert(channel.name.clone(), Arc::new(channel));
        Change::of(next, puts, created)
    }

    fn without_channel(&self, name: ChannelName) -> Change {
        let mut next = self.clone();
        next.channels.remove(&name);
        Change::of(next, vec![delete(CatalogKey::Channel(name))], false)
    }
}

impl NewChannel {
    fn into_channel(
        self,
        name: ChannelName,
        id: u64,
        stream: &Stream,
        now: Millis,
        change_ms: u64,
    ) -> Result<Channel, Refused> {
        let shown = public_id(&name, id, now);
        let mut tags = Tags::new();
        tags::Change::Add(self.tags).apply(&mut tags)?;
        let template = self.template.as_deref().unwrap_or(key_template::DEFAULT);
        let template: KeyTemplate = template.parse()?;
        let prefix = self.error_prefix;
        let prefix = prefix.unwrap_or_else(|| dead_letter::default_prefix(name.name(), &shown));
        let logging = Logging {
            enabled: false,
            group: format!("/aws/kinesis/{}/{shown}", name.name()),
            stream: "DestinationDelivery".to_owned(),
        };
        let mut settings = Settings {
            format: self.format,
            schema: self.schema,
            role: self.role,
            destination: Destination {
                dead_letters: DeadLetters {
                    bucket: self.dead_letters.unwrap_or_else(|| self.bucket.clone()),
                    prefix,
                },
                bucket: self.bucket,
                template,
                storage_class: self.storage_class,
                compression: self.compression,
                freshness_seconds: *limit::CHANNEL_FRESHNESS_SECONDS.start(),
            },
            encryption_key: self.encryption_key,
            logging,
        };
        let given = Update {
            freshness_seconds: self.freshness_seconds,
            logging: self.logging,
        };
        given.apply(&mut settings)?;
        let channel = Channel {
            name,
            id,
            stream: stream.name.clone(),
            stream_created: stream.created,
            created: now,
            transition: Transition::new(Status::Creating, now, change_ms),
            tags,
            settings,
            starts: self.starts,
        };
        channel.object_names(&shown).check()?;
        Ok(channel)
    }
}

impl Update {
    fn apply(self, settings: &mut Settings) -> Result<(), Refused> {
        if let Some(asked) = self.freshness_seconds {
            let seconds = u32::try_from(asked).ok();
            let allowed = seconds.filter(|s| limit::CHANNEL_FRESHNESS_SECONDS.contains(s));
            let seconds = allowed.ok_or(Refused::Freshness(asked))?;
            settings.destination.freshness_seconds = seconds;
        }
        let LoggingUpdate {
            enabled,
            group,
            stream,
        } = self.logging;
        let logging = &mut settings.logging;
        logging.enabled = enabled.unwrap_or(logging.enabled);
        if let Some(group) = group {
            logging.group = group;
        }
        if let Some(stream) = stream {
            logging.stream = stream;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
