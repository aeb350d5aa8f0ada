//! The Kinesis API over the model: every action, every error, every edge.

mod cbor;
mod channel;
pub(crate) mod client;
mod codec_cost;
mod faults;
mod front_door;
mod get_records;
mod iterators;
mod limits;
mod malformed;
mod monitoring;
mod put_record;
mod put_records;
mod queue;
mod reshard;
mod settings;
mod shards;
mod signatures;
mod streams;
mod subscribe;
