//! Removes what deleted triggers left behind: their lanes' checkpoints and their functions' state;
//! the positions of deleted channels; and what deleted queues had delivered.
//!
//! Invariant: a trigger's lanes go after its state. While anything of a deleted trigger is left, its
//! lanes are, so the next start finds them and goes on.

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;
use millstream_core::{
    catalog::{Catalog, key},
    port::{Commit, CommitError, Log, Put, ReadError},
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

/// The prefixes of triggers that have lanes in the log but are not in `catalog`, and those of
/// channels and queues.
pub(crate) async fn orphans(log: &dyn Log, catalog: &Catalog) -> Result<Vec<Bytes>, ReadError> {
    let known: BTreeSet<u64> = catalog.triggers().map(|trigger| trigger.id).collect();
    let lanes = owners(log, key::LANES).await?;
    let mut orphans: Vec<Bytes> = lanes
        .difference(&known)
        .copied()
        .flat_map(|id| [key::states_of(id), key::lanes_of(id)])
        .collect();
    let channels = catalog.channels().filter(|channel| !channel.is_deleted());
    let known: BTreeSet<u64> = channels.map(|channel| channel.id).collect();
    let positions = owners(log, key::CHANNELS).await?;
    let gone = positions.difference(&known).copied();
    orphans.extend(gone.map(key::channel_positions_of));
    // Not looked for here: a queue may have much, and what is gone has mostly nothing left.
    orphans.extend(catalog.former_queues().map(entry::queue_of));
    Ok(orphans)
}

/// The ids that the keys of that family name.
async fn owners(log: &dyn Log, family: &'static [u8]) -> Result<BTreeSet<u64>, ReadError> {
    let (mut ids, mut after) = (BTreeSet::new(), None);
    loop {
        let keys = log.keys(family.into(), after, KEYS_A_PAGE).await?;
        ids.extend(keys.iter().filter_map(|key| owner(key, family)));
        after = keys.last().cloned();
        if after.is_none() {
            return Ok(ids);
        }
    }
}

/// The trigger or channel that a key of that family names.
fn owner(key: &[u8], family: &[u8]) -> Option<u64> {
    let id = key.strip_prefix(family)?.first_chunk::<8>()?;
    Some(u64::from_be_bytes(*id))
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
    use millstream_core::position::ShardNumber;

    use super::*;

    #[test]
    fn a_lane_names_its_trigger() {
        let lane = |key: &[u8]| owner(key, key::LANES);
        assert_eq!(lane(&key::lane(7, ShardNumber(3))), Some(7));
        assert_eq!(lane(b"l/short"), None);
        assert_eq!(lane(&key::states_of(7)), None);
        let position = key::channel_position(7, ShardNumber(3));
        assert_eq!(owner(&position, key::CHANNELS), Some(7));
    }

    #[test]
    fn lanes_go_after_state() {
        let order = lanes_last(vec![key::lanes_of(1), key::states_of(1)]);
        assert_eq!(order, [key::states_of(1), key::lanes_of(1)]);
    }
}
