//! A function that takes events, in place of one that is given records.

use std::sync::Arc;

use millstream_core::{
    event::{self, Identity, Origin},
    port::{COMMAND_WORLD, GuestError},
    trigger::{Batch, Lane},
};
use serde_json::Value;

use super::World;

impl World {
    /// The same with a function that takes events.
    pub(crate) fn of_events(settings: Value) -> Self {
        let world = Self::calling(COMMAND_WORLD, settings);
        let Lane { trigger, shard, .. } = &world.lane;
        let stream = &trigger.settings.stream;
        let origin = Origin::new(
            &Identity::default(),
            stream,
            &trigger.settings.function,
            shard,
        );
        Self {
            events: Some(Arc::new(origin)),
            ..world
        }
    }

    /// Closes the shard: what is in it is all that will ever be.
    pub(crate) fn close_shard(&mut self) {
        self.lane.shard.closed = Some(self.now);
    }

    /// Changes the trigger's windows. A machine that runs does not notice.
    pub(crate) fn tumble(&mut self, seconds: u32) {
        let mut trigger = self.lane.trigger.as_ref().clone();
        trigger.settings.tumbling_window_in_seconds = seconds;
        self.lane.trigger = Arc::new(trigger);
    }

    /// The same with a function that is given events and answers text, which says of the records
    /// what the trigger's setting makes of it.
    pub(crate) fn run_events(&mut self, mut function: impl FnMut(&Value) -> String) {
        while !self.run_events_once(&mut function) {
            self.epoch += 1;
        }
    }

    /// The same until the host ends (false) or nothing is left to do (true).
    pub(crate) fn run_events_once(&mut self, function: &mut impl FnMut(&Value) -> String) -> bool {
        let origin = Arc::clone(self.events.as_ref().unwrap());
        let reports = self.lane.trigger.settings.reports_failures();
        let mut call = |batch: &Batch, _| {
            let columns = batch.columns();
            let event = event::Event {
                origin: &origin,
                columns: &columns,
                window: batch.window(),
            };
            let answer = function(&serde_json::from_slice(&event.write()).unwrap());
            let said = event::answer::verdict(
                answer.as_bytes(),
                reports,
                batch.window().is_some(),
                &origin,
                &columns,
            );
            Ok(said.map_err(GuestError::from))
        };
        self.batches(&mut call)
    }
}
