//! What can be asked of the running channels.

use std::fmt;

/// The channels that deliver to object storage.
pub trait Channels: Send + Sync + fmt::Debug + 'static {
    /// Why the channel of that number delivers nothing, where somebody must do something about it.
    fn failure(&self, channel: u64) -> Option<String>;
}
