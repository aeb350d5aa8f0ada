//! Actions that may be dropped at any point: reading and waiting.

use std::{future::pending, time::Duration};

use millstream_core::{
    planted::Bug,
    position::{Position, ShardNumber},
    trigger::{Action, Checkpoint, Event, checkpoint::LoadError},
};

use super::pages::Pages;
use crate::{order::Spec, world::World};

/// Does what `action` says. Calls and commits are not for here.
pub(super) async fn event(
    world: &World,
    spec: &Spec,
    pages: Option<&Pages>,
    action: Action,
) -> Event {
    let shard = spec.lane.shard.number;
    match action {
        Action::Load => Event::Loaded(load(world, spec).await),
        Action::Read { from, limits } => {
            if spec.policy.sieve.is_some() {
                // What was read before took a processor's time to filter: others have their turn.
                tokio::task::yield_now().await;
            }
            let tail = world.log.span(shard).next;
            let page = match pages {
                Some(pages) => pages.read(&*world.log, shard, from, limits).await,
                None => world.log.read(shard, from, limits).await,
            };
            Event::Read { page, tail }
        }
        Action::Wait { beyond, ms } => {
            tokio::select! {
                () = grown(world, shard, beyond) => (),
                () = passed(ms) => (),
            }
            Event::Woken
        }
        Action::Invoke { .. } | Action::Commit(_) | Action::Finish => {
            unreachable!("calls and commits have effects")
        }
    }
}

/// Waits until the lanes on the shards that this one took over from have done all of theirs, so that the
/// records of a key are processed in their order.
pub(super) async fn parents(world: &World, spec: &Spec) {
    let parents = spec.parents.iter();
    for parent in parents.filter(|_| !Bug::ChildrenFirst.is_here()) {
        let end = || world.log.span(parent.shard);
        parent.board.done(end).await;
    }
}

async fn load(world: &World, spec: &Spec) -> Result<Option<Checkpoint>, LoadError> {
    let key = (spec.lane.share).key(spec.lane.trigger.id, spec.lane.shard.number);
    let stored = world.log.get_many(vec![key]).await?;
    stored
        .first()
        .and_then(Option::as_ref)
        .map(|stored| Checkpoint::decode(stored))
        .transpose()
}

async fn grown(world: &World, shard: ShardNumber, beyond: Option<Position>) {
    match beyond {
        Some(beyond) => {
            world.log.grown(shard, beyond).await;
        }
        None => pending().await,
    }
}

async fn passed(ms: Option<u64>) {
    match ms {
        Some(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
        None => pending().await,
    }
}
