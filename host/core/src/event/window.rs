//! The part of an event that tells of a tumbling window, which stands behind its records.
//!
//! Nothing calls a function with a window yet; what will, gives it to [`super::Event`] and
//! [`super::Room`], and reads the next state by [`super::answer::state`].

use std::fmt::Write;

use jiff::Timestamp;

use super::origin::{Origin, quoted};
use crate::time::Millis;

/// A window and what a function made of it so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window<'a> {
    /// When it began.
    pub start: Millis,
    /// When it ends.
    pub end: Millis,
    /// What the function answered last, as JSON; `{}` for its first call.
    pub state: &'a str,
    /// Whether this is the last call for the window.
    pub is_final: bool,
    /// Whether that is because its state has grown too large.
    pub is_terminated_early: bool,
}

impl Window<'_> {
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
}

/// A moment in whole seconds, as in `2020-12-09T07:04:00Z`.
fn seconds(moment: Millis) -> Timestamp {
    let seconds = i64::try_from(moment.seconds()).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX)
}
