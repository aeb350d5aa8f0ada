//! After the call: what the answer makes durable, what it costs, and what the log said to it.

use std::sync::Arc;

use super::{Action, After, Committing, Machine, Passed, Phase};
use crate::{
    planted::Bug,
    port::{GuestError, InvokeError, Verdict},
    time::Millis,
    trigger::{
        batch::Batch,
        checkpoint::{Checkpoint, Pending},
        discard::{Discards, Reason},
        effect::{Effects, Unsettled},
        retry,
        unpack::Folded,
        verdict::{Blame, Judgement, judge},
    },
};

impl Machine {
    pub(super) fn judged(
        &mut self,
        now: Millis,
        batch: Arc<Batch>,
        result: Result<Result<Verdict, GuestError>, InvokeError>,
    ) -> Action {
        let result = match result {
            Ok(Ok(verdict)) => match batch.fold(verdict) {
                Folded::Whole(verdict) => Ok(Ok(verdict)),
                Folded::Within { record: 0, reason } => {
                    return self.fail(now, batch, reason.into(), Blame::First);
                }
                Folded::Within { record, .. } => {
                    let events = self.policy.events.as_deref();
                    return self.call(batch.before(record, events));
                }
            },
            failed => failed,
        };
        match judge(result, batch.len()) {
            Judgement::Progress { verdict, .. } if batch.is_empty() => self.closed(batch, verdict),
            Judgement::Progress { until, verdict } => self.advance(now, batch, until, verdict),
            Judgement::Failed { error, blame } => self.fail(now, batch, error.into(), blame),
            Judgement::NotCalled { error, was_busy } => {
                if was_busy {
                    self.stumbles = 0;
                }
                self.stumble(&error, After::Gather { hurry: true })
            }
        }
    }

    /// The records before `until` are done.
    fn advance(&mut self, now: Millis, batch: Arc<Batch>, until: usize, said: Verdict) -> Action {
        let Verdict {
            outputs,
            writes,
            failures,
            window_state,
        } = said;
        let done = until - failures.len();
        let rejected = |failure: crate::port::RecordFailure| {
            (failure.index as usize, Arc::from(failure.reason))
        };
        let discards = (!failures.is_empty()).then(|| Discards {
            batch: Arc::clone(&batch),
            records: failures.into_iter().map(rejected).collect(),
            reason: Reason::Rejected,
            attempts: self.checkpoint.attempts().saturating_add(1),
            reported: true,
            failed: now,
        });
        let mut checkpoint = self.beyond(&batch, until, rest(&batch, until));
        checkpoint.window = match until < batch.len() {
            true => self.window_within(&batch, window_state),
            false => self.window_after(&batch, window_state),
        };
        let effects = Effects {
            checkpoint,
            done,
            filtered: self.passing(&batch, until),
            outputs,
            writes,
            discards,
            lost_window: None,
        };
        self.commit(Committing {
            effects: Arc::new(effects),
            verdict_on: Some(batch),
            rest_ms: 0,
        })
    }

    /// The attempt failed: halve the batch, or count it durably before resting, or give up.
    fn fail(&mut self, now: Millis, batch: Arc<Batch>, error: Arc<str>, blame: Blame) -> Action {
        if batch.is_empty() {
            return self.fail_to_close(error);
        }
        if self.policy.bisect && blame != Blame::First && batch.len() > 1 {
            return self.halve(&batch, error);
        }
        let attempts = self.checkpoint.attempts().saturating_add(1);
        let is_exhausted = self.policy.is_exhausted(attempts);
        let pending = Pending {
            end: batch.position(batch.len()),
            attempts,
            error: Some(Arc::clone(&error)),
            given_up: is_exhausted,
            reported: blame != Blame::Batch,
        };
        if !is_exhausted {
            let mut checkpoint = self.beyond(&batch, 0, Some(pending));
            checkpoint.window = self.window_within(&batch, None);
            return self.commit(Committing {
                effects: Arc::new(Effects {
                    filtered: self.passing(&batch, 0),
                    ..Effects::only(checkpoint)
                }),
                verdict_on: None,
                rest_ms: retry::delay_ms(attempts),
            });
        }
        self.checkpoint.pending = Some(pending.clone());
        let (count, rest) = match blame {
            Blame::First => (1, rest(&batch, 1)),
            Blame::Batch | Blame::Answer => (batch.len(), Some(pending)),
        };
        self.discard(
            now,
            batch,
            count,
            (Reason::RetryAttemptsExhausted, error),
            rest,
        )
    }

    /// The halves are batches of their own, tried as often as any. Splitting spends no attempt, and
    /// comes to an end by itself, so there is nothing to rest for.
    fn halve(&mut self, batch: &Batch, error: Arc<str>) -> Action {
        let (middle, end) = (batch.len().div_ceil(2), batch.position(batch.len()));
        let mut splits = self.checkpoint.splits.clone();
        if !Bug::SplitsForgotten.is_here() {
            splits.push(end);
        }
        let half = Pending {
            error: Some(error),
            attempts: u32::from(Bug::SplitSpendsAttempt.is_here()),
            ..Pending::new(batch.position(middle))
        };
        let (half, first) = match Bug::WrongHalf.is_here() {
            true => (None, middle),
            false => (Some(half), 0),
        };
        let checkpoint = Checkpoint {
            window: self.window_within(batch, None),
            ..Checkpoint::before(batch.position(first), half, splits)
        };
        let effects = Effects {
            filtered: self.passing(batch, first),
            ..Effects::only(checkpoint)
        };
        self.commit(Committing {
            effects: Arc::new(effects),
            verdict_on: None,
            rest_ms: 0,
        })
    }

    /// Where the lane stands when the first `done` records of `batch` are done, and `rest` of it is to
    /// be done.
    fn beyond(&self, batch: &Batch, done: usize, rest: Option<Pending>) -> Checkpoint {
        let splits = self.checkpoint.splits.clone();
        Checkpoint {
            window: self.checkpoint.window.clone(),
            ..Checkpoint::before(batch.position(done), rest, splits)
        }
    }

    /// Gives up the first `count` records of `batch`, or as many of them as go at once; what remains
    /// of the batch is pending as `rest`.
    pub(super) fn discard(
        &mut self,
        now: Millis,
        batch: Arc<Batch>,
        count: usize,
        (reason, error): (Reason, Arc<str>),
        rest: Option<Pending>,
    ) -> Action {
        let count = count.min(batch.len()).min(self.policy.discards_at_once);
        let rest = rest.filter(|_| count < batch.len());
        let checkpoint = self.beyond(&batch, count, rest);
        let filtered = self.passing(&batch, count);
        let pending = self.checkpoint.pending.as_ref();
        let discards = Discards {
            batch,
            records: (0..count).map(|i| (i, Arc::clone(&error))).collect(),
            reason,
            attempts: self.checkpoint.attempts(),
            reported: pending.is_some_and(|pending| pending.reported),
            failed: now,
        };
        let effects = Effects {
            discards: Some(discards),
            filtered,
            ..Effects::only(checkpoint)
        };
        self.commit(Committing {
            effects: Arc::new(effects),
            verdict_on: None,
            rest_ms: 0,
        })
    }

    /// How many records a commit passes that were filtered out, where the lane stands at record `until`
    /// of `batch` afterwards.
    fn passing(&self, batch: &Batch, until: usize) -> u64 {
        self.passed.left_out.filtered + batch.left_out(until).filtered
    }

    pub(super) fn commit(&mut self, committing: Committing) -> Action {
        let effects = Arc::clone(&committing.effects);
        self.phase = Phase::Committing(committing);
        Action::Commit(effects)
    }

    pub(super) fn committed(
        &mut self,
        now: Millis,
        committing: Committing,
        result: Result<(), Unsettled>,
    ) -> Action {
        let result = match result {
            Err(Unsettled::Unknown(_)) if Bug::UnknownIsDurable.is_here() => Ok(()),
            Err(Unsettled::Unknown(error)) if Bug::UnknownIsLost.is_here() => {
                Err(Unsettled::Postponed(error))
            }
            result => result,
        };
        match (result, committing.verdict_on.clone()) {
            (Ok(()), _) => {
                self.steady();
                self.checkpoint = committing.effects.checkpoint.clone();
                self.passed = Passed::default();
                match committing.rest_ms {
                    0 => self.gather(None),
                    ms => self.rest(ms, After::Gather { hurry: false }),
                }
            }
            // Nobody is to blame: the answer was to what is no longer so.
            (Err(Unsettled::Stale), Some(batch)) => self.call_again(batch),
            (Err(Unsettled::Refused(error)), Some(batch)) => {
                self.fail(now, batch, error.into(), Blame::Batch)
            }
            // Without a function's answer in it, a commit is refused only while streams change.
            (Err(Unsettled::Refused(error) | Unsettled::Postponed(error)), _) => {
                self.stumble(&error, After::Commit(committing))
            }
            (Err(Unsettled::Stale), None) => self.commit(committing),
            (Err(Unsettled::Unknown(error)), _) => self.stumble(&error, After::Load),
        }
    }
}

/// What remains of `batch` when its first `until` records are done: a batch of its own, tried as often
/// as any.
fn rest(batch: &Batch, until: usize) -> Option<Pending> {
    (until < batch.len()).then(|| Pending::new(batch.position(batch.len())))
}
