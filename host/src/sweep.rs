//! Removes what deleted triggers left behind: their lanes' checkpoints, their functions' state and the
//! marks of their letters; the positions of deleted channels; all of these of shards that expired; and
//! what deleted queues had delivered.
//!
//! Invariant: a trigger's lanes go after its state. While anything of a deleted trigger is left, its
//! lanes are, so the next start finds them and goes on.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bytes::Bytes;
use millstream_core::{
    catalog::{Catalog, key},
    name::StreamName,
    port::{Commit, CommitError, ControlError, Log, Put, ReadError},
    position::ShardNumber,
    queue::entry,
};
use thiserror::Error;

/// Keys that one commit removes at most, well below [`millstream_core::limit::COMMIT_OPERATIONS`].
const KEYS_A_COMMIT: usize = 800;

/// Keys that are looked at in one step.
const KEYS_A_PAGE: usize = 10_000;

#[derive(Debug, Error)]
enum SweepError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// Removes all keys under `prefixes`. A failure is logged; the next start tries again.
pub(crate) async fn remove(log: Arc<dyn Log>, prefixes: Vec<Bytes>) {
    match remove_all(log.as_ref(), lanes_last(prefixes)).await {
        Ok(keys) => tracing::debug!(keys, "removed what was left of something deleted"),
        Err(error) => {
            tracing::warn!(%error, "what is left of something deleted is removed at the next start");
        }
    }
}

/// The prefixes of triggers and of their shards that have lanes in the log but are not in `catalog`,
/// and those of channels and queues.
pub(crate) async fn orphans(log: &dyn Log, catalog: &Catalog) -> Result<Vec<Bytes>, ReadError> {
    let mut orphans = Vec::new();
    let triggers = catalog.triggers();
    let triggers = triggers.map(|trigger| (trigger.id, &trigger.settings.stream));
    for gone in gone(log, key::LANES, readers(catalog, triggers)).await? {
        orphans.extend(match gone {
            Gone::Whole(id) => [key::states_of(id), key::lanes_of(id)],
            Gone::Shard(id, shard) => [key::state(id, shard, ""), key::lane(id, shard)],
        });
    }
    // Of any stream: a trigger's letters may have gone to another one before.
    let ids: BTreeSet<u64> = catalog.triggers().map(|trigger| trigger.id).collect();
    let shards = catalog.streams().flat_map(|stream| &stream.shards);
    let shards: BTreeSet<ShardNumber> = shards.map(|shard| shard.number).collect();
    let judge = |id, shard| match ids.contains(&id) {
        true => (!shards.contains(&shard)).then_some(Gone::Shard(id, shard)),
        false => Some(Gone::Whole(id)),
    };
    for gone in gone(log, key::REDRIVEN, judge).await? {
        orphans.push(match gone {
            Gone::Whole(id) => key::redriven_of(id),
            Gone::Shard(id, shard) => key::redriven_of_shard(id, shard),
        });
    }
    let channels = catalog.channels().filter(|channel| !channel.is_deleted());
    let channels = channels.map(|channel| (channel.id, &channel.stream));
    for gone in gone(log, key::CHANNELS, readers(catalog, channels)).await? {
        orphans.push(match gone {
            Gone::Whole(id) => key::channel_positions_of(id),
            Gone::Shard(id, shard) => key::channel_position(id, shard),
        });
    }
    // Not looked for here: a queue may have much, and what is gone has mostly nothing left.
    orphans.extend(catalog.former_queues().map(entry::queue_of));
    Ok(orphans)
}

/// Something that left keys behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Gone {
    /// A trigger or a channel.
    Whole(u64),
    /// The shard of one that is there.
    Shard(u64, ShardNumber),
}

/// What is gone of triggers or channels, by their ids and the streams that they read.
fn readers<'a>(
    catalog: &Catalog,
    readers: impl Iterator<Item = (u64, &'a StreamName)>,
) -> impl Fn(u64, ShardNumber) -> Option<Gone> {
    let shards = |stream: &StreamName| -> BTreeSet<ShardNumber> {
        let stream = catalog.stream(stream.as_str());
        let shards = stream.into_iter().flat_map(|stream| &stream.shards);
        shards.map(|shard| shard.number).collect()
    };
    let readers = readers.map(|(id, stream)| (id, shards(stream)));
    let known: BTreeMap<u64, BTreeSet<ShardNumber>> = readers.collect();
    move |id, shard| match known.get(&id) {
        None => Some(Gone::Whole(id)),
        Some(shards) => (!shards.contains(&shard)).then_some(Gone::Shard(id, shard)),
    }
}

/// What the keys of that family belong to that `judge` finds to be gone.
async fn gone(
    log: &dyn Log,
    family: &'static [u8],
    judge: impl Fn(u64, ShardNumber) -> Option<Gone>,
) -> Result<BTreeSet<Gone>, ReadError> {
    let (mut gone, mut after) = (BTreeSet::new(), None);
    loop {
        let keys = log.keys(family.into(), after, KEYS_A_PAGE).await?;
        let owners = keys.iter().filter_map(|key| owner(key, family));
        gone.extend(owners.filter_map(|(id, shard)| judge(id, shard)));
        after = keys.last().cloned();
        if after.is_none() {
            return Ok(gone);
        }
    }
}

/// The trigger or channel that a key of that family names, and the shard.
fn owner(key: &[u8], family: &[u8]) -> Option<(u64, ShardNumber)> {
    let (id, rest) = key.strip_prefix(family)?.split_first_chunk::<8>()?;
    let shard = rest.first_chunk::<4>()?;
    let shard = ShardNumber(u32::from_be_bytes(*shard));
    Some((u64::from_be_bytes(*id), shard))
}

/// Removes all keys under `prefixes`, and says so when they are gone.
pub(crate) async fn forget(log: &dyn Log, prefixes: Vec<Bytes>) -> Result<(), ControlError> {
    match remove_all(log, prefixes).await {
        Ok(_) => Ok(()),
        Err(SweepError::Read(error)) => Err(error.into()),
        Err(SweepError::Commit(error)) => Err(error.into()),
    }
}

fn lanes_last(mut prefixes: Vec<Bytes>) -> Vec<Bytes> {
    prefixes.sort_by_key(|prefix| prefix.starts_with(key::LANES));
    prefixes
}

async fn remove_all(log: &dyn Log, prefixes: Vec<Bytes>) -> Result<usize, SweepError> {
    let mut removed = 0;
    for prefix in prefixes {
        let mut after = None;
        loop {
            let keys = log.keys(prefix.clone(), after, KEYS_A_COMMIT).await?;
            after = keys.last().cloned();
            if after.is_none() {
                break;
            }
            removed += keys.len();
            let delete = |key| Put { key, value: None };
            let commit = Commit {
                puts: keys.into_iter().map(delete).collect(),
                ..Commit::default()
            };
            let _removed = log.commit(commit).await?;
        }
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_names_its_trigger() {
        let lane = |key: &[u8]| owner(key, key::LANES);
        assert_eq!(
            lane(&key::lane(7, ShardNumber(3))),
            Some((7, ShardNumber(3)))
        );
        assert_eq!(lane(b"l/short"), None);
        assert_eq!(lane(&key::states_of(7)), None);
        let position = key::channel_position(7, ShardNumber(3));
        let whose = owner(&position, key::CHANNELS);
        assert_eq!(whose, Some((7, ShardNumber(3))));
    }

    #[test]
    fn lanes_go_after_state() {
        let order = lanes_last(vec![key::lanes_of(1), key::states_of(1)]);
        assert_eq!(order, [key::states_of(1), key::lanes_of(1)]);
    }
}
