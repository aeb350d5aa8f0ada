//! A queue: what delivers a stream's records to any number of workers.

use serde::{Deserialize, Serialize};

use super::stream::{Tags, Transition};
use crate::{
    name::{QueueName, StreamName},
    time::Millis,
};

/// A queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queue {
    /// Its name.
    pub name: QueueName,
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
