//! The host's side of `wit/`, generated, in a crate of its own so that it compiles once.
//!
//! It knows the shapes and nothing else: no limits, no records, no decisions.
//! One shape is written by hand: [`Batch`], which lowers borrowed columns, so that a batch is
//! copied once, straight into the guest.

use wasmtime::component::{ComponentType, Lower};

/// World `handler`, and the interfaces that both worlds share.
pub mod handler {
    wasmtime::component::bindgen!({
        path: "../../../wit",
        world: "millstream:function/handler",
        imports: {
            "millstream:function/runtime.get-many": async | trappable,
            default: trappable,
        },
        exports: { default: async },
    });
}

/// World `record-handler`.
pub mod record_handler {
    wasmtime::component::bindgen!({
        path: "../../../wit",
        world: "millstream:function/record-handler",
        imports: { default: trappable },
        exports: { default: async },
        with: {
            "millstream:function/types": crate::handler::millstream::function::types,
            "millstream:function/runtime": crate::handler::millstream::function::runtime,
        },
    });
}

pub use handler::millstream::function::{runtime, types};

/// `types.batch` of `wit/`, with its columns borrowed.
#[derive(Debug, Clone, Copy, ComponentType, Lower)]
#[component(record)]
pub struct Batch<'a> {
    /// The stream that the records come from.
    pub stream: &'a str,
    /// The shard, as Kinesis writes it.
    #[component(name = "shard-id")]
    pub shard_id: &'a str,
    /// Which upload of the function this is.
    #[component(name = "function-version")]
    pub function_version: u64,
    /// 1 for the first try.
    pub attempt: u32,
    /// Position of each record.
    #[component(name = "sequence-numbers")]
    pub sequence_numbers: &'a [u64],
    /// Arrival of each record.
    #[component(name = "arrival-ms")]
    pub arrival_ms: &'a [u64],
    /// Exclusive end of each key.
    #[component(name = "key-ends")]
    pub key_ends: &'a [u32],
    /// All keys.
    pub keys: &'a [u8],
    /// Exclusive end of each record's data.
    #[component(name = "data-ends")]
    pub data_ends: &'a [u32],
    /// All data.
    pub data: &'a [u8],
}

/// `types.event` of `wit/`, borrowed.
#[derive(Debug, Clone, Copy, ComponentType, Lower)]
#[component(record)]
pub struct Event<'a> {
    /// What the producer gave as the partition key.
    #[component(name = "partition-key")]
    pub partition_key: &'a str,
    /// Position of the record.
    #[component(name = "sequence-number")]
    pub sequence_number: u64,
    /// When it arrived.
    #[component(name = "arrival-ms")]
    pub arrival_ms: u64,
    /// What the producer gave as data.
    pub data: &'a [u8],
}
