//! Making durable what is planned on the catalog: planned again where a shard was closed under it.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use millstream_core::{
    catalog::{Catalog, key},
    port::{Commit, CommitError},
};

use crate::world::World;

/// How often something is planned anew because a shard was closed under it.
const PLANS: usize = 8;
/// How long the news of a closed shard may take.
const NEWS: Duration = Duration::from_millis(500);

/// Commits what `plan` gives, as soon as what took a closed shard's place is known.
pub(crate) async fn settle<E: From<CommitError>>(
    world: &World,
    plan: impl Fn(&Catalog) -> Result<Commit, E>,
) -> Result<(), E> {
    let mut catalogs = world.catalog.subscribe();
    let mut plans = 1;
    loop {
        let catalog = Arc::clone(&catalogs.borrow_and_update());
        let commit = plan(&catalog)?;
        let entries = entries(&commit);
        let result = world.log.commit(commit).await;
        if let (Some(outbox), Some(entries)) = (&world.options.outbox, entries)
            && may_be_durable(&result)
        {
            outbox.filled(entries);
        }
        match result {
            Ok(_durable) => return Ok(()),
            Err(CommitError::Closed(_)) if plans < PLANS => {
                plans += 1;
                // Where no news come in time, it is tried again later by whoever asked for it.
                let _ = tokio::time::timeout(NEWS, catalogs.changed()).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// The failure records that a commit hands over, by their keys.
fn entries(commit: &Commit) -> Option<Vec<Bytes>> {
    let keys = commit.puts.iter().map(|put| &put.key);
    let entries: Vec<Bytes> = keys
        .filter(|key| key.starts_with(key::OUTBOX))
        .cloned()
        .collect();
    (!entries.is_empty()).then_some(entries)
}

fn may_be_durable<T>(result: &Result<T, CommitError>) -> bool {
    match result {
        Ok(_) | Err(CommitError::Ambiguous(_) | CommitError::Unavailable(_)) => true,
        Err(_) => false,
    }
}
