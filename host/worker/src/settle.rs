//! Making durable what is planned on the catalog: planned again where a shard was closed under it.

use std::{sync::Arc, time::Duration};

use millstream_core::{
    catalog::Catalog,
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
        match world.log.commit(plan(&catalog)?).await {
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
