//! Tags of streams, consumers, channels and queues.

pub(super) mod add_tags_to_stream;
pub(super) mod list_tags_for_resource;
pub(super) mod list_tags_for_stream;
pub(super) mod remove_tags_from_stream;
pub(super) mod tag_resource;
pub(super) mod untag_resource;

use serde::Serialize;

/// A tag as answers show it.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct TagView<'a> {
    key: &'a str,
    value: &'a str,
}

impl<'a> TagView<'a> {
    fn of((key, value): (&'a String, &'a String)) -> Self {
        Self { key, value }
    }
}
