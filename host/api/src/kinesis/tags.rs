//! Tags of streams, consumers, channels and queues.

pub(super) mod add_tags_to_stream;
pub(super) mod list_tags_for_resource;
pub(super) mod list_tags_for_stream;
pub(super) mod remove_tags_from_stream;
pub(super) mod tag_resource;
