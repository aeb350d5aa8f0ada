//! What is fuzzed, and the loop around it: until its time is over, or an input brings it down.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Instant,
};

use support::Random;

use crate::mutate::mutated;

/// A reader of what strangers send. It panics where what must hold does not.
pub(crate) trait Target {
    /// As in the name of a file.
    const NAME: &'static str;

    /// Inputs to begin with.
    fn corpus(&self) -> Vec<Vec<u8>>;

    /// Reads one input.
    fn run(&self, input: &[u8]);
}

/// What came of it.
pub(crate) struct Outcome {
    pub(crate) name: &'static str,
    pub(crate) runs: u64,
    /// The input that brought it down.
    pub(crate) fatal: Option<Vec<u8>>,
}

/// Runs a target until `end`. The same seed gives the same inputs in the same order.
pub(crate) fn fuzz<T: Target>(target: &T, seed: u64, end: Instant) -> Outcome {
    let (mut random, corpus) = (Random::seeded(seed), target.corpus());
    let mut outcome = Outcome {
        name: T::NAME,
        runs: 0,
        fatal: None,
    };
    let survives = |input: &[u8]| catch_unwind(AssertUnwindSafe(|| target.run(input))).is_ok();
    for input in &corpus {
        if !survives(input) {
            outcome.fatal = Some(input.clone());
            return outcome;
        }
    }
    while Instant::now() < end {
        let input = mutated(&mut random, &corpus);
        outcome.runs += 1;
        if !survives(&input) {
            outcome.fatal = Some(input);
            break;
        }
    }
    outcome
}
