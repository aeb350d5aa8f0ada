//! A function that takes events, in place of one that is given records.

use std::sync::Arc;

use millstream_core::{
    event::{self, Identity, Origin},
    port::GuestError,
    trigger::{Batch, Lane},
};
use serde_json::Value;

use super::World;

impl World {
    /// The same with a function that takes events.
    pub(crate) fn of_events(settings: Value) -> Self {
        let world = Self::new(settings);
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

    /// The same with a function that is given events and answers text, which says of the records
    /// what the trigger's setting makes of it.
    pub(crate) fn run_events(&mut self, mut function: impl FnMut(&Value) -> String) {
        let origin = Arc::clone(self.events.as_ref().unwrap());
        let reports = self.lane.trigger.settings.reports_failures();
        let mut call = |batch: &Batch, _| {
            let columns = batch.columns();
            let event = event::Event {
                origin: &origin,
                columns: &columns,
                window: None,
            };
            let answer = function(&serde_json::from_slice(&event.write()).unwrap());
            let said = event::answer::verdict(answer.as_bytes(), reports, &origin, &columns);
            Ok(said.map_err(GuestError::from))
        };
        while !self.batches(&mut call) {
            self.epoch += 1;
        }
    }
}
