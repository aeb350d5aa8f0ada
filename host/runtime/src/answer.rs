//! What a guest answered becomes a verdict, or is refused as invalid.

use millstream_bindings::types;
use millstream_core::port::{Disposition, GuestError, Limits, RecordFailure, Verdict};

use crate::{
    effects::{Effects, EmitError},
    failure::cut,
    function::Answer,
};

/// Joins the answer with what the guest did before it; `records` is how many it was given.
pub(crate) fn verdict(
    answer: Answer,
    mut effects: Effects,
    records: usize,
    limits: &Limits,
) -> Result<Verdict, GuestError> {
    let types::Response { outputs, failures } = answer.map_err(|message| GuestError::Returned {
        message: cut(message),
    })?;
    for output in outputs {
        effects.emit(output, limits).map_err(|error| match error {
            EmitError::Invalid(error) => GuestError::Invalid {
                message: error.to_string(),
            },
            EmitError::Hit(hit) => hit.into(),
        })?;
    }
    let Effects {
        outputs, writes, ..
    } = effects;
    Ok(Verdict {
        outputs,
        writes,
        failures: sorted(failures, records)?,
        window_state: None,
    })
}

/// At most one failure a record, in rising order; where there are several, retry wins.
fn sorted(failures: Vec<types::Failure>, records: usize) -> Result<Vec<RecordFailure>, GuestError> {
    if let Some(failure) = failures.iter().find(|f| f.index as usize >= records) {
        return Err(GuestError::Invalid {
            message: format!(
                "it reports a failure of record {}, but the batch has {records}",
                failure.index
            ),
        });
    }
    let mut sorted: Vec<_> = failures.into_iter().map(failure).collect();
    // Stable, and retry first: the duplicate that stays is the first retry, or the first reject.
    sorted.sort_by_key(|f| (f.index, f.disposition == Disposition::Reject));
    sorted.dedup_by_key(|f| f.index);
    Ok(sorted)
}

fn failure(raw: types::Failure) -> RecordFailure {
    RecordFailure {
        index: raw.index,
        disposition: match raw.disposition {
            types::Disposition::Retry => Disposition::Retry,
            types::Disposition::Reject => Disposition::Reject,
        },
        reason: cut(raw.reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(index: u32, disposition: types::Disposition, reason: &str) -> types::Failure {
        types::Failure {
            index,
            disposition,
            reason: reason.into(),
        }
    }

    fn of(failures: Vec<types::Failure>, records: usize) -> Result<Verdict, GuestError> {
        let outputs = Vec::new();
        let answer = Ok(types::Response { outputs, failures });
        verdict(answer, Effects::default(), records, &Limits::default())
    }

    #[test]
    fn failures_are_sorted_and_a_retry_wins() {
        use types::Disposition::{Reject, Retry};
        let verdict = of(
            vec![
                failed(2, Reject, "a"),
                failed(0, Reject, "b"),
                failed(2, Retry, "c"),
                failed(2, Retry, "d"),
                failed(0, Reject, "e"),
            ],
            3,
        )
        .unwrap();
        let seen: Vec<_> = verdict
            .failures
            .iter()
            .map(|f| (f.index, f.disposition, f.reason.as_str()))
            .collect();
        assert_eq!(
            seen,
            [(0, Disposition::Reject, "b"), (2, Disposition::Retry, "c")]
        );
    }

    #[test]
    fn a_failure_of_no_record_is_invalid() {
        let error = of(vec![failed(3, types::Disposition::Retry, "")], 3).unwrap_err();
        assert!(matches!(error, GuestError::Invalid { .. }), "{error}");
    }

    #[test]
    fn an_error_fails_the_batch() {
        let answer = Err("no".to_owned());
        let error = verdict(answer, Effects::default(), 1, &Limits::default()).unwrap_err();
        assert_eq!(
            error,
            GuestError::Returned {
                message: "no".into()
            }
        );
    }
}
