//! Opening a data directory with many shards.

use std::time::Instant;

use anyhow::Result;
use millstream_core::{
    block::Block,
    port::{Append, Commit, Log as _},
    position::ShardNumber,
};
use millstream_log::{Options, SqliteLog};

use crate::{Setting, block};

/// How long opening takes with many shards and a gigabyte of blocks.
pub(crate) fn opens(setting: &Setting) -> Result<()> {
    let dir = tempfile::tempdir_in(".")?;
    let options = || Options {
        page_bytes: setting.page,
        ..Options::new(dir.path())
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let log = SqliteLog::open(options())?;
    let (small, large) = (block(10, 100), block(500, 1024));
    let commit = |shards: std::ops::Range<u32>, block: &Block| {
        let append = |shard| Append {
            shard: ShardNumber(shard),
            block: block.clone(),
        };
        let appends = shards.map(append).collect();
        runtime.block_on(log.commit(Commit {
            appends,
            ..Commit::default()
        }))
    };
    for _ in 0..2 {
        for first in (0..10_000).step_by(500) {
            commit(first..first + 500, &small)?.into_inner();
        }
    }
    for _ in 0..100 {
        commit(0..20, &large)?.into_inner();
    }
    log.close();
    for _ in 0..setting.rounds {
        let began = Instant::now();
        let log = SqliteLog::open(options())?;
        println!(
            "opened 10,000 shards and {} MiB in {:.0} ms",
            log.stats().database_bytes >> 20,
            began.elapsed().as_secs_f64() * 1e3
        );
    }
    Ok(())
}
