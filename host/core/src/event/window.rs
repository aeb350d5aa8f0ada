//! The part of an event that tells of a tumbling window, which stands behind its records.

use std::{fmt::Write, sync::Arc};

use jiff::Timestamp;

use super::origin::{Origin, quoted};
use crate::time::Millis;

/// A window and what a function made of it so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// When it began.
    pub start: Millis,
    /// When it ends.
    pub end: Millis,
    /// What the function answered last, as JSON; `{}` for its first call.
    pub state: Arc<str>,
    /// Whether this is the last call for the window.
    pub is_final: bool,
    /// Whether that is though more records may come that would belong to it.
    pub is_terminated_early: bool,
}

impl Window {
    /// What follows the records of the event, up to its end.
    pub(super) fn write(&self, origin: &Origin, out: &mut String) {
        let Self {
            start,
            end,
            state,
            is_final,
            is_terminated_early,
        } = self;
        write!(
            out,
            "],\"window\":{{\"start\":\"{}\",\"end\":\"{}\"}},\"state\":{state},\"shardId\":{},\
             \"eventSourceARN\":{},\"isFinalInvokeForWindow\":{is_final},\
             \"isWindowTerminatedEarly\":{is_terminated_early}}}",
            seconds(*start),
            seconds(*end),
            quoted(origin.shard_id()),
            quoted(origin.stream_arn()),
        )
        .expect("a string takes everything");
    }

    /// The same as it takes the most room: what is known only later is `false`.
    pub(super) fn longest(&self) -> Self {
        Self {
            is_final: false,
            is_terminated_early: false,
            ..self.clone()
        }
    }
}

/// A moment in whole seconds, as in `2020-12-09T07:04:00Z`.
fn seconds(moment: Millis) -> Timestamp {
    let seconds = i64::try_from(moment.seconds()).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX)
}
