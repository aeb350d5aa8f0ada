//! What a runtime has done, in numbers.

use std::sync::atomic::{AtomicU64, Ordering};

use millstream_core::port::{GuestError, InvokeError};

/// Figures of a runtime, since it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RuntimeStats {
    /// Calls that ran, whatever came of them.
    pub calls: u64,
    /// Calls that failed by the guest's fault.
    pub failed: u64,
    /// Of those, calls that hit a limit.
    pub limited: u64,
    /// Calls that found no room in time.
    pub throttled: u64,
    /// Modules compiled.
    pub compiled: u64,
    /// Calls that run at the moment.
    pub running: u64,
    /// Calls that may run at a time.
    pub instances: u64,
    /// Versions of functions that can be called.
    pub functions: u64,
}

/// The figures that are counted.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    calls: AtomicU64,
    failed: AtomicU64,
    limited: AtomicU64,
    throttled: AtomicU64,
    compiled: AtomicU64,
}

impl Counters {
    /// Counts a call's end: that it ran, with the guest's fault if there was one, or that it did not.
    pub(crate) fn count(&self, ended: Result<Option<&GuestError>, &InvokeError>) {
        let add = |counter: &AtomicU64| counter.fetch_add(1, Ordering::Relaxed);
        match ended {
            Ok(fault) => {
                add(&self.calls);
                if let Some(error) = fault {
                    add(&self.failed);
                    if matches!(error, GuestError::Limit { .. }) {
                        add(&self.limited);
                    }
                }
            }
            Err(InvokeError::Throttled) => {
                add(&self.throttled);
            }
            Err(_) => {}
        }
    }

    /// Counts a module that the child compiled.
    pub(crate) fn count_compiled(&self) {
        self.compiled.fetch_add(1, Ordering::Relaxed);
    }

    /// What was counted; the rest of the figures is as at the moment, and the caller's to know.
    pub(crate) fn read(&self) -> RuntimeStats {
        let Self {
            calls,
            failed,
            limited,
            throttled,
            compiled,
        } = self;
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        RuntimeStats {
            calls: of(calls),
            failed: of(failed),
            limited: of(limited),
            throttled: of(throttled),
            compiled: of(compiled),
            ..RuntimeStats::default()
        }
    }
}
