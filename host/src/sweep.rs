//! Removes what deleted triggers left behind: their lanes' checkpoints and their functions' state.
//!
//! Invariant: a trigger's lanes go after its state. While anything of a deleted trigger is left, its
//! lanes are, so the next start finds them and goes on.

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;
use millstream_core::{
    catalog::{Catalog, key},
    port::{Commit, CommitError, Log, Put, ReadError},
};
use thiserror::Error;

/// Keys that one commit removes at most, well below [`millstream_core::limit::COMMIT_OPERATIONS`].
const KEYS_A_COMMIT: usize = 800;

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
        Ok(keys) => tracing::debug!(keys, "removed what a deleted trigger left"),
        Err(error) => {
            tracing::warn!(%error, "what a deleted trigger left is removed at the next start");
        }
    }
}

/// The prefixes of triggers that have lanes in the log but are not in `catalog`.
pub(crate) async fn orphans(log: &dyn Log, catalog: &Catalog) -> Result<Vec<Bytes>, ReadError> {
    let known: BTreeSet<u64> = catalog.triggers().map(|trigger| trigger.id).collect();
    let lanes = log.scan(key::LANES.into()).await?;
    let ids: BTreeSet<u64> = lanes.iter().filter_map(|(key, _)| owner(key)).collect();
    let gone = ids.difference(&known);
    Ok(gone
        .flat_map(|&id| [key::states_of(id), key::lanes_of(id)])
        .collect())
}

/// The trigger whose lane a key names.
fn owner(lane: &[u8]) -> Option<u64> {
    let id = lane.strip_prefix(key::LANES)?.first_chunk::<8>()?;
    Some(u64::from_be_bytes(*id))
}

fn lanes_last(mut prefixes: Vec<Bytes>) -> Vec<Bytes> {
    prefixes.sort_by_key(|prefix| prefix.starts_with(key::LANES));
    prefixes
}

async fn remove_all(log: &dyn Log, prefixes: Vec<Bytes>) -> Result<usize, SweepError> {
    let mut removed = 0;
    for prefix in prefixes {
        let keys = log.scan(prefix).await?;
        for some in keys.chunks(KEYS_A_COMMIT) {
            let delete = |(key, _): &(Bytes, Bytes)| Put {
                key: key.clone(),
                value: None,
            };
            let commit = Commit {
                puts: some.iter().map(delete).collect(),
                ..Commit::default()
            };
            let _removed = log.commit(commit).await?;
            removed += some.len();
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
        assert_eq!(owner(&key::lane(7, ShardNumber(3))), Some(7));
        assert_eq!(owner(b"l/short"), None);
        assert_eq!(owner(&key::states_of(7)), None);
    }

    #[test]
    fn lanes_go_after_state() {
        let order = lanes_last(vec![key::lanes_of(1), key::states_of(1)]);
        assert_eq!(order, [key::states_of(1), key::lanes_of(1)]);
    }
}
