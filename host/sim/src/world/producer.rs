//! Who puts records: a client that knows the shards as they were a moment ago, and tries again where
//! it is told that nothing was written.

use std::{sync::Arc, time::Duration};

use millstream_core::{
    block::Block,
    port::{Append, Commit, CommitError},
    put::route::route,
};
use tokio::time::sleep;

use crate::{ground::Ground, scenario::STREAMS};

/// How often a client tries.
const TRIES: u64 = 40;

pub(super) async fn produce(ground: Arc<Ground>, stream: usize, block: Block) {
    for turn in 0..TRIES {
        let reply = {
            let mut inner = ground.lock();
            let catalog = Arc::clone(&inner.catalog);
            let stream = catalog.stream(STREAMS[stream]).filter(|_| inner.is_alive());
            stream.map(|stream| {
                let routed = route(stream, block.clone(), turn).into_iter();
                let appends = routed.map(|(shard, block)| Append { shard, block });
                inner.submit(Commit {
                    appends: appends.collect(),
                    ..Commit::default()
                })
            })
        };
        if let Some(reply) = reply {
            ground.waits.notify_waiters();
            match reply.await {
                Ok(Err(CommitError::Full | CommitError::Busy | CommitError::Closed(_))) => {}
                // It is there, or nobody knows; then it is not put twice.
                _ => return,
            }
        }
        sleep(Duration::from_millis(50 << turn.min(6))).await;
    }
}
