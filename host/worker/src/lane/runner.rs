//! One lane while it runs: it does what its machine says.
//!
//! A commit is always awaited; everything else is dropped when the orders change, since a new
//! machine goes on from the checkpoint.

use std::{pin::pin, sync::Arc};

use millstream_core::{
    catalog::Catalog,
    planted::Bug,
    port::Commit,
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
    redrive::job::Jobs,
    settle::settle,
    tally::{Board, Fault},
    world::World,
};

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
    pub(super) jobs: Jobs,
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
            let now = (self.world.clock)();
            self.board.show(self.spec.lane.share.index(), &machine, now);
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
                action => match self.waited(action, machine.is_between_batches()).await {
                    Some(event) => event,
                    None => return End::Ordered,
                },
            };
            action = machine.step((self.world.clock)(), event);
        }
    }

    /// Reads or waits; between two batches it also does what else is to be done with the function.
    /// Nothing where the lane must stop.
    async fn waited(&mut self, action: Action, is_between_batches: bool) -> Option<Event> {
        // Not the lane's own: `self` is looked at meanwhile.
        let mut orders = self.orders.clone();
        let pages = self.shared.as_ref().map(|shared| &shared.pages);
        let mut event = pin!(wait::event(&self.world, &self.spec, pages, action));
        loop {
            let job = tokio::select! {
                biased;
                _ = orders.changed() => return None,
                job = self.jobs.next(), if is_between_batches => job,
                event = &mut event => return Some(event),
            };
            Box::pin(self.redrive(job)).await;
        }
    }

    /// Calls the function until its answer counts; nothing where the lane must stop.
    pub(super) async fn invoked(&mut self, batch: &Batch, attempt: u32) -> Option<Event> {
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
        let plan = |catalog: &Catalog| effects.plan(&self.spec.lane, catalog);
        if Bug::CheckpointFirst.is_here() {
            let first = Effects::only(effects.checkpoint.clone());
            let plan = |catalog: &Catalog| first.plan(&self.spec.lane, catalog);
            let _: Result<(), Unsettled> = settle(&self.world, plan).await;
        }
        if effects.is_answer() {
            self.counted(effects, plan).await
        } else {
            settle(&self.world, plan).await
        }
    }

    /// Makes an answer durable if what it read is still so.
    pub(super) async fn counted(
        &self,
        effects: &Effects,
        plan: impl Fn(&Catalog) -> Result<Commit, Unsettled>,
    ) -> Result<(), Unsettled> {
        let Some(turn) = &self.turn else {
            return settle(&self.world, plan).await;
        };
        let writes = turn.admit(effects).ok_or(Unsettled::Stale)?;
        let result = settle(&self.world, plan).await;
        let may_be_durable = matches!(result, Ok(()) | Err(Unsettled::Unknown(_)));
        turn.end(writes, may_be_durable);
        result
    }
}
