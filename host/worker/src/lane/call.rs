//! Calling the function, for as long as the lane's orders allow.

use std::sync::Arc;

use millstream_core::{
    port::{Call, InvokeError, Invoked},
    trigger::{Batch, Event},
};
use tokio::sync::watch;

use super::{runner::Runner, turn::Turn};
use crate::{
    journal,
    order::{Numbered, Order, Spec},
    state::LaneState,
};

impl Runner {
    /// Calls the function; nothing where the call was abandoned because the lane must stop.
    pub(super) async fn invoke(&self, batch: &Batch, attempt: u32) -> Option<Event> {
        let spec = &self.spec;
        let settings = &spec.lane.trigger.settings;
        let Some(call) = self.call(spec, batch, attempt) else {
            let missing =
                InvokeError::NotReady(settings.function.clone(), "it does not exist".into());
            return Some(self.answered(spec, Err(missing)));
        };
        if attempt == 1
            && let Some(oldest) = batch.oldest()
        {
            let waited = (self.world.clock)().since(oldest);
            self.board.tally().latency.add(waited);
        }
        let mut answer = self.world.invoke.call(call);
        let answer = tokio::select! {
            biased;
            answer = &mut answer => answer,
            () = halted(self.orders.clone()) => {
                tokio::time::timeout(self.world.options.grace, answer).await.ok()?
            }
        };
        Some(self.answered(spec, answer))
    }

    fn call(&self, spec: &Spec, batch: &Batch, attempt: u32) -> Option<Call> {
        let version = spec.lane.version_for(batch)?;
        let callee = spec
            .callees
            .iter()
            .find(|callee| callee.version == version)?;
        let trigger = &spec.lane.trigger;
        Some(Call {
            request: spec.lane.request(batch, attempt),
            number: callee.number,
            function: trigger.settings.function.clone(),
            version: callee.version,
            stream: trigger.settings.stream.clone(),
            shard_id: spec.shard_id.clone(),
            attempt,
            batch: batch.columns(),
            origin: Arc::clone(&spec.origin),
            reports: trigger.settings.reports_failures(),
            window: batch.window().cloned(),
            state: Arc::new(LaneState {
                log: Arc::clone(&self.world.log),
                trigger: trigger.id,
                shard: spec.lane.shard.number,
                noted: self.turn.as_ref().map(Turn::noted),
            }),
            limits: callee.limits,
            config: Arc::clone(&callee.config),
        })
    }

    fn answered(&self, spec: &Spec, answer: Result<Invoked, InvokeError>) -> Event {
        self.board.called(&answer);
        Event::Invoked(answer.map(|invoked| {
            journal::write(spec, &invoked);
            invoked.result
        }))
    }
}

/// Waits until the lane is told to pause or to stop.
async fn halted(mut orders: watch::Receiver<Numbered>) {
    let runs = |order: &Numbered| matches!(order.order, Order::Run(_));
    // An error means that nobody is left to give orders; the task is aborted then.
    let _ = orders.wait_for(|order| !runs(order)).await;
}
