//! Resharding: how many shards a stream has, and which.

pub(super) mod merge_shards;
pub(super) mod split_shard;
pub(super) mod update_shard_count;

use millstream_core::{
    catalog::{
        Change, Request, Stream, StreamChange,
        stream::reshard::{Reshard, ReshardRefused},
    },
    limit,
    name::StreamName,
};

use super::{call::Call, shard::shard_id};
use crate::error::Fault;

impl Call<'_> {
    /// Changes the shards of a stream.
    async fn reshard(&self, stream: &Stream, reshard: Reshard) -> Result<Change, Fault> {
        let request = Request::ChangeStream {
            name: stream.name.clone(),
            change: StreamChange::Reshard(reshard),
        };
        self.apply(request).await
    }

    /// The index of a shard that shall change. Amazon says the same of one that cannot be and of one
    /// that is not there.
    fn changed_shard(&self, stream: &Stream, id: &str) -> Result<u32, Fault> {
        let index = self.shard_index(stream, id)?;
        let mut shards = stream.shards.iter();
        let found = shards.find(|shard| shard.index == index);
        found
            .map(|shard| shard.index)
            .ok_or_else(|| self.no_shard(&stream.name, index))
    }

    fn no_shard(&self, stream: &StreamName, index: u32) -> Fault {
        Fault::UnreadableShard {
            shard: shard_id(index),
            stream: self.named(stream.name()),
        }
    }

    pub(super) fn reshard_fault(&self, stream: &StreamName, why: ReshardRefused) -> Fault {
        let named = self.named(stream.name());
        match why {
            ReshardRefused::NoShard(index) => self.no_shard(stream, index),
            ReshardRefused::Closed(index) => Fault::Argument(format!(
                "Shard {} in stream {named} has already been merged or split, \
                 and thus is not eligible for merging or splitting.",
                shard_id(index)
            )),
            ReshardRefused::SplitKey { at, shard } => Fault::SplitKey {
                at: at.0.to_string(),
                shard: shard.id(),
                stream: named,
                range: Box::new(shard.range),
            },
            ReshardRefused::NotAdjacent(low, high) => Fault::Argument(format!(
                "Shards {} and {} in stream {named} are not an adjacent pair of shards \
                 eligible for merging",
                shard_id(low),
                shard_id(high)
            )),
            ReshardRefused::OnDemand => Fault::Invalid(format!(
                "The shards of stream {named} cannot be changed in the ON_DEMAND capacity mode."
            )),
            ReshardRefused::Provisioned => Fault::Internal(why.to_string()),
            ReshardRefused::TooMany { open, target } => Fault::Limit(format!(
                "UpdateShardCount cannot scale up over double your current open shard count. \
                 Current open shard count: {open} Target shard count: {target}"
            )),
            ReshardRefused::TooFew { open, target } => Fault::Limit(format!(
                "UpdateShardCount cannot scale down below half your current open shard count. \
                 Current open shard count: {open} Target shard count: {target}"
            )),
            ReshardRefused::TooOften => Fault::Limit(format!(
                "Stream {named} was resized {} times within 24 hours, which is as often as it may be.",
                limit::RESIZES_A_DAY
            )),
        }
    }
}
