//! A mapping as Lambda shows it.

use millstream_core::catalog::{StartingPosition, Trigger};
use serde_json::{Value, json};

use super::source;
use crate::lambda::call::Call;

/// The same in the answer to a change, which is in effect already: Amazon's shows it under way, and
/// clients look again.
pub(super) fn changing(call: &Call<'_>, trigger: &Trigger, state: &str) -> Value {
    let mut shown = mapping(call, trigger);
    shown["State"] = state.into();
    shown
}

/// Changes are in effect when their answers are sent, so a mapping is either enabled or disabled.
pub(super) fn mapping(call: &Call<'_>, trigger: &Trigger) -> Value {
    let settings = &trigger.settings;
    let account = &call.app().identity.account;
    let uuid = trigger.uuid();
    let region = &call.region;
    let arn = format!("arn:aws:lambda:{region}:{account}:event-source-mapping:{uuid}");
    let state = if settings.enabled {
        "Enabled"
    } else {
        "Disabled"
    };
    let mut on_failure = json!({});
    if let Some(stream) = &settings.on_failure_stream {
        on_failure["Destination"] = source::arn(call, stream).into();
    }
    if let Some(destination) = &settings.on_failure_destination {
        on_failure["Destination"] = destination.as_str().into();
    }
    let mut shown = json!({
        "UUID": uuid,
        "EventSourceMappingArn": arn,
        "EventSourceArn": source::of(call, settings),
        "FunctionArn": call.arn(&settings.function, settings.qualifier.as_ref()),
        "State": state,
        "StateTransitionReason": "User action",
        "LastModified": seconds(trigger.updated.0),
        "LastProcessingResult": last_result(call, trigger),
        "StartingPosition": match settings.starting_position {
            StartingPosition::TrimHorizon => "TRIM_HORIZON",
            StartingPosition::Latest => "LATEST",
            StartingPosition::AtTimestamp => "AT_TIMESTAMP",
        },
        "BatchSize": settings.batch_size,
        "MaximumBatchingWindowInSeconds": settings.maximum_batching_window_in_seconds,
        "MaximumRecordAgeInSeconds": settings.maximum_record_age_in_seconds,
        "MaximumRetryAttempts": settings.maximum_retry_attempts,
        "BisectBatchOnFunctionError": settings.bisect_batch_on_function_error,
        "ParallelizationFactor": settings.parallelization_factor,
        "TumblingWindowInSeconds": settings.tumbling_window_in_seconds,
        "FunctionResponseTypes": settings.function_response_types,
        "DestinationConfig": {"OnFailure": on_failure},
    });
    if let Some(at) = settings.starting_position_timestamp {
        shown["StartingPositionTimestamp"] = seconds(at.0.0);
    }
    if !settings.filter_criteria.is_empty() {
        let patterns = settings.filter_criteria.texts();
        let filters: Vec<Value> = patterns.map(|text| json!({"Pattern": text})).collect();
        shown["FilterCriteria"] = json!({"Filters": filters});
    }
    shown
}

fn seconds(ms: u64) -> Value {
    (ms as f64 / 1000.0).into()
}

/// What the lanes say of their last batches.
fn last_result(call: &Call<'_>, trigger: &Trigger) -> &'static str {
    let lanes = call.app().triggers.status(&trigger.name);
    if lanes.iter().any(|lane| lane.last_error.is_some()) {
        return "PROBLEM: Function call failed";
    }
    if lanes.iter().any(|lane| lane.batches > 0) {
        return "OK";
    }
    // All that was tried was given up.
    if lanes.iter().any(|lane| lane.dead_letters > 0) {
        return "PROBLEM: Function call failed";
    }
    "No records processed"
}
