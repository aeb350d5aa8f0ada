//! Reading how a shard is divided, and dividing it anew.

use millstream_core::{
    planted::Bug,
    position::Position,
    trigger::{
        Share,
        checkpoint::LoadError,
        layout::{Head, Layout},
    },
};

use crate::{order::Spec, world::World};

/// The lanes of the shard as they are stored.
pub(super) async fn load(world: &World, spec: &Spec) -> Result<Layout, LoadError> {
    let (trigger, shard) = (spec.lane.trigger.id, spec.lane.shard.number);
    let keys = |parts| Share::all(parts).map(|share| share.key(trigger, shard));
    let stored = world.log.get_many(keys(1).collect()).await?;
    let stored = stored.first().and_then(Option::as_ref);
    let start = match Bug::LatestTooLate.is_here() {
        true => world.log.span(shard).next,
        false => spec.start,
    };
    match Head::decode(stored, start)? {
        Head::Whole(checkpoint) => Ok(Layout::whole(checkpoint)),
        Head::Divided(parts) => Layout::divided(&world.log.get_many(keys(parts).collect()).await?),
    }
}

/// Divides the shard as the trigger wants it, at `at`. Where it is unknown whether that was done,
/// what is stored tells.
pub(super) async fn replace(
    world: &World,
    spec: &Spec,
    layout: &Layout,
    at: Position,
) -> Result<(), String> {
    let (trigger, shard) = (spec.lane.trigger.id, spec.lane.shard.number);
    let (_, commit) = layout.replace(trigger, shard, spec.parts, at);
    let committed = world.log.commit(commit).await;
    committed.map(|_durable| ()).map_err(|e| e.to_string())
}
