//! The shard log in SQLite: records and keys that are durable when their commit has been answered.
//!
//! Sole owner of `rusqlite`. Knows shards, blocks, positions and keys; knows no stream, function,
//! trigger or protocol. `host/docs/FORMAT.md` has the bytes and the promises.
//! The modules below stand in the order in which a commit meets them.

mod error;
mod null;
mod options;

mod connect;
mod lock;
mod open;
mod schema;
mod watermark;

mod queue;
mod writer;

mod group;
mod retention;
mod row;

mod checkpoint;
mod reserve;
mod room;
mod stats;

mod shard;
mod tail;

mod key_value;
mod reader;
mod recent;

mod backup;
mod check;
mod log;

pub use self::{
    backup::BackupReport,
    check::{CheckReport, check, check_with},
    error::{BackupError, CheckError, OpenError},
    log::SqliteLog,
    null::NullLog,
    options::{Durability, Fatal, Options},
    stats::{Latency, Stats},
};
