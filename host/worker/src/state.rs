//! What a function remembers on its shard, read from the log. Only the shard's own lanes write it:
//! where there is one, it does not change while the function runs; where there are several, what the
//! function reads is noted.

use std::sync::Arc;

use bytes::Bytes;
use millstream_core::{
    catalog::key,
    port::{Later, Log, ReadError, State},
    position::ShardNumber,
};

use crate::lane::turn::Noted;

#[derive(Debug)]
pub(crate) struct LaneState {
    pub(crate) log: Arc<dyn Log>,
    pub(crate) trigger: u64,
    pub(crate) shard: ShardNumber,
    /// What is read; none where nobody else writes it.
    pub(crate) noted: Option<Noted>,
}

impl State for LaneState {
    fn get_many(&self, keys: Vec<String>) -> Later<'static, Result<Vec<Option<Bytes>>, ReadError>> {
        if let Some(noted) = &self.noted {
            noted.add(&keys);
        }
        let stored = keys
            .iter()
            .map(|name| key::state(self.trigger, self.shard, name));
        self.log.get_many(stored.collect())
    }
}
