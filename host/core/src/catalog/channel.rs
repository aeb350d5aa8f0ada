//! A channel: what delivers a stream's records to object storage.

use serde::{Deserialize, Serialize};

use super::stream::{Tags, Transition};
use crate::{
    name::{ChannelName, StreamName},
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
    /// When it was created.
    pub created: Millis,
    /// The newest change, while it shows.
    #[serde(default)]
    pub transition: Option<Transition>,
    /// Its tags.
    #[serde(default)]
    pub tags: Tags,
}
