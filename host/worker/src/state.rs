//! What a function remembers on its shard, read from the log. Only the lane's own commits write it,
//! so it does not change while the function runs.

use std::sync::Arc;

use bytes::Bytes;
use millstream_core::{
    catalog::key,
    port::{Later, Log, ReadError, State},
    position::ShardNumber,
};

#[derive(Debug)]
pub(crate) struct LaneState {
    pub(crate) log: Arc<dyn Log>,
    pub(crate) trigger: u64,
    pub(crate) shard: ShardNumber,
}

impl State for LaneState {
    fn get_many(&self, keys: Vec<String>) -> Later<'static, Result<Vec<Option<Bytes>>, ReadError>> {
        let stored = keys
            .iter()
            .map(|name| key::state(self.trigger, self.shard, name));
        self.log.get_many(stored.collect())
    }
}
