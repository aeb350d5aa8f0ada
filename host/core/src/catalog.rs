//! Everything that exists: streams, functions, triggers; and what a change to it may be.
//!
//! [`Catalog::decide`] is pure: it gives the next catalog and the keys to write, or the reason why not.
//! The shell commits the keys and only then shows the new catalog.

pub mod account;
pub mod change;
pub mod channel;
pub mod function;
pub mod key;
pub mod queue;
pub mod stream;
pub mod trigger;

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use thiserror::Error;

pub use self::{
    account::Account,
    change::{Change, Refused, Request, Rules, StreamChange},
    channel::Channel,
    function::{Function, Qualifier, Route},
    queue::Queue,
    stream::{NewStream, Shard, Status, Stream, Transition},
    trigger::{FunctionResponseType, StartingPosition, Trigger, TriggerSettings},
};
use crate::{
    name::{ChannelName, FunctionName, QueueName, StreamName, TriggerName},
    time::Millis,
};

/// A snapshot of everything that exists. Clones are cheap: entries are shared.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    pub(crate) streams: BTreeMap<StreamName, Arc<Stream>>,
    pub(crate) functions: BTreeMap<FunctionName, Arc<Function>>,
    pub(crate) triggers: BTreeMap<TriggerName, Arc<Trigger>>,
    pub(crate) queues: BTreeMap<QueueName, Arc<Queue>>,
    pub(crate) channels: BTreeMap<ChannelName, Arc<Channel>>,
    pub(crate) account: Account,
    pub(crate) counters: key::Counters,
}

/// Stored catalog entries that this program cannot read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the catalog entry {key:?} is not readable: {what}")]
pub struct UnreadableCatalogError {
    /// Its key, for people.
    pub key: String,
    /// What does not hold.
    pub what: String,
}

impl Catalog {
    /// From the stored entries under [`key::CATALOG`].
    ///
    /// # Errors
    /// When an entry is not what this program writes.
    pub fn load(
        entries: impl IntoIterator<Item = (Bytes, Bytes)>,
    ) -> Result<Self, UnreadableCatalogError> {
        let mut catalog = Self::default();
        for (key, value) in entries {
            let unreadable = |what: String| UnreadableCatalogError {
                key: String::from_utf8_lossy(&key).into_owned(),
                what,
            };
            let json = |error: serde_json::Error| unreadable(error.to_string());
            match key::CatalogKey::parse(&key).ok_or_else(|| unreadable("unknown key".into()))? {
                key::CatalogKey::Stream(name) => {
                    let stream = serde_json::from_slice(&value).map_err(json)?;
                    catalog.streams.insert(name, Arc::new(stream));
                }
                key::CatalogKey::Function(name) => {
                    let function = serde_json::from_slice(&value).map_err(json)?;
                    catalog.functions.insert(name, Arc::new(function));
                }
                key::CatalogKey::Trigger(name) => {
                    let trigger = serde_json::from_slice(&value).map_err(json)?;
                    catalog.triggers.insert(name, Arc::new(trigger));
                }
                key::CatalogKey::Queue(name) => {
                    let queue = serde_json::from_slice(&value).map_err(json)?;
                    catalog.queues.insert(name, Arc::new(queue));
                }
                key::CatalogKey::Channel(name) => {
                    let channel = serde_json::from_slice(&value).map_err(json)?;
                    catalog.channels.insert(name, Arc::new(channel));
                }
                key::CatalogKey::Account => {
                    catalog.account = serde_json::from_slice(&value).map_err(json)?;
                }
                key::CatalogKey::Counters => {
                    catalog.counters = serde_json::from_slice(&value).map_err(json)?;
                }
            }
        }
        Ok(catalog)
    }

    /// The stream of that name.
    #[must_use]
    pub fn stream(&self, name: &str) -> Option<&Arc<Stream>> {
        self.streams.get(name)
    }

    /// The stream of that name, where it holds records: one that was deleted shows for a while.
    #[must_use]
    pub fn living(&self, name: &str) -> Option<&Arc<Stream>> {
        self.stream(name).filter(|stream| !stream.is_deleted())
    }

    /// All streams, by name.
    pub fn streams(&self) -> impl DoubleEndedIterator<Item = &Arc<Stream>> {
        self.streams.values()
    }

    /// The streams of a region by name, without those that are gone at `now`; none is the host's own.
    pub fn streams_of<'a>(
        &'a self,
        region: Option<&'a str>,
        now: Millis,
    ) -> impl Iterator<Item = &'a Arc<Stream>> {
        self.streams
            .values()
            .filter(move |stream| stream.name.region() == region && !stream.is_gone(now))
    }

    /// The queue of that name.
    #[must_use]
    pub fn queue(&self, name: &str) -> Option<&Arc<Queue>> {
        self.queues.get(name)
    }

    /// All queues, by name.
    pub fn queues(&self) -> impl Iterator<Item = &Arc<Queue>> {
        self.queues.values()
    }

    /// The queues that deliver the records of `stream`.
    pub fn queues_of<'a>(&'a self, stream: &'a StreamName) -> impl Iterator<Item = &'a Arc<Queue>> {
        self.queues().filter(move |queue| queue.stream == *stream)
    }

    /// The channel of that name.
    #[must_use]
    pub fn channel(&self, name: &str) -> Option<&Arc<Channel>> {
        self.channels.get(name)
    }

    /// All channels, by name.
    pub fn channels(&self) -> impl Iterator<Item = &Arc<Channel>> {
        self.channels.values()
    }

    /// The channels that deliver the records of `stream`.
    pub fn channels_of<'a>(
        &'a self,
        stream: &'a StreamName,
    ) -> impl Iterator<Item = &'a Arc<Channel>> {
        self.channels()
            .filter(move |channel| channel.stream == *stream && !channel.is_deleted())
    }

    /// The settings of the account.
    #[must_use]
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// The function of that name.
    #[must_use]
    pub fn function(&self, name: &str) -> Option<&Arc<Function>> {
        self.functions.get(name)
    }

    /// What a trigger with these settings calls; nothing where that does not exist.
    #[must_use]
    pub fn callee(&self, settings: &TriggerSettings) -> Option<Route<'_>> {
        let function = self.functions.get(&settings.function)?;
        function::route(function, settings.qualifier.as_ref())
    }

    /// All functions, by name.
    pub fn functions(&self) -> impl Iterator<Item = &Arc<Function>> {
        self.functions.values()
    }

    /// The trigger of that name.
    #[must_use]
    pub fn trigger(&self, name: &str) -> Option<&Arc<Trigger>> {
        self.triggers.get(name)
    }

    /// All triggers, by name.
    pub fn triggers(&self) -> impl Iterator<Item = &Arc<Trigger>> {
        self.triggers.values()
    }
}
