//! Closed shards go once all their records have expired, with what their readers kept of them.

use std::sync::Arc;

use crate::{
    catalog::{
        Catalog, Stream,
        change::{Change, put},
        key::{self, CatalogKey},
        stream::Shard,
    },
    position::ShardNumber,
    time::Millis,
};

impl Stream {
    /// The closed shards that have been closed for longer than records are kept.
    pub fn expired_shards(&self, now: Millis) -> impl Iterator<Item = &Shard> {
        let horizon = self.horizon(now);
        let expired = move |shard: &&Shard| shard.closed.is_some_and(|closed| closed < horizon);
        self.shards.iter().filter(expired)
    }
}

impl Catalog {
    /// Removes those of `shards` that are expired; whether they still hold records is the shell's
    /// business.
    pub(super) fn expire_shards(&self, mut stream: Stream, shards: &[u32], now: Millis) -> Change {
        let expired = stream.expired_shards(now);
        let goes = expired.filter(|shard| shards.contains(&shard.index));
        let goes: Vec<ShardNumber> = goes.map(|shard| shard.number).collect();
        stream.shards.retain(|shard| !goes.contains(&shard.number));
        let name = stream.name.clone();
        let triggers = self
            .triggers
            .values()
            .filter(|trigger| trigger.settings.stream == name);
        let ids: Vec<u64> = triggers.map(|trigger| trigger.id).collect();
        let channels: Vec<u64> = self.channels_of(&name).map(|channel| channel.id).collect();
        let kept = |shard: &ShardNumber| {
            let lanes = ids
                .iter()
                .flat_map(|&id| [key::state(id, *shard, ""), key::lane(id, *shard)]);
            let positions = channels.iter();
            let positions = positions.map(|&id| key::channel_position(id, *shard));
            lanes.chain(positions).collect::<Vec<_>>()
        };
        let orphans = goes.iter().flat_map(kept).collect();
        let mut next = self.clone();
        let puts = vec![put(CatalogKey::Stream(name.clone()), &stream)];
        next.streams.insert(name, Arc::new(stream));
        let mut change = Change::of(next, puts, false);
        change.commit.drops = goes;
        change.orphans = orphans;
        change
    }
}
