//! From a consumer's wish to a place in a shard: iterators, and what a page says of the tail.

pub mod iterator;
pub mod page;
pub mod quota;
pub mod subscription;
pub mod token;
