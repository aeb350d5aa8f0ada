//! `config`: settings that were given with the upload.

use crate::guest::Guest;

pub(super) fn config(guest: &Guest, key: &str) -> Option<String> {
    guest.config.get(key).cloned()
}
