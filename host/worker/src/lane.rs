//! One lane's task: it follows its orders, and while it runs it does what its machine says.
//!
//! A commit is always awaited; everything else is dropped when the orders change, since a new
//! machine goes on from the checkpoint.

mod call;
mod wait;

use std::sync::Arc;

use millstream_core::{
    port::ReadLimits,
    position::ShardNumber,
    trigger::{Action, Effects, Event, Machine, effect::Unsettled},
};
use tokio::sync::watch;

use crate::{
    order::{Numbered, Order, Spec},
    tally::{Board, Fault},
    world::World,
};

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
        let (mut machine, mut action) = Machine::new(spec.policy, spec.start);
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
        let catalog = self.world.catalog.load_full();
        let result = match effects.plan(&spec.lane, &catalog) {
            Ok(commit) => self.world.log.commit(commit).await.map_err(Unsettled::from),
            Err(error) => Err(error),
        };
        Event::Committed(match result {
            Ok(_durable) => {
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
    let (mut machine, load) = Machine::new(spec.policy, spec.start);
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
