//! Dead letters on their way back: which of them, where to, and that each goes once.
//!
//! A letter that was sent back is marked in the commit that sends it, so that no crash comes between
//! the two. Letters stay where they are; what tells of them are the marks.

pub mod cursor;
pub mod letter;
pub mod marks;
pub mod selection;
pub mod work;

pub use self::{cursor::Cursor, letter::Letter, marks::Marks, selection::Selection, work::Work};
use std::sync::Arc;

use super::{
    batch::Batch,
    checkpoint::Checkpoint,
    effect::{Effects, Lane, Unsettled},
    unpack::Folded,
    verdict::{Blame, Judgement, judge},
};
use crate::{
    block::BlockBuilder,
    catalog::{Catalog, Stream},
    port::{Append, Commit, GuestError, InvokeError, Put, Verdict},
    put::route::route,
};

/// Letters that are sent back to the stream at once, so that they fit into a commit even where each
/// goes to another shard.
pub const AT_ONCE: usize = 500;

/// The commit that puts the records of `letters` into their stream again, under their own keys, and
/// writes `marks`.
#[must_use]
pub fn to_stream(stream: &Stream, letters: &[Arc<Letter>], marks: Vec<Put>) -> Commit {
    let mut records = BlockBuilder::default();
    for letter in letters {
        records.push(&letter.partition_key, &letter.data);
    }
    let turn = letters
        .first()
        .map_or(0, |letter| letter.position.ordinal());
    let routed = records.finish().map(|block| route(stream, block, turn));
    let append = |(shard, block)| Append { shard, block };
    Commit {
        appends: routed.into_iter().flatten().map(append).collect(),
        puts: marks,
        ..Commit::default()
    }
}

/// What a function made of the letters that it was called with.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// Those before `until` are done, but for those that were rejected.
    Progress {
        /// How many come to that.
        until: usize,
        /// Which of them were rejected, and why.
        rejected: Vec<(usize, String)>,
        /// What the function gave for the others.
        verdict: Verdict,
    },
    /// Nothing is done.
    Failed {
        /// Why.
        error: String,
        /// Whether the first one is to blame.
        blame: Blame,
    },
    /// Nothing is done: the function ended within a record; it is to be called with these alone.
    Shorter(Batch),
    /// The function was not called.
    NotCalled(InvokeError),
}

/// Judges the answer to `batch`.
#[must_use]
pub fn outcome(
    batch: &Batch,
    lane_events: Option<&crate::event::Origin>,
    result: Result<Result<Verdict, GuestError>, InvokeError>,
) -> Outcome {
    let verdict = match result {
        Err(error) => return Outcome::NotCalled(error),
        Ok(Ok(verdict)) => match batch.fold(verdict) {
            Folded::Whole(verdict) => Ok(verdict),
            Folded::Within { record: 0, reason } => {
                let (error, blame) = (reason, Blame::First);
                return Outcome::Failed { error, blame };
            }
            Folded::Within { record, .. } => {
                return Outcome::Shorter(batch.before(record, lane_events));
            }
        },
        Ok(Err(error)) => Err(error),
    };
    match judge(Ok(verdict), batch.len()) {
        Judgement::Progress { until, mut verdict } => {
            let failures = std::mem::take(&mut verdict.failures).into_iter();
            Outcome::Progress {
                until,
                rejected: failures.map(|f| (f.index as usize, f.reason)).collect(),
                verdict,
            }
        }
        Judgement::Failed { error, blame } => Outcome::Failed { error, blame },
        // It was called.
        Judgement::NotCalled { error, .. } => Outcome::Failed {
            error,
            blame: Blame::Batch,
        },
    }
}

/// What becomes durable of a function's answer to letters: its outputs and its state. Its lane stays
/// where it is.
#[must_use]
pub fn effects(batch: &Batch, done: usize, verdict: Verdict) -> Effects {
    Effects {
        done,
        outputs: verdict.outputs,
        writes: verdict.writes,
        ..Effects::only(Checkpoint::at(batch.position(0)))
    }
}

/// The commit of that, with `marks`.
///
/// # Errors
/// As those of [`Effects::plan`].
pub fn through_function(
    effects: &Effects,
    lane: &Lane,
    catalog: &Catalog,
    marks: Vec<Put>,
) -> Result<Commit, Unsettled> {
    effects.plan_with(lane, catalog, marks)
}
