//! What follows from a function's answer for its batch. Knows nothing of attempts: those are counted
//! by the machine.

use crate::{
    planted::Bug,
    port::{Disposition, GuestError, InvokeError, RecordFailure, Verdict},
};

/// What an invocation came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// The records before `until` are done, but for those that were rejected; at least one is.
    Progress {
        /// The first record that is to be tried again; the batch's length where none is.
        until: usize,
        /// What the function wants to become durable, with failures before `until` only.
        verdict: Verdict,
    },
    /// Nothing is done, and an attempt was spent.
    Failed {
        /// Why.
        error: String,
        /// Whether the first record is to blame, or the batch as a whole.
        blame: Blame,
    },
    /// Nothing is done, and nobody is to blame.
    NotCalled {
        /// Why.
        error: String,
        /// Whether the host was only busy: then it has waited for its turn already, and waiting
        /// longer each time would be unfair.
        was_busy: bool,
    },
}

/// Whom an attempt failed because of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// The batch's first record.
    First,
    /// Nobody knows.
    Batch,
    /// Nobody knows either: the function came to its end, and what it answered fails all of them.
    Answer,
}

/// Judges the answer to a batch of `records` records.
#[must_use]
pub fn judge(
    result: Result<Result<Verdict, GuestError>, InvokeError>,
    records: usize,
) -> Judgement {
    let mut verdict = match result {
        Ok(Ok(verdict)) => verdict,
        Ok(Err(error)) => {
            let blame = match error {
                GuestError::Invalid { .. } => Blame::Answer,
                _ => Blame::Batch,
            };
            return failed(error.to_string(), blame);
        }
        Err(error) => {
            return Judgement::NotCalled {
                was_busy: error == InvokeError::Throttled,
                error: error.to_string(),
            };
        }
    };
    if let Some(what) = disorder(&verdict.failures, records) {
        return failed(what, Blame::Answer);
    }
    let is_retry = |failure: &RecordFailure| failure.disposition == Disposition::Retry;
    let Some(at) = verdict.failures.iter().position(is_retry) else {
        return Judgement::Progress {
            until: records,
            verdict,
        };
    };
    let until = verdict.failures[at].index as usize;
    if until == 0 {
        return Judgement::Failed {
            error: verdict.failures.swap_remove(at).reason,
            blame: Blame::First,
        };
    }
    // What is said of later records will be said again: they are tried again.
    verdict.failures.truncate(at);
    if Bug::RejectedForgotten.is_here() {
        verdict.failures.clear();
    }
    let until = until + usize::from(Bug::PartCutTooLate.is_here());
    Judgement::Progress { until, verdict }
}

fn failed(error: String, blame: Blame) -> Judgement {
    Judgement::Failed { error, blame }
}

/// What is wrong with the failures of an answer, if anything.
pub(super) fn disorder(failures: &[RecordFailure], records: usize) -> Option<String> {
    if let Some(beyond) = failures.iter().find(|f| f.index as usize >= records) {
        let index = beyond.index;
        return Some(format!("the function failed record {index} of {records}"));
    }
    let pair = failures
        .windows(2)
        .find(|pair| pair[0].index >= pair[1].index)?;
    let index = pair[1].index;
    Some(format!(
        "the function failed record {index} twice or out of order"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::FunctionName;

    fn failure(index: u32, disposition: Disposition) -> RecordFailure {
        RecordFailure {
            index,
            disposition,
            reason: format!("no {index}"),
        }
    }

    fn judged(failures: &[(u32, Disposition)]) -> Judgement {
        let failures = failures.iter().map(|&(i, d)| failure(i, d)).collect();
        let verdict = Verdict {
            failures,
            ..Verdict::default()
        };
        judge(Ok(Ok(verdict)), 4)
    }

    /// Until where there is progress, and which records are rejected on the way.
    fn progress(failures: &[(u32, Disposition)]) -> (usize, Vec<u32>) {
        match judged(failures) {
            Judgement::Progress { until, verdict } => {
                (until, verdict.failures.iter().map(|f| f.index).collect())
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn without_failures_all_is_done() {
        assert_eq!(progress(&[]), (4, vec![]));
    }

    #[test]
    fn rejected_records_do_not_hold_the_others_up() {
        use Disposition::Reject;
        assert_eq!(progress(&[(0, Reject), (3, Reject)]), (4, vec![0, 3]));
    }

    #[test]
    fn the_lowest_retry_ends_the_progress() {
        use Disposition::{Reject, Retry};
        assert_eq!(progress(&[(1, Retry), (2, Retry)]), (1, vec![]));
        assert_eq!(
            progress(&[(0, Reject), (2, Retry), (3, Reject)]),
            (2, vec![0])
        );
        assert_eq!(progress(&[(0, Reject), (1, Retry)]), (1, vec![0]));
    }

    #[test]
    fn a_retry_of_the_first_record_fails_the_attempt() {
        use Disposition::{Reject, Retry};
        let failed = Judgement::Failed {
            error: "no 0".into(),
            blame: Blame::First,
        };
        assert_eq!(judged(&[(0, Retry), (1, Reject)]), failed);
    }

    #[test]
    fn failures_that_make_no_sense_fail_the_batch() {
        use Disposition::Reject;
        for bad in [
            &[(4, Reject)][..],
            &[(1, Reject), (1, Reject)],
            &[(2, Reject), (1, Reject)],
        ] {
            let Judgement::Failed { blame, .. } = judged(bad) else {
                panic!("{bad:?}");
            };
            assert_eq!(blame, Blame::Answer);
        }
    }

    #[test]
    fn only_errors_of_the_function_are_blamed_on_it() {
        let error = GuestError::Trapped {
            message: "unreachable".into(),
        };
        assert!(matches!(
            judge(Ok(Err(error)), 4),
            Judgement::Failed { blame: Blame::Batch, error } if error.contains("unreachable")
        ));
        let function = FunctionName::try_from("f").unwrap();
        let errors = [
            InvokeError::NotReady(function, "compiling".into()),
            InvokeError::Throttled,
            InvokeError::Host("no memory".into()),
        ];
        for error in errors {
            assert!(matches!(judge(Err(error), 4), Judgement::NotCalled { .. }));
        }
    }
}
