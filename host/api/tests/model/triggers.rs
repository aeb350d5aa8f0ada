//! Triggers of which none runs.

use millstream_core::{
    name::TriggerName,
    port::{LaneReport, LaneStatus, Later, Redrive, RedriveError, Redriven, Triggers},
};

use super::{Nothing, ready};

impl Triggers for Nothing {
    fn status(&self, _trigger: &TriggerName) -> Vec<LaneStatus> {
        Vec::new()
    }

    fn explain(&self, _trigger: &TriggerName) -> Vec<LaneReport> {
        Vec::new()
    }

    fn redrive(&self, step: Redrive) -> Later<'static, Result<Redriven, RedriveError>> {
        ready(Err(RedriveError::NoTrigger(step.trigger)))
    }
}
