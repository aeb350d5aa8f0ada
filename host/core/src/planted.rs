//! Bugs on purpose, each at one place, so that it can be shown that tests would find them.
//!
//! Without the feature `planted` no place has any: the question is answered when it is compiled.

/// What a bug does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// A commit moves the checkpoint, and its effects follow in another one.
    CheckpointFirst,
    /// A commit has effects and leaves the checkpoint where it is.
    CheckpointForgotten,
    /// What a batch that failed came to is forgotten when a host starts.
    PendingForgotten,
    /// Halving begins with the upper half.
    WrongHalf,
    /// The ends of halved batches are taken in the wrong order.
    SplitsInDisorder,
    /// The ends of halved batches are forgotten.
    SplitsForgotten,
    /// Halving counts as an attempt.
    SplitSpendsAttempt,
    /// A batch is tried once more than it may be.
    OneTryTooMany,
    /// A batch is tried once less.
    OneTryTooFew,
    /// A record is too old in the millisecond before.
    OldTooEarly,
    /// Letters are not written.
    LettersLost,
    /// Letters are written twice.
    LettersTwice,
    /// What was rejected is done where something after it is tried again.
    RejectedForgotten,
    /// A batch of which a part is done goes on one record too late.
    PartCutTooLate,
    /// A lane does not wait for those on the parents of its shard.
    ChildrenFirst,
    /// A commit whose outcome is unknown is taken as durable.
    UnknownIsDurable,
    /// It is taken as not durable.
    UnknownIsLost,
    /// Records that were left out are passed in memory only.
    LeftOutNotPassed,
    /// A part of a shard takes records of another part.
    ForeignRecords,
    /// A shard is divided anew before all its parts have come to the same place.
    DividedTooEarly,
    /// An answer counts though what it read has changed.
    StaleCounts,
    /// A pause does not wait for what is in flight.
    PauseInFlight,
    /// A new trigger begins where the shard ends once its lane starts.
    LatestTooLate,
    /// A batch does not wait for its window.
    WindowIgnored,
    /// Outputs of a batch are given in the wrong order.
    OutputsInDisorder,
    /// What a function remembers is not written.
    StateLost,
}

impl Bug {
    /// All of them.
    pub const ALL: [Self; 26] = [
        Self::CheckpointFirst,
        Self::CheckpointForgotten,
        Self::PendingForgotten,
        Self::WrongHalf,
        Self::SplitsInDisorder,
        Self::SplitsForgotten,
        Self::SplitSpendsAttempt,
        Self::OneTryTooMany,
        Self::OneTryTooFew,
        Self::OldTooEarly,
        Self::LettersLost,
        Self::LettersTwice,
        Self::RejectedForgotten,
        Self::PartCutTooLate,
        Self::ChildrenFirst,
        Self::UnknownIsDurable,
        Self::UnknownIsLost,
        Self::LeftOutNotPassed,
        Self::ForeignRecords,
        Self::DividedTooEarly,
        Self::StaleCounts,
        Self::PauseInFlight,
        Self::LatestTooLate,
        Self::WindowIgnored,
        Self::OutputsInDisorder,
        Self::StateLost,
    ];

    /// Whether this place has it.
    #[cfg(not(feature = "planted"))]
    #[must_use]
    pub const fn is_here(self) -> bool {
        false
    }
}

#[cfg(feature = "planted")]
mod place {
    use std::cell::Cell;

    use super::Bug;

    thread_local! {
        static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
    }

    impl Bug {
        /// Whether this place has it, in this thread.
        #[must_use]
        pub fn is_here(self) -> bool {
            PLANTED.get() == Some(self)
        }

        /// Gives this thread that bug and no other, or none.
        pub fn plant(bug: Option<Self>) {
            PLANTED.set(bug);
        }
    }
}
