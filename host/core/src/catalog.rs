//! Everything that exists: streams, functions, triggers; and what a change to it may be.
//!
//! [`Catalog::decide`] is pure: it gives the next catalog and the keys to write, or the reason why not.
//! The shell commits the keys and only then shows the new catalog.

pub mod change;
pub mod function;
pub mod key;
pub mod stream;
pub mod trigger;

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use thiserror::Error;

pub use self::{
    change::{Change, Refused, Request},
    function::Function,
    stream::{Shard, Stream, StreamStatus},
    trigger::{StartingPosition, Trigger, TriggerSettings},
};
use crate::name::{FunctionName, StreamName, TriggerName};

/// A snapshot of everything that exists. Clones are cheap: entries are shared.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    pub(crate) streams: BTreeMap<StreamName, Arc<Stream>>,
    pub(crate) functions: BTreeMap<FunctionName, Arc<Function>>,
    pub(crate) triggers: BTreeMap<TriggerName, Arc<Trigger>>,
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

    /// All streams, by name.
    pub fn streams(&self) -> impl DoubleEndedIterator<Item = &Arc<Stream>> {
        self.streams.values()
    }

    /// Streams whose names come after `name`.
    pub fn streams_after(&self, name: &str) -> impl Iterator<Item = &Arc<Stream>> {
        use std::ops::Bound;
        self.streams
            .range::<str, _>((Bound::Excluded(name), Bound::Unbounded))
            .map(|(_, s)| s)
    }

    /// The function of that name.
    #[must_use]
    pub fn function(&self, name: &str) -> Option<&Arc<Function>> {
        self.functions.get(name)
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
