//! Channels: a stream delivered to object storage.

pub(super) mod create_channel;
pub(super) mod delete_channel;
pub(super) mod describe_channel;
pub(super) mod list_channels;
pub(super) mod update_channel;
