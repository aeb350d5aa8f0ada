//! Virtual time: tokio's, which stands still while anything can be done, and the wall clock that hosts
//! are shown, which may jump.

use std::cell::Cell;

use millstream_core::time::Millis;
use tokio::time::Instant;

thread_local! {
    // A world has a thread to itself while it runs, and the workers take a plain function as clock.
    static BEGAN: Cell<Option<Instant>> = const { Cell::new(None) };
    static AHEAD: Cell<i64> = const { Cell::new(0) };
}

/// What the wall clock shows when a world begins.
const BEGINNING: u64 = 1_700_000_000_000;

/// A world begins now.
pub(crate) fn begin() {
    BEGAN.set(Some(Instant::now()));
    AHEAD.set(0);
}

/// Milliseconds since the world began, whatever the wall clock did.
pub(crate) fn elapsed() -> u64 {
    let began = BEGAN.get().unwrap_or_else(Instant::now);
    // A world lasts days, not millions of years.
    began.elapsed().as_millis() as u64
}

/// The wall clock.
pub(crate) fn now() -> Millis {
    Millis((BEGINNING + elapsed()).saturating_add_signed(AHEAD.get()))
}

/// Sets the wall clock forward, or back.
pub(crate) fn jump(ms: i64) {
    AHEAD.set(AHEAD.get() + ms);
}
