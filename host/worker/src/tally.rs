//! What a lane shows of itself: where it stands and what it did since the host started.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use millstream_core::{
    port::{Disposition, GuestError, InvokeError, Invoked, LaneStatus, Span},
    position::Position,
    time::Millis,
    trigger::{Checkpoint, Effects, Machine},
};
use tokio::sync::watch;

/// Upper bounds of the latency histogram's buckets, in milliseconds.
pub(crate) const LATENCY_BOUNDS_MS: [u64; 12] =
    [1, 2, 5, 10, 20, 50, 100, 250, 1_000, 5_000, 30_000, 300_000];

/// What can go wrong with a batch, as it is counted.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    Returned,
    Trapped,
    Limit,
    Invalid,
    Record,
    NotReady,
    Throttled,
    Host,
    Commit,
}

impl Fault {
    /// The names under which they are shown, in the order of the variants.
    pub(crate) const NAMES: [&str; 9] = [
        "returned",
        "trapped",
        "limit",
        "invalid",
        "record",
        "not_ready",
        "throttled",
        "host",
        "commit",
    ];

    fn of(result: &Result<Invoked, InvokeError>) -> Option<Self> {
        match result {
            Ok(invoked) => match &invoked.result {
                Ok(verdict) => {
                    let mut failures = verdict.failures.iter();
                    let retried = failures.any(|f| f.disposition == Disposition::Retry);
                    retried.then_some(Self::Record)
                }
                Err(GuestError::Returned { .. }) => Some(Self::Returned),
                Err(GuestError::Exited { .. } | GuestError::Trapped { .. }) => Some(Self::Trapped),
                Err(GuestError::Limit { .. }) => Some(Self::Limit),
                Err(GuestError::Invalid { .. }) => Some(Self::Invalid),
            },
            Err(InvokeError::NotReady(..)) => Some(Self::NotReady),
            Err(InvokeError::Throttled) => Some(Self::Throttled),
            Err(InvokeError::Host(_) | InvokeError::NoEvents(..)) => Some(Self::Host),
        }
    }
}

/// A lane's tally, shared with those who ask. The lane alone writes it, a few times a batch.
#[derive(Debug)]
pub(crate) struct Board {
    tally: Mutex<Tally>,
    /// How far the lane is, for those that wait for its end.
    progress: watch::Sender<Progress>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Progress {
    /// Whether the lane has begun: all that came before its shard is done.
    begun: bool,
    /// The next record to process.
    next: Position,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    pub(crate) state: &'static str,
    pub(crate) position: Position,
    pub(crate) oldest: Option<Millis>,
    pub(crate) attempts: u32,
    pub(crate) last_error: Option<Arc<str>>,
    /// Whether the last call failed because the function was not there.
    pub(crate) awaits_function: bool,
    pub(crate) invocations: u64,
    /// By [`Fault`].
    pub(crate) faults: [u64; Fault::NAMES.len()],
    pub(crate) batches: u64,
    pub(crate) records: u64,
    /// Records that the trigger's filters left out.
    pub(crate) filtered: u64,
    pub(crate) outputs: u64,
    pub(crate) dead_letters: u64,
    /// Dead letters that had nowhere to go.
    pub(crate) dropped: u64,
    /// From a record's arrival to the call that first delivers it.
    pub(crate) latency: Latency,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Latency {
    /// The last one counts what is above all bounds.
    pub(crate) buckets: [u64; LATENCY_BOUNDS_MS.len() + 1],
    pub(crate) sum_ms: u64,
}

impl Board {
    /// For a lane that goes on from `checkpoint`.
    pub(crate) fn new(checkpoint: &Checkpoint) -> Self {
        let pending = checkpoint.pending.as_ref();
        let next = checkpoint.next;
        Self {
            tally: Mutex::new(Tally {
                state: "waiting",
                position: next,
                attempts: checkpoint.attempts(),
                last_error: pending.and_then(|pending| pending.error.clone()),
                ..Tally::default()
            }),
            progress: watch::Sender::new(Progress { begun: false, next }),
        }
    }

    pub(crate) fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells that all that came before the lane's shard is done.
    pub(crate) fn begin(&self) {
        self.progress
            .send_if_modified(|progress| !std::mem::replace(&mut progress.begun, true));
    }

    /// Waits until the lane has done all of its shard, which is closed: what `span` gives is its end.
    pub(crate) async fn done(&self, span: impl Fn() -> Span) {
        let is_done = |progress: &Progress| {
            let Span { first, next, .. } = span();
            // Records that were trimmed are nobody's business any more.
            progress.begun && progress.next.max(first).until(next) == 0
        };
        // An error cannot be: the sender lives as long as this.
        let _ = self.progress.subscribe().wait_for(is_done).await;
    }

    pub(crate) fn show(&self, machine: &Machine) {
        let mut tally = self.tally();
        tally.state = machine.state();
        let error = machine.last_error().cloned();
        // Until then, what the machine before it knew is better.
        if machine.has_loaded() {
            tally.position = machine.checkpoint().next;
            tally.attempts = machine.checkpoint().attempts();
            tally.oldest = machine.oldest();
            tally.last_error = error;
            let next = tally.position;
            drop(tally);
            self.progress
                .send_if_modified(|progress| std::mem::replace(&mut progress.next, next) != next);
        } else if error.is_some() {
            tally.last_error = error;
        }
    }

    pub(crate) fn called(&self, result: &Result<Invoked, InvokeError>) {
        let mut tally = self.tally();
        tally.invocations += u64::from(result.is_ok());
        tally.awaits_function = matches!(result, Err(InvokeError::NotReady(..)));
        if let Some(fault) = Fault::of(result) {
            tally.faults[fault as usize] += 1;
        }
    }

    pub(crate) fn committed(&self, effects: &Effects, has_on_failure: bool) {
        let mut tally = self.tally();
        tally.batches += u64::from(effects.is_answer());
        tally.records += effects.done as u64;
        tally.filtered += effects.filtered;
        tally.outputs += effects.output_records();
        tally.dead_letters += effects.discarded() as u64;
        if !has_on_failure {
            tally.dropped += effects.discarded() as u64;
        }
    }
}

impl Tally {
    pub(crate) fn status(&self, shard_id: String, span: Span, now: Millis) -> LaneStatus {
        // Records that were trimmed wait no more, though the lane has not passed them yet.
        let lag_records = self.position.max(span.first).until(span.next);
        let waits = self.oldest.filter(|_| lag_records > 0);
        LaneStatus {
            shard_id,
            state: self.state,
            position: self.position,
            lag_records,
            lag_ms: waits.map_or(0, |oldest| now.since(oldest)),
            attempts: self.attempts,
            last_error: self.last_error.as_deref().map(str::to_owned),
            batches: self.batches,
            records: self.records,
            filtered: self.filtered,
            outputs: self.outputs,
            dead_letters: self.dead_letters,
        }
    }
}

impl Latency {
    pub(crate) fn add(&mut self, ms: u64) {
        let bucket = LATENCY_BOUNDS_MS.partition_point(|&bound| bound < ms);
        self.buckets[bucket] += 1;
        self.sum_ms += ms;
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.buckets.iter_mut().zip(other.buckets) {
            *mine += theirs;
        }
        self.sum_ms += other.sum_ms;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_that_were_trimmed_do_not_wait() {
        let tally = Tally {
            position: Position::new(1, 1),
            oldest: Some(Millis(5)),
            ..Tally::default()
        };
        let status = |first| {
            let span = Span {
                first: Position::new(1, first),
                next: Position::new(1, 9),
                last_arrival: Millis(9),
            };
            tally.status("shardId-000000000000".into(), span, Millis(10))
        };
        assert_eq!((status(0).lag_records, status(0).lag_ms), (8, 5));
        assert_eq!(status(7).lag_records, 2);
        assert_eq!((status(9).lag_records, status(9).lag_ms), (0, 0));
    }
}
