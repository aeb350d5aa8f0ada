//! Many worlds, on all processors.

use std::{
    fmt,
    ops::AddAssign,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use crate::{Figures, Outcome, run};

/// Which worlds.
#[derive(Debug, Clone, Copy)]
pub struct Range {
    /// The first seed.
    pub from: u64,
    /// How many.
    pub seeds: u64,
}

/// What came of them.
#[derive(Debug, Default)]
pub struct Summary {
    /// How many came to rest as they should.
    pub sound: u64,
    /// The others, by seed; after the first one no more are begun.
    pub wrong: Vec<Outcome>,
    /// How often what happened in all.
    pub figures: Figures,
}

impl Range {
    /// That range, unless the environment says another: `MILLSTREAM_SIM_SEED` is the one seed, or the
    /// first one of `MILLSTREAM_SIM_SEEDS`.
    #[must_use]
    pub fn of_environment(self) -> Self {
        let number = |name| std::env::var(name).ok()?.parse().ok();
        let from: Option<u64> = number("MILLSTREAM_SIM_SEED");
        let seeds = number("MILLSTREAM_SIM_SEEDS");
        Self {
            from: from.unwrap_or(self.from),
            seeds: seeds.unwrap_or(if from.is_some() { 1 } else { self.seeds }),
        }
    }

    /// Lives them all; `each` is called in a world's thread before it begins.
    #[must_use]
    pub fn live(self, each: impl Fn() + Sync) -> Summary {
        let next = AtomicU64::new(self.from);
        let summary = Mutex::new(Summary::default());
        let work = || {
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= self.from.saturating_add(self.seeds) {
                    return;
                }
                each();
                let outcome = run(seed);
                let mut summary = summary.lock().unwrap_or_else(PoisonError::into_inner);
                summary.figures += outcome.figures;
                if outcome.violation.is_none() {
                    summary.sound += 1;
                    continue;
                }
                summary.wrong.push(outcome);
                next.store(u64::MAX / 2, Ordering::Relaxed);
            }
        };
        let threads = thread::available_parallelism().map_or(1, usize::from);
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(work);
            }
        });
        let mut summary = summary.into_inner().unwrap_or_else(PoisonError::into_inner);
        summary.wrong.sort_by_key(|outcome| outcome.seed);
        summary
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.tail {
            writeln!(f, "{line}")?;
        }
        let seed = self.seed;
        match &self.violation {
            Some(wrong) => {
                writeln!(f, "world {seed} goes wrong: {wrong}")?;
                write!(f, "again: MILLSTREAM_SIM_SEED={seed} make worlds")
            }
            None => write!(f, "world {seed} is sound"),
        }
    }
}

impl AddAssign for Figures {
    fn add_assign(&mut self, other: Self) {
        let Self {
            passed,
            filtered,
            calls,
            failures,
            halves,
            parts,
            exhausted,
            aged,
            rejected,
            dropped,
            divided,
            windows,
            crashes,
            children,
        } = other;
        self.passed += passed;
        self.filtered += filtered;
        self.calls += calls;
        self.failures += failures;
        self.halves += halves;
        self.parts += parts;
        self.exhausted += exhausted;
        self.aged += aged;
        self.rejected += rejected;
        self.dropped += dropped;
        self.divided += divided;
        self.windows += windows;
        self.crashes += crashes;
        self.children += children;
    }
}
