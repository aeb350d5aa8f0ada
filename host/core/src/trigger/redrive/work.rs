//! Letters of one shard on their way through the function: what to call it with next.
//!
//! Where the function fails for several letters together they are halved, so that in the end each one
//! is done or has failed by itself.

use std::{ops::Range, sync::Arc};

use crate::trigger::verdict::Blame;

/// What is to be done with so many letters.
#[derive(Debug)]
pub struct Work {
    /// What is left, the next one last.
    left: Vec<Range<usize>>,
    failed: Vec<(usize, Arc<str>)>,
}

impl Work {
    /// With all of `letters` letters left, of which a call takes `at_once`.
    #[must_use]
    pub fn of(letters: usize, at_once: usize) -> Self {
        let at_once = at_once.max(1);
        let spans = (0..letters).step_by(at_once);
        let spans = spans.map(|start| start..letters.min(start + at_once));
        Self {
            left: spans.rev().collect(),
            failed: Vec::new(),
        }
    }

    /// What to call the function with.
    #[must_use]
    pub fn next(&self) -> Option<Range<usize>> {
        self.left.last().cloned()
    }

    /// Of those, the ones before `until` are done, but for those that were rejected.
    pub fn progressed(&mut self, until: usize, rejected: Vec<(usize, String)>) {
        let Some(span) = self.left.pop() else { return };
        let rejected = rejected.into_iter();
        self.failed
            .extend(rejected.map(|(at, error)| (span.start + at, error.into())));
        self.leave(span.start + until..span.end);
    }

    /// None of them is.
    pub fn failed(&mut self, error: &str, blame: Blame) {
        let Some(span) = self.left.pop() else { return };
        if blame == Blame::Batch && span.len() > 1 {
            let middle = span.start + span.len().div_ceil(2);
            self.leave(middle..span.end);
            self.leave(span.start..middle);
            return;
        }
        self.failed.push((span.start, error.into()));
        self.leave(span.start + 1..span.end);
    }

    fn leave(&mut self, span: Range<usize>) {
        if !span.is_empty() {
            self.left.push(span);
        }
    }

    /// Which letters failed, and why.
    #[must_use]
    pub fn failures(self) -> Vec<(usize, Arc<str>)> {
        self.failed
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Works `letters`, of which those in `bad` make the whole call fail, those in `rejected` are
    /// rejected, and those in `retried` end it; which came through, and which failed.
    fn worked(
        letters: usize,
        at_once: usize,
        fate: impl Fn(usize) -> u8,
    ) -> (Vec<usize>, Vec<usize>, usize) {
        let mut work = Work::of(letters, at_once);
        let (mut through, mut calls) = (Vec::new(), 0);
        while let Some(span) = work.next() {
            assert!(span.len() <= at_once.max(1));
            calls += 1;
            if span.clone().any(|at| fate(at) == 1) {
                work.failed("trap", Blame::Batch);
                continue;
            }
            let until = span.clone().position(|at| fate(at) == 2);
            if until == Some(0) {
                work.failed("retry", Blame::First);
                continue;
            }
            let until = until.unwrap_or(span.len());
            let done = span.start..span.start + until;
            let rejected = done.clone().filter(|&at| fate(at) == 3);
            let rejected = rejected.map(|at| (at - span.start, "no".to_owned()));
            work.progressed(until, rejected.collect());
            through.extend(done.filter(|&at| fate(at) == 0));
        }
        let failed = work.failures().into_iter().map(|(at, _)| at).collect();
        (through, failed, calls)
    }

    #[test]
    fn one_call_does_all_where_nothing_fails() {
        assert_eq!(worked(5, 10, |_| 0), (vec![0, 1, 2, 3, 4], vec![], 1));
        assert_eq!(worked(5, 2, |_| 0), (vec![0, 1, 2, 3, 4], vec![], 3));
        assert_eq!(worked(0, 2, |_| 0), (vec![], vec![], 0));
    }

    proptest! {
        #[test]
        fn each_letter_is_done_or_failed_once_and_in_order(
            fates in prop::collection::vec(0u8..4, 0..40),
            at_once in 0usize..12,
        ) {
            let (through, mut failed, calls) = worked(fates.len(), at_once, |at| fates[at]);
            let of = |good: bool| -> Vec<usize> {
                (0..fates.len()).filter(|&at| (fates[at] == 0) == good).collect()
            };
            prop_assert_eq!(through, of(true));
            failed.sort_unstable();
            prop_assert_eq!(failed, of(false));
            prop_assert!(calls <= 2 * fates.len() + 1);
        }
    }
}
