//! A lane's machine: told what happened, it says what to do next. One thing at a time, so that a
//! shard's batches run one after another.
//!
//! It holds nothing that a crash may not take: a machine made anew goes on from the checkpoint.
//! That is also how a lane is paused and how its settings change.

mod doing;
mod gather;
mod settle;
mod window;

use std::{mem, sync::Arc};

pub use self::doing::{Doing, Extent};
use super::{
    batch::{Batch, LeftOut},
    checkpoint::{Checkpoint, LoadError},
    effect::{Effects, Unsettled},
    policy::Policy,
    retry,
};
use crate::{
    limit,
    planted::Bug,
    port::{GuestError, InvokeError, Page, ReadError, ReadLimits, Verdict},
    position::Position,
    time::Millis,
};

/// What to do next. The machine waits for the event that answers it.
#[derive(Debug, Clone)]
pub enum Action {
    /// Read the checkpoint; answered by [`Event::Loaded`].
    Load,
    /// Read records; answered by [`Event::Read`].
    Read {
        /// From where.
        from: Position,
        /// How much.
        limits: ReadLimits,
    },
    /// Wait until the first of the two; answered by [`Event::Woken`].
    Wait {
        /// Until the shard has grown beyond this position.
        beyond: Option<Position>,
        /// Until so many milliseconds have passed.
        ms: Option<u64>,
    },
    /// Call the function; answered by [`Event::Invoked`].
    Invoke {
        /// The records.
        batch: Arc<Batch>,
        /// Which try of them this is, from 1.
        attempt: u32,
    },
    /// Make durable; answered by [`Event::Committed`].
    Commit(Arc<Effects>),
    /// Nothing more, ever: the lane has come to where its policy ends it.
    Finish,
}

/// What happened.
#[derive(Debug)]
pub enum Event {
    /// The stored checkpoint; none where nothing was stored yet.
    Loaded(Result<Option<Checkpoint>, LoadError>),
    /// Records were read.
    Read {
        /// What there was.
        page: Result<Page, ReadError>,
        /// The shard's next position as it was before reading: what is missing from the page up to
        /// there will never come.
        tail: Position,
    },
    /// The wait is over.
    Woken,
    /// The function answered.
    Invoked(Result<Result<Verdict, GuestError>, InvokeError>),
    /// The log answered.
    Committed(Result<(), Unsettled>),
}

/// What the machine does, with what it needs to go on.
#[derive(Debug)]
enum Phase {
    Loading,
    Gathering(Gathering),
    Invoking(Arc<Batch>),
    Committing(Committing),
    Resting(After),
    Finished,
}

/// A batch that is being put together.
#[derive(Debug)]
struct Gathering {
    batch: Batch,
    /// Where to read on.
    from: Position,
    /// When the batch goes even if it is not full.
    due: Option<Millis>,
}

/// Records that were left out since the last commit, while no other waited. The lane has passed
/// them, but only in memory: after a crash they are looked at again.
#[derive(Debug, Clone, Copy, Default)]
struct Passed {
    left_out: LeftOut,
    /// When the first of them was.
    since: Millis,
}

impl Passed {
    fn add(&mut self, left_out: LeftOut, now: Millis) {
        if self.records() == 0 {
            self.since = now;
        }
        self.left_out.add(left_out);
    }

    fn records(&self) -> u64 {
        self.left_out.all()
    }

    /// In how many milliseconds it shall be durable; never, where nothing was passed.
    fn due_in(&mut self, now: Millis) -> Option<u64> {
        // Where the clock went back, the wait begins anew.
        self.since = self.since.min(now);
        let waited = now.since(self.since);
        let left = limit::FILTER_CHECKPOINT_MS.saturating_sub(waited);
        (self.records() > 0).then_some(left)
    }
}

#[derive(Debug)]
struct Committing {
    effects: Arc<Effects>,
    /// The batch whose verdict this is, if it is one.
    verdict_on: Option<Arc<Batch>>,
    /// How long to rest when it is done.
    rest_ms: u64,
}

/// What comes after a rest.
#[derive(Debug)]
enum After {
    Load,
    /// Gather; what is there goes at once where `hurry` is set.
    Gather {
        hurry: bool,
    },
    Commit(Committing),
}

/// The machine of one lane.
#[derive(Debug)]
pub struct Machine {
    policy: Policy,
    start: Position,
    checkpoint: Checkpoint,
    /// Whether that is what is stored.
    loaded: bool,
    phase: Phase,
    /// Failures in a row that do not count as attempts.
    stumbles: u32,
    /// The last of them.
    stumble: Option<Arc<str>>,
    oldest: Option<Millis>,
    passed: Passed,
    /// How long the last rest is.
    rest_ms: u64,
}

impl Machine {
    /// A machine and the first thing to do. A lane without a checkpoint begins at `start`.
    #[must_use]
    pub fn new(policy: Policy, start: Position) -> (Self, Action) {
        let machine = Self {
            policy,
            start,
            checkpoint: Checkpoint::at(start),
            loaded: false,
            phase: Phase::Loading,
            stumbles: 0,
            stumble: None,
            oldest: None,
            passed: Passed::default(),
            rest_ms: 0,
        };
        (machine, Action::Load)
    }

    /// What to do after `event`, which answers the action before.
    ///
    /// # Panics
    /// When it does not: then the shell is wrong, and going on could lose records.
    #[must_use]
    pub fn step(&mut self, now: Millis, event: Event) -> Action {
        match (mem::replace(&mut self.phase, Phase::Loading), event) {
            (Phase::Loading, Event::Loaded(loaded)) => self.loaded(loaded),
            (Phase::Gathering(gathering), Event::Read { page, tail }) => match page {
                Ok(page) => self.gathered(now, gathering, page, tail),
                Err(error) => self.stumble(&error.to_string(), After::Gather { hurry: false }),
            },
            (Phase::Gathering(gathering), Event::Woken) => self.read(gathering),
            (Phase::Invoking(batch), Event::Invoked(result)) => self.judged(now, batch, result),
            (Phase::Committing(committing), Event::Committed(result)) => {
                self.committed(now, committing, result)
            }
            (Phase::Resting(after), Event::Woken) => match after {
                After::Load => self.load(),
                After::Gather { hurry } => self.gather(hurry.then_some(now)),
                After::Commit(committing) => self.commit(committing),
            },
            (phase, event) => panic!("{event:?} is no answer in {phase:?}"),
        }
    }

    fn load(&mut self) -> Action {
        self.phase = Phase::Loading;
        Action::Load
    }

    fn loaded(&mut self, loaded: Result<Option<Checkpoint>, LoadError>) -> Action {
        match loaded {
            Ok(checkpoint) => {
                self.checkpoint = checkpoint.unwrap_or_else(|| Checkpoint::at(self.start));
                if Bug::PendingForgotten.is_here() {
                    self.checkpoint = Checkpoint::at(self.checkpoint.next);
                }
                self.loaded = true;
                self.passed = Passed::default();
                self.gather(None)
            }
            Err(error) => self.stumble(&error.to_string(), After::Load),
        }
    }

    /// Something failed that is not the function's fault: rest, longer each time.
    fn stumble(&mut self, error: &str, after: After) -> Action {
        self.stumbles = self.stumbles.saturating_add(1);
        self.stumble = Some(error.into());
        self.rest(retry::delay_ms(self.stumbles), after)
    }

    fn rest(&mut self, ms: u64, after: After) -> Action {
        self.phase = Phase::Resting(after);
        self.rest_ms = ms;
        Action::Wait {
            beyond: None,
            ms: Some(ms),
        }
    }

    fn steady(&mut self) {
        self.stumbles = 0;
        self.stumble = None;
    }

    /// What the lane is doing, in the words of [`crate::port::LaneStatus`].
    #[must_use]
    pub fn state(&self) -> &'static str {
        match &self.phase {
            Phase::Gathering(gathering) if !gathering.batch.is_empty() => "batching",
            Phase::Loading | Phase::Gathering(_) | Phase::Finished => "waiting",
            Phase::Invoking(_) => "invoking",
            Phase::Committing(_) => "committing",
            Phase::Resting(_) => "backing_off",
        }
    }

    /// Whether no batch was begun whose answer is still to come or to be committed: then the
    /// function's state may change.
    #[must_use]
    pub fn is_between_batches(&self) -> bool {
        !matches!(
            self.phase,
            Phase::Invoking(_) | Phase::Committing(_) | Phase::Resting(After::Commit(_))
        )
    }

    /// Whether the checkpoint was read: before, the machine does not know where the lane stands.
    #[must_use]
    pub fn has_loaded(&self) -> bool {
        self.loaded
    }

    /// Where the lane stands. What it has only filtered out may not be durable yet.
    #[must_use]
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The last error, where the last try of anything failed.
    #[must_use]
    pub fn last_error(&self) -> Option<&Arc<str>> {
        self.stumble.as_ref().or(self.checkpoint.error())
    }

    /// When the oldest record arrived that the lane has read and not done.
    #[must_use]
    pub fn oldest(&self) -> Option<Millis> {
        self.oldest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_filtered_becomes_durable_in_time_though_the_clock_went_back() {
        let mut passed = Passed::default();
        assert_eq!(passed.due_in(Millis(5_000)), None);
        let left_out = LeftOut {
            filtered: 1,
            foreign: 0,
        };
        passed.add(left_out, Millis(5_000));
        assert_eq!(passed.due_in(Millis(5_400)), Some(600));
        assert_eq!(passed.due_in(Millis(1_000)), Some(1_000));
        assert_eq!(passed.due_in(Millis(2_000)), Some(0));
    }
}
