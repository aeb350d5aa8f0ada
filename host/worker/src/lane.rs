//! The task of a trigger on one shard: it follows its orders, and while it runs it divides the shard
//! as the trigger wants it and runs a lane on each part.

mod call;
mod layout;
mod letters;
mod pages;
mod runner;
pub(crate) mod turn;
mod wait;

use std::{sync::Arc, time::Duration};

use millstream_core::{
    port::ReadLimits,
    position::Position,
    trigger::{
        layout::{Layout, Step},
        retry,
    },
};
use tokio::{sync::watch, task::JoinSet};

use self::{
    runner::{End, Runner},
    turn::Shared,
};
use crate::{
    order::{Numbered, Order, Spec},
    redrive::job::Jobs,
    tally::Board,
    world::World,
};

/// Why a lane does not call its function.
const PAUSED: &str = "the trigger is paused";

#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) world: Arc<World>,
    pub(crate) orders: watch::Receiver<Numbered>,
    /// The number of the order that is followed.
    pub(crate) follows: watch::Sender<u64>,
    pub(crate) board: Arc<Board>,
    /// Dead letters for the function.
    pub(crate) jobs: Jobs,
}

impl Task {
    pub(crate) async fn run(mut self) {
        loop {
            let Numbered { number, order } = self.orders.borrow_and_update().clone();
            self.board.tally().set_state(match order {
                Order::Run(_) => "waiting",
                Order::Pause(_) => "paused",
                Order::Stop => "stopped",
            });
            self.follows.send_replace(number);
            match order {
                Order::Run(spec) => self.work(&spec).await,
                Order::Pause(spec) => self.pause(&spec).await,
                Order::Stop => return,
            }
        }
    }

    /// Runs lanes until the orders change. A change of their number is made when they have run down.
    async fn work(&mut self, spec: &Spec) {
        tokio::select! {
            biased;
            _ = self.orders.changed() => return,
            () = wait::parents(&self.world, spec) => self.board.begin(),
            () = self.jobs.refuse("the shards before it are not done") => (),
        }
        let mut stumbles = 0;
        loop {
            let loaded = tokio::select! {
                biased;
                _ = self.orders.changed() => return,
                loaded = layout::load(&self.world, spec) => loaded.map_err(|e| e.to_string()),
            };
            let done = match loaded {
                Ok(layout) => {
                    self.board.lay_out(&layout);
                    match layout.step(spec.parts) {
                        Step::Run => {
                            self.lanes(spec, &layout, None).await;
                            return;
                        }
                        Step::Drain(until) => match self.lanes(spec, &layout, Some(until)).await {
                            End::Ordered => return,
                            End::Finished => {
                                layout::replace(&self.world, spec, &layout, until).await
                            }
                        },
                        Step::Replace(at) => layout::replace(&self.world, spec, &layout, at).await,
                    }
                }
                Err(error) => Err(error),
            };
            let Err(error) = done else {
                stumbles = 0;
                continue;
            };
            stumbles += 1;
            self.board.stumbled(&error);
            let rest = Duration::from_millis(retry::delay_ms(stumbles));
            tokio::select! {
                biased;
                _ = self.orders.changed() => return,
                () = tokio::time::sleep(rest) => (),
            }
        }
    }

    /// Runs the lanes of `layout`, which end at `until`, or when the orders change.
    async fn lanes(&self, spec: &Spec, layout: &Layout, until: Option<Position>) -> End {
        let lanes = layout.lanes();
        let shared = (lanes.len() > 1).then(|| Shared::of(lanes.len()));
        let mut running = JoinSet::new();
        for (share, checkpoint) in lanes {
            let runner = Runner {
                world: Arc::clone(&self.world),
                spec: spec.part(share, until),
                orders: self.orders.clone(),
                board: Arc::clone(&self.board),
                shared: shared.clone(),
                jobs: self.jobs.clone(),
                turn: None,
                alone: false,
            };
            if shared.is_none() {
                return runner.run(checkpoint.clone()).await;
            }
            running.spawn(runner.run(checkpoint.clone()));
        }
        let mut end = End::Finished;
        while let Some(ended) = running.join_next().await {
            match ended {
                Ok(End::Finished) => (),
                Ok(End::Ordered) => end = End::Ordered,
                // A lane that cannot go on takes the others with it, as where there is only one.
                Err(error) => match error.try_into_panic() {
                    Ok(panic) => std::panic::resume_unwind(panic),
                    Err(_) => end = End::Ordered,
                },
            }
        }
        end
    }

    /// Does nothing until the orders change, but shows where the lanes stand.
    async fn pause(&mut self, spec: &Spec) {
        tokio::select! {
            biased;
            _ = self.orders.changed() => return,
            () = self.jobs.refuse(PAUSED) => (),
            () = look(&self.world, spec, &self.board) => (),
        }
        tokio::select! {
            // An error means that nobody is left to give orders; the task is aborted then.
            _ = self.orders.changed() => (),
            () = self.jobs.refuse(PAUSED) => (),
        }
    }
}

/// Shows the checkpoints of lanes at rest, and the age of the first record that waits.
async fn look(world: &World, spec: &Spec, board: &Board) {
    match layout::load(world, spec).await {
        Ok(layout) => board.lay_out(&layout),
        Err(error) => board.stumbled(&error.to_string()),
    }
    let mut from = {
        let mut tally = board.tally();
        tally.set_state("paused");
        tally.position()
    };
    let shard = spec.lane.shard.number;
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
            let mut tally = board.tally();
            let back = tally.position();
            let lanes = tally.lanes.iter_mut();
            lanes
                .filter(|lane| lane.position == back)
                .for_each(|lane| lane.oldest = Some(first.arrival));
            return;
        }
        from = from.max(tail);
        world.log.grown(shard, from).await;
    }
}
