//! Tumbling windows: of which one a batch is, and closing one without records, which is a call of its
//! own with attempts of its own.

use std::sync::Arc;

use super::{Action, Committing, Machine};
use crate::{
    event::Origin,
    port::Verdict,
    position::Position,
    time::Millis,
    trigger::{
        batch::Batch,
        checkpoint::Checkpoint,
        effect::Effects,
        retry,
        window::{OpenWindow, Windows},
    },
};

impl Machine {
    /// The windows that the records of a batch may be of.
    pub(super) fn windows(&self) -> Option<Windows> {
        self.policy.tumbling_ms.map(|width_ms| Windows {
            width_ms,
            open_until: self.checkpoint.window.as_ref().map(|window| window.end),
        })
    }

    /// The window that `batch` is of: the open one, or one that it opens.
    fn window_of(&self, batch: &Batch) -> Option<OpenWindow> {
        let width_ms = self.policy.tumbling_ms?;
        let opened = || Some(OpenWindow::of(batch.oldest()?, width_ms));
        self.checkpoint.window.clone().or_else(opened)
    }

    /// Tells the batch its window. Whether a call is the window's last is known when it is cut.
    pub(super) fn assign_window(&self, batch: &mut Batch) {
        batch.set_window(self.window_of(batch).map(|window| window.told()));
    }

    /// Whether there is room for the batch's first record only in an event without a state.
    pub(super) fn is_crowded(&self, batch: &Batch, origin: &Origin) -> bool {
        let mut alone = batch.clone();
        alone.set_window(None);
        self.checkpoint.window.is_some() && alone.fitting(origin) > 0
    }

    /// Where the window of `batch` ends, as far as that is known.
    fn window_until(&self, batch: &Batch) -> Option<Position> {
        let known = self.checkpoint.window.as_ref();
        let known = known.and_then(|window| window.until);
        known.or_else(|| batch.next().filter(|_| batch.is_over()))
    }

    /// Says whether this is the last call of the batch's window.
    pub(super) fn mark_final(&self, batch: &mut Batch) {
        let Some(mut window) = batch.window().cloned() else {
            return;
        };
        let until = self.window_until(batch);
        window.is_final = until.is_some_and(|until| batch.next() >= Some(until));
        batch.set_window(Some(window));
    }

    /// The open window while `batch` is to be tried again, or the rest of it; the function's last answer
    /// is `state`, where that counts.
    pub(super) fn window_within(
        &self,
        batch: &Batch,
        state: Option<Arc<str>>,
    ) -> Option<OpenWindow> {
        let mut window = match batch.window() {
            Some(_) => self.window_of(batch)?,
            None => return self.checkpoint.window.clone(),
        };
        window.until = self.window_until(batch);
        window.state = state.unwrap_or(window.state);
        Some(window)
    }

    /// The open window when all of `batch` is done.
    pub(super) fn window_after(
        &self,
        batch: &Batch,
        state: Option<Arc<str>>,
    ) -> Option<OpenWindow> {
        let is_final = batch.window().is_some_and(|window| window.is_final);
        self.window_within(batch, state).filter(|_| !is_final)
    }

    /// What has to be done about the open window before anything else.
    pub(super) fn close_early(&mut self) -> Option<Action> {
        let window = self.checkpoint.window.as_ref()?;
        if self.policy.tumbling_ms.is_some() {
            return window.is_overfull().then(|| self.close(true));
        }
        // The trigger has no windows any more.
        if self.policy.events.is_some() {
            return Some(self.close(true));
        }
        // The function is one now that knows of none.
        Some(self.forget_window())
    }

    /// Whether no more records will come for the open window.
    pub(super) fn is_window_over(&self, now: Millis) -> bool {
        let window = self.checkpoint.window.as_ref();
        window.is_some_and(|window| self.policy.is_closed || now >= window.closes())
    }

    /// In how many milliseconds the open window is over.
    pub(super) fn window_ends_in(&self, now: Millis) -> Option<u64> {
        let window = self.checkpoint.window.as_ref()?;
        Some(window.closes().since(now))
    }

    /// Calls the function for the last time for the open window, without records.
    pub(super) fn close(&mut self, is_terminated_early: bool) -> Action {
        let Some(window) = &self.checkpoint.window else {
            return self.gather(None);
        };
        let mut told = window.told();
        told.is_final = true;
        told.is_terminated_early = is_terminated_early;
        self.call_again(Arc::new(Batch::closing(self.checkpoint.next, told)))
    }

    /// The open window's last call succeeded.
    pub(super) fn closed(&mut self, batch: Arc<Batch>, said: Verdict) -> Action {
        let effects = Effects {
            outputs: said.outputs,
            writes: said.writes,
            ..self.without_window()
        };
        self.commit(Committing {
            effects: Arc::new(effects),
            verdict_on: Some(batch),
            rest_ms: 0,
        })
    }

    /// The open window's last call failed: count that durably before resting, or give the window up.
    pub(super) fn fail_to_close(&mut self, error: Arc<str>) -> Action {
        let Some(window) = &mut self.checkpoint.window else {
            return self.gather(None);
        };
        let attempts = window.attempts.saturating_add(1);
        window.error = Some(error);
        window.attempts = attempts;
        if self.policy.is_exhausted(attempts) {
            return self.forget_window();
        }
        let checkpoint = self.checkpoint.clone();
        self.commit(Committing {
            effects: Arc::new(Effects {
                filtered: self.passed.left_out.filtered,
                ..Effects::only(checkpoint)
            }),
            verdict_on: None,
            rest_ms: retry::delay_ms(attempts),
        })
    }

    fn forget_window(&mut self) -> Action {
        let lost_window = self.checkpoint.window.clone();
        let effects = Effects {
            lost_window,
            ..self.without_window()
        };
        self.commit(Committing {
            effects: Arc::new(effects),
            verdict_on: None,
            rest_ms: 0,
        })
    }

    /// That the lane stands where it stands, with no window open.
    fn without_window(&self) -> Effects {
        let checkpoint = Checkpoint {
            window: None,
            ..self.checkpoint.clone()
        };
        Effects {
            filtered: self.passed.left_out.filtered,
            ..Effects::only(checkpoint)
        }
    }

    /// Which try of the batch comes next, from 1.
    pub(super) fn attempt(&self, batch: &Batch) -> u32 {
        let closing = self.checkpoint.window.as_ref();
        let closing = closing.filter(|_| batch.is_empty());
        let failed = closing.map_or(self.checkpoint.attempts(), |window| window.attempts);
        failed.saturating_add(1)
    }
}
