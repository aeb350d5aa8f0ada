//! One lane's task: it follows its orders, and while it runs it does what its machine says.
//!
//! A commit is always awaited; everything else is dropped when the orders change, since a new
//! machine goes on from the checkpoint.

mod call;
mod wait;

use std::{sync::Arc, time::Duration};

use millstream_core::{
    port::{CommitError, ReadLimits},
    position::ShardNumber,
    trigger::{Action, Effects, Event, Machine, effect::Unsettled},
};
use tokio::sync::watch;

use crate::{
    order::{Numbered, Order, Spec},
    tally::{Board, Fault},
    world::World,
};

/// How often effects are planned anew because a shard was closed under them.
const PLANS: usize = 8;
/// How long the news of a closed shard may take.
const NEWS: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) world: Arc<World>,
    pub(crate) shard: ShardNumber,
    pub(crate) orders: watch::Receiver<Numbered>,
    /// The number of the order that is followed.
    pub(crate) follows: watch::Sender<u64>,
    pub(crate) board: Arc<Board>,
}

impl Task {
    pub(crate) async fn run(mut self) {
        loop {
            let Numbered { number, order } = self.orders.borrow_and_update().clone();
            self.board.tally().state = match order {
                Order::Run(_) => "waiting",
                Order::Pause(_) => "paused",
                Order::Stop => "stopped",
            };
            self.follows.send_replace(number);
            match order {
                Order::Run(spec) => self.work(&spec).await,
                Order::Pause(spec) => self.pause(&spec).await,
                Order::Stop => return,
            }
        }
    }

    /// Runs batches until the orders change.
    async fn work(&mut self, spec: &Spec) {
        tokio::select! {
            biased;
            _ = self.orders.changed() => return,
            () = wait::parents(&self.world, spec) => self.board.begin(),
        }
        let (mut machine, mut action) = Machine::new(spec.policy.clone(), spec.start);
        loop {
            self.board.show(&machine);
            let event = match action {
                Action::Commit(effects) => self.commit(spec, &effects).await,
                Action::Invoke { batch, attempt } => {
                    match self.invoke(spec, &batch, attempt).await {
                        Some(event) => event,
                        None => return,
                    }
                }
                action => {
                    tokio::select! {
                        biased;
                        _ = self.orders.changed() => return,
                        event = wait::event(&self.world, spec, action) => event,
                    }
                }
            };
            action = machine.step((self.world.clock)(), event);
        }
    }

    async fn commit(&self, spec: &Spec, effects: &Effects) -> Event {
        let result = self.settle(spec, effects).await;
        Event::Committed(match result {
            Ok(()) => {
                let on_failure = &spec.lane.trigger.settings.on_failure_stream;
                self.board.committed(effects, on_failure.is_some());
                Ok(())
            }
            Err(error) => {
                self.board.tally().faults[Fault::Commit as usize] += 1;
                Err(error)
            }
        })
    }

    /// Makes effects durable. Where a shard was closed under them they are planned again, as soon as
    /// what took its place is known.
    async fn settle(&self, spec: &Spec, effects: &Effects) -> Result<(), Unsettled> {
        let mut catalogs = self.world.catalog.subscribe();
        let mut plans = 1;
        loop {
            let catalog = Arc::clone(&catalogs.borrow_and_update());
            let commit = effects.plan(&spec.lane, &catalog)?;
            match self.world.log.commit(commit).await {
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

    /// Does nothing until the orders change, but shows where the lane stands.
    async fn pause(&mut self, spec: &Spec) {
        tokio::select! {
            biased;
            _ = self.orders.changed() => return,
            () = look(&self.world, spec, &self.board) => (),
        }
        // An error means that nobody is left to give orders; the task is aborted then.
        let _ = self.orders.changed().await;
    }
}

/// Shows the checkpoint of a lane at rest, and the age of the first record that waits.
async fn look(world: &World, spec: &Spec, board: &Board) {
    let (mut machine, load) = Machine::new(spec.policy.clone(), spec.start);
    let loaded = wait::event(world, spec, load).await;
    let _ = machine.step((world.clock)(), loaded);
    board.show(&machine);
    board.tally().state = "paused";
    let shard = spec.lane.shard.number;
    let mut from = machine.checkpoint().next;
    let one = ReadLimits {
        records: 1,
        bytes: 1,
    };
    loop {
        let tail = world.log.span(shard).next;
        let Ok(page) = world.log.read(shard, from, one).await else {
            return;
        };
        if let Some(first) = page.slices.first() {
            board.tally().oldest = Some(first.arrival);
            return;
        }
        from = from.max(tail);
        world.log.grown(shard, from).await;
    }
}
