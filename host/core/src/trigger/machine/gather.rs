//! Putting a batch together: read until it is full, or its window is over, or nothing more is there.
//! What the trigger's filters leave out is passed on the way.

use std::{mem, sync::Arc};

use super::{Action, Committing, Gathering, Machine, Phase};
use crate::{
    limit,
    planted::Bug,
    port::{Page, ReadLimits},
    position::Position,
    time::Millis,
    trigger::{
        batch::{Batch, Room},
        checkpoint::{Checkpoint, Pending},
        discard::Reason,
        effect::Effects,
    },
};

impl Machine {
    /// Begins a batch; it goes at `due` even if it is not full.
    pub(super) fn gather(&mut self, due: Option<Millis>) -> Action {
        if let Some(closing) = self.close_early() {
            return closing;
        }
        if self.has_ended(self.checkpoint.next) {
            return self.finish();
        }
        self.read(Gathering {
            batch: Batch::default(),
            from: self.checkpoint.next,
            due,
        })
    }

    pub(super) fn read(&mut self, gathering: Gathering) -> Action {
        let (room, batch) = (self.room(), &gathering.batch);
        let mut limits = ReadLimits {
            records: room.records - batch.len(),
            bytes: room.bytes - batch.bytes(),
        };
        if self.policy.sieve.is_some() {
            // The more was left out, the more is read at once to find what is wanted.
            let most = limit::BATCH_RECORDS_MAX as usize;
            let left_out = self.passed.records() + batch.left_out(batch.len()).all();
            limits.records += usize::try_from(left_out).unwrap_or(most).min(most);
            limits.bytes = limits.bytes.min(limit::FILTER_READ_BYTES);
        }
        let from = gathering.from;
        self.phase = Phase::Gathering(gathering);
        Action::Read { from, limits }
    }

    fn room(&self) -> Room {
        let end = self.checkpoint.pending.as_ref().map(|pending| pending.end);
        Room {
            // A batch whose end is decided stays as it is when the setting changes.
            records: end.map_or(self.policy.batch_records, |_| {
                limit::BATCH_RECORDS_MAX as usize
            }),
            bytes: self.policy.batch_bytes,
            end: end.or(self.policy.until),
            windows: self.windows(),
        }
    }

    /// Whether a lane that stands there has nothing more to do.
    fn has_ended(&self, at: Position) -> bool {
        self.policy.until.is_some_and(|until| at >= until)
    }

    fn finish(&mut self) -> Action {
        if self.checkpoint.window.is_some() {
            return self.close(true);
        }
        if self.passed.records() > 0 {
            return self.pass();
        }
        self.phase = Phase::Finished;
        Action::Finish
    }

    pub(super) fn gathered(
        &mut self,
        now: Millis,
        mut to: Gathering,
        page: Page,
        tail: Position,
    ) -> Action {
        let nothing = page.slices.is_empty();
        let full = match &self.policy.sieve {
            Some(sieve) => to.batch.sift(page.slices, &self.room(), sieve),
            None => to.batch.take(page.slices, &self.room()),
        };
        if nothing {
            to.from = to.from.max(tail);
        } else if let Some(next) = to.batch.next() {
            to.from = next;
        }
        self.oldest = to.batch.oldest();
        // A pending batch is full at its end; retention or a lost tail may leave less of it.
        let last = (nothing && self.checkpoint.pending.is_some()) || self.has_ended(to.from);
        let complete = full || last;
        if to.batch.is_empty() {
            return self.without_records(now, to, tail, complete);
        }
        if !complete && to.from < tail {
            return self.read(to);
        }
        let due = *to.due.get_or_insert(now.plus(self.policy.window_ms));
        // The window bounds the wait also where the clock went back.
        let left = due.since(now).min(self.policy.window_ms);
        if complete || left == 0 || Bug::WindowIgnored.is_here() {
            return self.fire(now, to.batch);
        }
        self.wait(to, Some(left))
    }

    /// Nothing to deliver was found so far: go on, or come to rest.
    fn without_records(
        &mut self,
        now: Millis,
        mut to: Gathering,
        tail: Position,
        complete: bool,
    ) -> Action {
        if let Some((end, records)) = to.batch.pass() {
            self.checkpoint.next = end;
            self.passed.add(records, now);
        }
        if self.checkpoint.window.is_some() && to.batch.is_over() {
            return self.close(false);
        }
        if let Some(gone) = self.checkpoint.pending.take_if(|_| complete) {
            // Retention removed all of it, or other filters do; what comes after it is not pending.
            let splits = mem::take(&mut self.checkpoint.splits);
            let window = self.checkpoint.window.take();
            self.checkpoint = Checkpoint {
                window,
                ..Checkpoint::before(gone.end, None, splits)
            };
            return self.gather(to.due);
        }
        if complete && self.policy.until.is_some() {
            // Nothing is left before the lane's end, or the next record lies beyond it.
            return self.finish();
        }
        if self.passed.records() >= limit::FILTER_CHECKPOINT_RECORDS {
            return self.pass();
        }
        if to.from < tail {
            return self.read(to);
        }
        // What is missing up to there was removed by retention. Nobody has to wait for it any more, such as
        // the lanes on the shard's children.
        self.checkpoint.next = self.checkpoint.next.max(to.from);
        self.steady();
        if self.is_window_over(now) {
            return self.close(false);
        }
        let passing = self.passed.due_in(now);
        let passing = passing.filter(|_| !Bug::LeftOutNotPassed.is_here());
        if passing == Some(0) {
            return self.pass();
        }
        let first = [passing, self.window_ends_in(now)].into_iter().flatten();
        self.wait(to, first.min())
    }

    /// Makes durable that what was filtered out is passed.
    fn pass(&mut self) -> Action {
        let effects = Effects {
            filtered: self.passed.left_out.filtered,
            ..Effects::only(self.checkpoint.clone())
        };
        self.commit(Committing {
            effects: Arc::new(effects),
            verdict_on: None,
            rest_ms: 0,
        })
    }

    fn wait(&mut self, gathering: Gathering, ms: Option<u64>) -> Action {
        let beyond = Some(gathering.from);
        self.phase = Phase::Gathering(gathering);
        Action::Wait { beyond, ms }
    }

    /// The batch is complete: give up what is given up already or too old, or call the function.
    fn fire(&mut self, now: Millis, batch: Batch) -> Action {
        let pending = self.checkpoint.pending.clone();
        let error = pending.as_ref().and_then(|pending| pending.error.clone());
        if pending.as_ref().is_some_and(|pending| pending.given_up) {
            let fate = (Reason::RetryAttemptsExhausted, error.unwrap_or_default());
            return self.discard(now, Arc::new(batch), usize::MAX, fate, pending);
        }
        let old = self.too_old(now, &batch);
        if old > 0 {
            let late = || "it waited longer than maximum_record_age_in_seconds allows".into();
            let fate = (Reason::RecordAgeExceeded, error.unwrap_or_else(late));
            return self.discard(now, Arc::new(batch), old, fate, pending);
        }
        self.deliver(now, batch, pending)
    }

    /// Calls the function with as much of the batch as a call has room for.
    fn deliver(&mut self, now: Millis, mut batch: Batch, pending: Option<Pending>) -> Action {
        let events = self.policy.events.clone();
        self.assign_window(&mut batch);
        if let Some(origin) = &events {
            let fitting = batch.fitting(origin);
            if fitting == 0 && self.is_crowded(&batch, origin) {
                return self.close(true);
            }
            if fitting == 0 {
                let most = limit::EVENT_BYTES;
                let error = format!("an event of this record alone has more than {most} bytes");
                let fate = (Reason::PayloadLimitExceeded, error.into());
                return self.discard(now, Arc::new(batch), 1, fate, pending);
            }
            batch.cut(fitting);
        }
        self.call(if self.policy.unpacks {
            batch.unpack(events.as_deref())
        } else {
            batch
        })
    }

    pub(super) fn call(&mut self, mut batch: Batch) -> Action {
        self.mark_final(&mut batch);
        self.call_again(Arc::new(batch))
    }

    /// Calls the function with what it was called with before.
    pub(super) fn call_again(&mut self, batch: Arc<Batch>) -> Action {
        let attempt = self.attempt(&batch);
        self.phase = Phase::Invoking(Arc::clone(&batch));
        Action::Invoke { batch, attempt }
    }

    /// How many records are too old to be delivered; they come first.
    fn too_old(&self, now: Millis, batch: &Batch) -> usize {
        let horizon = self.policy.age_ms.map(|age| now.0.saturating_sub(age));
        let horizon = horizon.map(|at| at + u64::from(Bug::OldTooEarly.is_here()));
        horizon.map_or(0, |horizon| batch.older_than(Millis(horizon)))
    }
}
