//! `log`: lines for people. A flood is cut and counted, never an error.

use crate::{guest::Guest, logbook::Level};

pub(super) fn log(guest: &Guest, level: u8, message: String) {
    guest.logbook.push(Level::of(level), message);
}
