//! What a lane shows of itself: where it stands and what it did since the host started.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use millstream_core::{
    port::{
        Disposition, GuestError, InvokeError, Invoked, LaneStatus, PartReport, PartStatus, Span,
        WindowStatus,
    },
    position::Position,
    time::Millis,
    trigger::{Checkpoint, Effects, Machine, layout::Layout, machine::Doing, window::OpenWindow},
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

/// A shard's tally, shared with those who ask. Its lanes alone write it, a few times a batch.
#[derive(Debug)]
pub(crate) struct Board {
    tally: Mutex<Tally>,
    /// How far the shard is, for those that wait for its end.
    progress: watch::Sender<Progress>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Progress {
    /// Whether its lanes have begun: all that came before the shard is done.
    begun: bool,
    /// The next record to process, of the lane that is furthest back.
    next: Position,
    /// Whether a lane has a tumbling window open.
    has_window: bool,
    /// Whether a lane has a batch whose effects are still to come.
    is_busy: bool,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    /// One a part of the shard; never empty where a board has it.
    pub(crate) lanes: Vec<Shown>,
    /// Whether the last call failed because the function was not there.
    pub(crate) awaits_function: bool,
    /// Whether it failed because too many calls were under way.
    pub(crate) is_throttled: bool,
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

/// Where one lane stands.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shown {
    pub(crate) state: &'static str,
    pub(crate) position: Position,
    pub(crate) oldest: Option<Millis>,
    pub(crate) attempts: u32,
    pub(crate) last_error: Option<Arc<str>>,
    pub(crate) window: Option<WindowStatus>,
    /// Whether it has a batch whose effects are still to come.
    pub(crate) is_busy: bool,
    pub(crate) doing: Doing,
    /// Since when its state is what it is.
    pub(crate) since: Millis,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Latency {
    /// The last one counts what is above all bounds.
    pub(crate) buckets: [u64; LATENCY_BOUNDS_MS.len() + 1],
    pub(crate) sum_ms: u64,
}

impl Board {
    /// For lanes that go on from `layout`.
    pub(crate) fn new(layout: &Layout) -> Self {
        let tally = Tally {
            lanes: layout.lanes().map(|(_, lane)| Shown::at(lane)).collect(),
            ..Tally::default()
        };
        let progress = tally.progress();
        Self {
            tally: Mutex::new(tally),
            progress: watch::Sender::new(progress),
        }
    }

    /// Shows the lanes as they are stored.
    pub(crate) fn lay_out(&self, layout: &Layout) {
        let mut tally = self.tally();
        let before = std::mem::take(&mut tally.lanes);
        tally.lanes = layout.lanes().map(|(_, lane)| Shown::at(lane)).collect();
        if before.len() == tally.lanes.len() {
            for (lane, before) in tally.lanes.iter_mut().zip(before) {
                lane.oldest = before.oldest;
            }
        }
        self.advance(tally);
    }

    /// Shows that the lanes cannot begin or end, and why.
    pub(crate) fn stumbled(&self, error: &str) {
        let mut tally = self.tally();
        tally.set_state("backing_off");
        if let Some(lane) = tally.lanes.first_mut() {
            lane.last_error = Some(error.into());
        }
    }

    /// Tells those that wait for the shard's end how far its lanes are.
    fn advance(&self, tally: MutexGuard<'_, Tally>) {
        let now = tally.progress();
        drop(tally);
        self.progress.send_if_modified(|progress| {
            let before = *progress;
            *progress = Progress {
                begun: before.begun,
                ..now
            };
            *progress != before
        });
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
        let is_done = |progress: &Progress| progress.is_done(span());
        // An error cannot be: the sender lives as long as this.
        let _ = self.progress.subscribe().wait_for(is_done).await;
    }

    /// Whether it has, where `span` is that of the shard.
    pub(crate) fn is_done(&self, span: Span) -> bool {
        self.progress.borrow().is_done(span)
    }

    /// Whether all that came before the lane's shard is done.
    pub(crate) fn has_begun(&self) -> bool {
        self.progress.borrow().begun
    }

    /// Shows lane `index` as it is at `now`.
    pub(crate) fn show(&self, index: usize, machine: &Machine, now: Millis) {
        let mut tally = self.tally();
        let Some(lane) = tally.lanes.get_mut(index) else {
            return;
        };
        if std::mem::replace(&mut lane.state, machine.state()) != machine.state() {
            lane.since = now;
        }
        lane.doing = machine.doing();
        let error = machine.last_error().cloned();
        // Until then, what the machine before it knew is better.
        if machine.has_loaded() {
            lane.position = machine.checkpoint().next;
            lane.attempts = machine.checkpoint().attempts();
            lane.oldest = machine.oldest();
            lane.last_error = error;
            let window = machine.checkpoint().window.as_ref();
            lane.window = window.map(OpenWindow::status);
            lane.is_busy = !machine.is_between_batches();
            self.advance(tally);
        } else if error.is_some() {
            lane.last_error = error;
        }
    }

    pub(crate) fn called(&self, result: &Result<Invoked, InvokeError>) {
        let mut tally = self.tally();
        tally.invocations += u64::from(result.is_ok());
        tally.awaits_function = matches!(result, Err(InvokeError::NotReady(..)));
        tally.is_throttled = matches!(result, Err(InvokeError::Throttled));
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

impl Progress {
    fn is_done(&self, Span { first, next, .. }: Span) -> bool {
        // Records that were trimmed are nobody's business any more, but those that are in a batch.
        let is_read = self.next.max(first).until(next) == 0;
        self.begun && is_read && !self.has_window && !self.is_busy
    }
}

impl Shown {
    fn at(checkpoint: &Checkpoint) -> Self {
        Self {
            state: "waiting",
            position: checkpoint.next,
            oldest: None,
            attempts: checkpoint.attempts(),
            doing: Doing::default(),
            since: Millis::default(),
            last_error: checkpoint.error().cloned(),
            window: checkpoint.window.as_ref().map(OpenWindow::status),
            is_busy: false,
        }
    }

    fn status(&self, span: Span, now: Millis) -> PartStatus {
        // Records that were trimmed wait no more, though the lane has not passed them yet.
        let lag_records = self.position.max(span.first).until(span.next);
        let waits = self.oldest.filter(|_| lag_records > 0);
        PartStatus {
            state: self.state,
            position: self.position,
            lag_records,
            lag_ms: waits.map_or(0, |oldest| now.since(oldest)),
            attempts: self.attempts,
            last_error: self.last_error.as_deref().map(str::to_owned),
        }
    }
}

/// Of a shard whose lanes do different things, the first of these that one of them does is shown.
const TELLING: [&str; 6] = [
    "backing_off",
    "invoking",
    "committing",
    "batching",
    "waiting",
    "paused",
];

impl Tally {
    /// The next record to process, of the lane that is furthest back.
    pub(crate) fn position(&self) -> Position {
        let positions = self.lanes.iter().map(|lane| lane.position);
        positions.min().unwrap_or_default()
    }

    fn progress(&self) -> Progress {
        Progress {
            begun: false,
            next: self.position(),
            has_window: self.lanes.iter().any(|lane| lane.window.is_some()),
            is_busy: self.lanes.iter().any(|lane| lane.is_busy),
        }
    }

    pub(crate) fn set_state(&mut self, state: &'static str) {
        self.lanes.iter_mut().for_each(|lane| lane.state = state);
    }

    /// All that is known of each lane.
    pub(crate) fn reports(&self, span: Span, now: Millis) -> Vec<PartReport> {
        let report = |lane: &Shown| PartReport {
            status: lane.status(span, now),
            doing: lane.doing,
            since: lane.since,
            retry_at: lane.doing.rest_ms.map(|ms| lane.since.plus(ms)),
            awaits_function: self.awaits_function,
            is_throttled: self.is_throttled,
        };
        self.lanes.iter().map(report).collect()
    }

    pub(crate) fn status(&self, shard_id: String, span: Span, now: Millis) -> LaneStatus {
        let mut parts: Vec<_> = self.lanes.iter().map(|l| l.status(span, now)).collect();
        let rank = |state| TELLING.iter().position(|&telling| telling == state);
        let states = parts.iter().map(|part| part.state);
        let state = states.min_by_key(|&state| rank(state).unwrap_or(TELLING.len()));
        let most = |of: fn(&PartStatus) -> u64| parts.iter().map(of).max().unwrap_or(0);
        LaneStatus {
            shard_id,
            state: state.unwrap_or("waiting"),
            position: self.position(),
            lag_records: most(|part| part.lag_records),
            lag_ms: most(|part| part.lag_ms),
            attempts: parts.iter().map(|part| part.attempts).max().unwrap_or(0),
            last_error: parts.iter().find_map(|part| part.last_error.clone()),
            window: self.lanes.iter().find_map(|lane| lane.window),
            batches: self.batches,
            records: self.records,
            filtered: self.filtered,
            outputs: self.outputs,
            dead_letters: self.dead_letters,
            parts: match parts.len() {
                1 => Vec::new(),
                _ => std::mem::take(&mut parts),
            },
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
        let lane = Shown {
            position: Position::new(1, 1),
            oldest: Some(Millis(5)),
            ..Shown::default()
        };
        let tally = Tally {
            lanes: vec![lane],
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
