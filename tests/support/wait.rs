//! Waiting for what another process does: by asking again until a generous deadline.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

/// How long anything may take on a loaded machine before a test calls it lost.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Asks until there is an answer. Errors end the wait: a host that answers wrongly is not waited for.
pub fn until<T>(what: &str, ask: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    within(PATIENCE, what, ask)
}

/// As [`until`], with a deadline of its own.
pub fn within<T>(
    limit: Duration,
    what: &str,
    mut ask: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let end = Instant::now() + limit;
    loop {
        if let Some(answer) = ask().with_context(|| format!("while waiting for {what}"))? {
            return Ok(answer);
        }
        if Instant::now() >= end {
            bail!("waited {limit:?} in vain for {what}");
        }
        thread::sleep(Duration::from_millis(15));
    }
}
