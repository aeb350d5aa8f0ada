//! Resource policies of streams and consumers.

pub(super) mod delete_resource_policy;
pub(super) mod get_resource_policy;
pub(super) mod put_resource_policy;
