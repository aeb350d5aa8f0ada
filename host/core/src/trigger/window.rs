//! Tumbling windows: stretches of time that a function sums up, one after another. A batch is of one
//! window, and what the function made of it is handed to the next call.
//!
//! A window's state is part of the lane's checkpoint, so it becomes durable with the records that it
//! was made of.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{event::Window, limit, port::WindowStatus, position::Position, time::Millis};

/// The state of a window that no function was called for.
pub const EMPTY_STATE: &str = "{}";

/// The windows of a trigger, while a batch is put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    /// How long each of them is.
    pub width_ms: u64,
    /// When the open one ends.
    pub open_until: Option<Millis>,
}

impl Windows {
    /// When the window ends of a batch whose first record arrived at `first`.
    #[must_use]
    pub fn end(&self, first: Option<Millis>) -> Option<Millis> {
        let end = |first| bounds(first, self.width_ms).1;
        self.open_until.or_else(|| first.map(end))
    }
}

/// When the window began that a record of this arrival is in, and when it ends. Windows begin with
/// 1970.
#[must_use]
pub fn bounds(arrival: Millis, width_ms: u64) -> (Millis, Millis) {
    let start = arrival.0 - arrival.0 % width_ms.max(1);
    (Millis(start), Millis(start.saturating_add(width_ms)))
}

/// A window that is not closed yet, as a lane remembers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenWindow {
    /// When it began.
    pub start: Millis,
    /// When it ends.
    pub end: Millis,
    /// What the function answered last, as JSON.
    pub state: Arc<str>,
    /// The position after its last record, where a later window's record was seen behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Position>,
    /// How often the call that closes it without records failed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub attempts: u32,
    /// Why that failed the last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Arc<str>>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(n: &u32) -> bool {
    *n == 0
}

impl OpenWindow {
    /// The window of a record of this arrival, with nothing in it.
    #[must_use]
    pub fn of(arrival: Millis, width_ms: u64) -> Self {
        let (start, end) = bounds(arrival, width_ms);
        Self {
            start,
            end,
            state: EMPTY_STATE.into(),
            until: None,
            attempts: 0,
            error: None,
        }
    }

    /// What a call is told of it.
    #[must_use]
    pub fn told(&self) -> Window {
        Window {
            start: self.start,
            end: self.end,
            state: Arc::clone(&self.state),
            is_final: false,
            is_terminated_early: false,
        }
    }

    /// What is shown of it.
    #[must_use]
    pub fn status(&self) -> WindowStatus {
        WindowStatus {
            start_ms: self.start,
            end_ms: self.end,
            state_bytes: self.state.len(),
        }
    }

    /// Whether its state has grown so large that it ends now.
    #[must_use]
    pub fn is_overfull(&self) -> bool {
        self.state.len() > limit::WINDOW_STATE_BYTES
    }

    /// When it is closed though no later record has come.
    #[must_use]
    pub fn closes(&self) -> Millis {
        self.end.plus(limit::WINDOW_LATE_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_follow_one_another_from_1970_on() {
        let of = |at| bounds(Millis(at), 120_000);
        assert_eq!(of(0), (Millis(0), Millis(120_000)));
        assert_eq!(of(119_999), (Millis(0), Millis(120_000)));
        assert_eq!(of(120_000), (Millis(120_000), Millis(240_000)));
        // 2020-12-09T07:04:00Z, the beginning of the window in Lambda's manual.
        assert_eq!(of(1_607_497_559_999).0, Millis(1_607_497_440_000));
    }

    #[test]
    fn an_open_window_goes_before_the_first_records() {
        let windows = |open_until| Windows {
            width_ms: 1_000,
            open_until,
        };
        assert_eq!(windows(None).end(None), None);
        assert_eq!(windows(None).end(Some(Millis(1_500))), Some(Millis(2_000)));
        let open = Some(Millis(900));
        assert_eq!(windows(open).end(Some(Millis(1_500))), open);
    }
}
