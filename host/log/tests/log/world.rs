//! The smallest world for a test: a data directory, and short forms of commits and reads.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use millstream_core::{
    block::{Block, BlockBuilder},
    port::{Append, Commit, Log as _, Put, ReadError, ReadLimits},
    position::{Position, ShardNumber},
};
use millstream_log::{Options, SqliteLog};
use tempfile::TempDir;

pub(crate) const ALL: ReadLimits = ReadLimits {
    records: usize::MAX,
    bytes: usize::MAX,
};

/// A data directory that goes with the test.
pub(crate) struct World(TempDir);

impl World {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn dir(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.dir().join("millstream.db")
    }

    /// Options under which nothing may end the test's process.
    pub(crate) fn options(&self) -> Options {
        let fatal = millstream_log::Fatal::new(|why| eprintln!("fatal: {why}"));
        Options {
            fatal,
            ..Options::new(self.dir())
        }
    }

    pub(crate) fn open(&self) -> SqliteLog {
        SqliteLog::open(self.options()).unwrap()
    }

    /// Without a tail in memory, so that every read goes to the disk.
    pub(crate) fn open_cold(&self) -> SqliteLog {
        SqliteLog::open(Options {
            tail_bytes: 0,
            ..self.options()
        })
        .unwrap()
    }
}

pub(crate) fn block(records: &[impl AsRef<str>]) -> Block {
    let mut builder = BlockBuilder::default();
    for record in records {
        builder.push("key", record.as_ref().as_bytes());
    }
    builder.finish().unwrap()
}

pub(crate) fn append(shard: u32, records: &[impl AsRef<str>]) -> Append {
    Append {
        shard: ShardNumber(shard),
        block: block(records),
    }
}

pub(crate) fn records(shard: u32, records: &[impl AsRef<str>]) -> Commit {
    Commit {
        appends: vec![append(shard, records)],
        ..Commit::default()
    }
}

pub(crate) fn put(key: &str, value: &str) -> Put {
    let (key, value) = (
        Bytes::copy_from_slice(key.as_bytes()),
        Bytes::copy_from_slice(value.as_bytes()),
    );
    Put {
        key,
        value: Some(value),
    }
}

pub(crate) fn delete(key: &str) -> Put {
    Put {
        key: Bytes::copy_from_slice(key.as_bytes()),
        value: None,
    }
}

/// Everything from `from` on, read page by page.
pub(crate) async fn read_from(
    log: &SqliteLog,
    shard: u32,
    mut from: Position,
    limits: ReadLimits,
) -> Result<Vec<(Position, String)>, ReadError> {
    let mut found = Vec::new();
    loop {
        let page = log.read(ShardNumber(shard), from, limits).await?;
        if page.slices.is_empty() {
            return Ok(found);
        }
        from = page.next(from);
        for slice in &page.slices {
            for i in slice.range.clone() {
                let data = String::from_utf8(slice.block.datum(i).to_vec()).unwrap();
                found.push((slice.base.plus(i.into()), data));
            }
        }
    }
}

/// All data of a shard.
pub(crate) async fn contents(log: &SqliteLog, shard: u32) -> Vec<String> {
    let all = read_from(log, shard, Position::START, ALL).await.unwrap();
    all.into_iter().map(|(_, data)| data).collect()
}
