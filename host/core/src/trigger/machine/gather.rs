//! Putting a batch together: read until it is full, or its window is over, or nothing more is there.

use std::{mem, sync::Arc};

use super::{Action, Gathering, Machine, Phase};
use crate::{
    limit,
    port::{Page, ReadLimits},
    position::Position,
    time::Millis,
    trigger::{
        batch::{Batch, Room},
        checkpoint::Checkpoint,
        discard::Reason,
    },
};

impl Machine {
    /// Begins a batch; it goes at `due` even if it is not full.
    pub(super) fn gather(&mut self, due: Option<Millis>) -> Action {
        self.read(Gathering {
            batch: Batch::default(),
            from: self.checkpoint.next,
            due,
        })
    }

    pub(super) fn read(&mut self, gathering: Gathering) -> Action {
        let room = self.room();
        let limits = ReadLimits {
            records: room.records - gathering.batch.len(),
            bytes: room.bytes - gathering.batch.bytes(),
        };
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
            end,
        }
    }

    pub(super) fn gathered(
        &mut self,
        now: Millis,
        mut to: Gathering,
        page: Page,
        tail: Position,
    ) -> Action {
        let nothing = page.slices.is_empty();
        let full = to.batch.take(page.slices, &self.room());
        if nothing {
            to.from = to.from.max(tail);
        } else if let Some(next) = to.batch.next() {
            to.from = next;
        }
        self.oldest = to.batch.oldest();
        if to.batch.is_empty() {
            if let Some(gone) = self.checkpoint.pending.take() {
                // Retention removed all of it; what comes after it is not pending.
                let splits = mem::take(&mut self.checkpoint.splits);
                self.checkpoint = Checkpoint::before(gone.end, None, splits);
                return self.gather(to.due);
            }
            self.steady();
            return self.wait(to, None);
        }
        // A pending batch is full at its end; retention or a lost tail may leave less of it.
        let complete = full || (nothing && self.checkpoint.pending.is_some());
        if !complete && to.from < tail {
            return self.read(to);
        }
        let due = *to.due.get_or_insert(now.plus(self.policy.window_ms));
        // The window bounds the wait also where the clock went back.
        let left = due.since(now).min(self.policy.window_ms);
        if complete || left == 0 {
            return self.fire(now, to.batch);
        }
        self.wait(to, Some(left))
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
        self.call(if self.policy.unpacks {
            batch.unpack()
        } else {
            batch
        })
    }

    pub(super) fn call(&mut self, batch: Batch) -> Action {
        let batch = Arc::new(batch);
        let attempt = self.checkpoint.attempts().saturating_add(1);
        self.phase = Phase::Invoking(Arc::clone(&batch));
        Action::Invoke { batch, attempt }
    }

    /// How many records are too old to be delivered; they come first.
    fn too_old(&self, now: Millis, batch: &Batch) -> usize {
        let horizon = self.policy.age_ms.map(|age| now.0.saturating_sub(age));
        horizon.map_or(0, |horizon| batch.older_than(Millis(horizon)))
    }
}
