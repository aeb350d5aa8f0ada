//! One lane while it runs: it does what its machine says.
//!
//! A commit is always awaited; everything else is dropped when the orders change, since a new
//! machine goes on from the checkpoint.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use millstream_core::{
    catalog::key,
    planted::Bug,
    port::{Commit, CommitError},
    trigger::{Action, Batch, Checkpoint, Effects, Event, Machine, effect::Unsettled},
};
use tokio::sync::watch;

use super::{
    turn::{Shared, Turn},
    wait,
};
use crate::{
    journal,
    order::{Numbered, Spec},
    tally::{Board, Fault},
    world::World,
};

/// How often effects are planned anew because a shard was closed under them.
const PLANS: usize = 8;
/// How long the news of a closed shard may take.
const NEWS: Duration = Duration::from_millis(500);

/// Why a lane does not run any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The orders have changed.
    Ordered,
    /// It has come to where it ends.
    Finished,
}

#[derive(Debug)]
pub(super) struct Runner {
    pub(super) world: Arc<World>,
    pub(super) spec: Spec,
    pub(super) orders: watch::Receiver<Numbered>,
    pub(super) board: Arc<Board>,
    /// With the shard's other lanes, where there are any.
    pub(super) shared: Option<Arc<Shared>>,
    /// The turn of the last call; none where there are no other lanes.
    pub(super) turn: Option<Turn>,
    /// Whether the last answer did not count.
    pub(super) alone: bool,
}

impl Runner {
    /// Goes on from `checkpoint`, which is what is stored.
    pub(super) async fn run(mut self, checkpoint: Checkpoint) -> End {
        let (mut machine, load) = Machine::new(self.spec.policy.clone(), self.spec.start);
        debug_assert!(matches!(load, Action::Load), "{load:?}");
        let loaded = Event::Loaded(Ok(Some(checkpoint)));
        let mut action = machine.step((self.world.clock)(), loaded);
        loop {
            self.board.show(self.spec.lane.share.index(), &machine);
            if let (Some(turn), false) = (&mut self.turn, matches!(action, Action::Commit(_))) {
                turn.rest();
            }
            let event = match action {
                Action::Finish => return End::Finished,
                Action::Commit(effects) => self.commit(&effects).await,
                Action::Invoke { batch, attempt } => match self.invoked(&batch, attempt).await {
                    Some(event) => event,
                    None => return End::Ordered,
                },
                action => {
                    let pages = self.shared.as_ref().map(|shared| &shared.pages);
                    tokio::select! {
                        biased;
                        _ = self.orders.changed() => return End::Ordered,
                        event = wait::event(&self.world, &self.spec, pages, action) => event,
                    }
                }
            };
            action = machine.step((self.world.clock)(), event);
        }
    }

    /// Calls the function until its answer counts; nothing where the lane must stop.
    async fn invoked(&mut self, batch: &Batch, attempt: u32) -> Option<Event> {
        loop {
            self.turn = None;
            if let Some(shared) = &self.shared {
                let turn = tokio::select! {
                    biased;
                    _ = self.orders.changed() => return None,
                    turn = shared.turn(self.alone) => turn,
                };
                self.turn = Some(turn);
            }
            let event = self.invoke(batch, attempt).await?;
            self.alone = self.turn.as_ref().is_some_and(Turn::is_stale);
            if !self.alone {
                return Some(event);
            }
        }
    }

    async fn commit(&mut self, effects: &Effects) -> Event {
        let result = self.admitted(effects).await;
        if let Some(turn) = &mut self.turn {
            turn.rest();
        }
        Event::Committed(match result {
            Ok(()) => {
                let settings = &self.spec.lane.trigger.settings;
                self.board.committed(effects, settings.has_on_failure());
                if let Some(window) = &effects.lost_window {
                    journal::lost_window(&self.spec, window);
                }
                Ok(())
            }
            Err(Unsettled::Stale) => {
                self.alone = true;
                Err(Unsettled::Stale)
            }
            Err(error) => {
                self.board.tally().faults[Fault::Commit as usize] += 1;
                Err(error)
            }
        })
    }

    /// Makes effects durable, a function's answer only if what it read is still so.
    async fn admitted(&self, effects: &Effects) -> Result<(), Unsettled> {
        let turn = self.turn.as_ref().filter(|_| effects.is_answer());
        let Some(turn) = turn else {
            return self.settle(effects).await;
        };
        let writes = turn.admit(effects).ok_or(Unsettled::Stale)?;
        let result = self.settle(effects).await;
        let may_be_durable = matches!(result, Ok(()) | Err(Unsettled::Unknown(_)));
        turn.end(writes, may_be_durable);
        result
    }

    /// Makes effects durable. Where a shard was closed under them they are planned again, as soon as
    /// what took its place is known.
    async fn settle(&self, effects: &Effects) -> Result<(), Unsettled> {
        let mut catalogs = self.world.catalog.subscribe();
        let mut plans = 1;
        loop {
            let catalog = Arc::clone(&catalogs.borrow_and_update());
            if Bug::CheckpointFirst.is_here() {
                let first = Effects::only(effects.checkpoint.clone());
                let _ = (self
                    .world
                    .log
                    .commit(first.plan(&self.spec.lane, &catalog)?))
                .await;
            }
            let commit = effects.plan(&self.spec.lane, &catalog)?;
            let entries = entries(&commit);
            let result = self.world.log.commit(commit).await;
            if let (Some(outbox), Some(entries)) = (&self.world.options.outbox, entries)
                && may_be_durable(&result)
            {
                outbox.filled(entries);
            }
            match result {
                Ok(_durable) => return Ok(()),
                Err(CommitError::Closed(_)) if plans < PLANS => {
                    plans += 1;
                    // Where no news come in time, the machine tries again later.
                    let _ = tokio::time::timeout(NEWS, catalogs.changed()).await;
                }
                Err(error) => return Err(error.into()),
            }
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
