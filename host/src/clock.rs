//! The wall clock. Everything else is given the time as an argument.

use std::time::{SystemTime, UNIX_EPOCH};

use millstream_core::time::Millis;

/// The moment at which it is called; 1970 where the machine's clock stands before that.
pub(crate) fn now() -> Millis {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
