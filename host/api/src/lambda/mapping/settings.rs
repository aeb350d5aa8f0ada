//! What clients may say of a mapping, and what it comes to in a trigger.

use millstream_core::{
    catalog::{TriggerSettings, trigger::FunctionResponseType},
    trigger::FilterCriteria,
};
use serde::Deserialize;
use serde_json::Value;

use super::source;
use crate::{
    lambda::{call::Call, fault::Fault, named::Named},
    wire::schema::{Kind, Member, one_of},
};

/// The members that both creating and updating take, beside the function's name.
pub(super) const fn members() -> [Member; 15] {
    const fn integer(name: &'static str, min: i64, max: i64) -> Member {
        Member::new(name, Kind::Integer { min, max })
    }
    const RESPONSE_TYPES: Kind = Kind::List {
        of: &one_of(&["ReportBatchItemFailures"]),
        max: 1,
    };
    [
        Member::new("Enabled", Kind::Boolean),
        integer("BatchSize", 1, 10_000),
        integer("MaximumBatchingWindowInSeconds", 0, 300),
        integer("ParallelizationFactor", 1, 10),
        integer("MaximumRecordAgeInSeconds", -1, 604_800),
        integer("MaximumRetryAttempts", -1, 10_000),
        Member::new("BisectBatchOnFunctionError", Kind::Boolean),
        integer("TumblingWindowInSeconds", 0, 900),
        Member::new("FunctionResponseTypes", RESPONSE_TYPES),
        Member::new("FilterCriteria", Kind::Document),
        Member::new("DestinationConfig", Kind::Document),
        Member::new("KMSKeyArn", Kind::Document),
        Member::new("MetricsConfig", Kind::Document),
        Member::new("LoggingConfig", Kind::Document),
        Member::new("ScalingConfig", Kind::Document),
    ]
}

/// What was given. What was not stays as it is.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Settings {
    enabled: Option<bool>,
    batch_size: Option<u32>,
    maximum_batching_window_in_seconds: Option<u32>,
    maximum_record_age_in_seconds: Option<i32>,
    maximum_retry_attempts: Option<i32>,
    bisect_batch_on_function_error: Option<bool>,
    parallelization_factor: Option<u32>,
    tumbling_window_in_seconds: Option<u32>,
    function_response_types: Option<Vec<FunctionResponseType>>,
    filter_criteria: Option<Value>,
    destination_config: Option<Value>,
    #[serde(rename = "KMSKeyArn")]
    kms_key_arn: Option<Value>,
    metrics_config: Option<Value>,
    logging_config: Option<Value>,
    scaling_config: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Criteria {
    #[serde(default)]
    filters: Option<Vec<Filter>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Filter {
    pattern: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Destinations {
    on_failure: Option<Destination>,
    on_success: Option<Destination>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Destination {
    destination: Option<String>,
}

impl Settings {
    /// Changes `settings` by what was given.
    pub(super) fn apply(
        self,
        call: &Call<'_>,
        settings: &mut TriggerSettings,
    ) -> Result<(), Fault> {
        fn set<T>(setting: &mut T, given: Option<T>) {
            if let Some(given) = given {
                *setting = given;
            }
        }
        set(&mut settings.enabled, self.enabled);
        set(&mut settings.batch_size, self.batch_size);
        set(
            &mut settings.maximum_batching_window_in_seconds,
            self.maximum_batching_window_in_seconds,
        );
        set(
            &mut settings.maximum_record_age_in_seconds,
            self.maximum_record_age_in_seconds,
        );
        set(
            &mut settings.maximum_retry_attempts,
            self.maximum_retry_attempts,
        );
        set(
            &mut settings.bisect_batch_on_function_error,
            self.bisect_batch_on_function_error,
        );
        set(
            &mut settings.parallelization_factor,
            self.parallelization_factor,
        );
        set(
            &mut settings.tumbling_window_in_seconds,
            self.tumbling_window_in_seconds,
        );
        set(
            &mut settings.function_response_types,
            self.function_response_types,
        );
        set(
            &mut settings.filter_criteria,
            self.filter_criteria.map(filters).transpose()?,
        );
        if let Some(given) = self.destination_config {
            let on_failure = destination(given)?;
            if let Some(arn) = on_failure {
                let (stream, destination) = source::on_failure(call, &arn)?;
                settings.on_failure_stream = stream;
                settings.on_failure_destination = destination;
            }
        }
        for (name, given) in [
            ("KMSKeyArn", &self.kms_key_arn),
            ("MetricsConfig", &self.metrics_config),
            ("LoggingConfig", &self.logging_config),
            ("ScalingConfig", &self.scaling_config),
        ] {
            if given.as_ref().is_some_and(asks) {
                let why =
                    format!("{name} of an event source mapping is not supported by Millstream.");
                return Err(Fault::parameter(why));
            }
        }
        Ok(())
    }
}

/// Whether there is more than the words for nothing.
fn asks(given: &Value) -> bool {
    match given {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => fields.values().any(asks),
        _ => true,
    }
}

fn filters(given: Value) -> Result<FilterCriteria, Fault> {
    let wrong = || Fault::parameter("Invalid filter pattern definition.");
    let criteria: Criteria = serde_json::from_value(given).map_err(|_| wrong())?;
    let filters = criteria.filters.unwrap_or_default().into_iter();
    let texts = filters.map(|filter| filter.pattern.unwrap_or_else(|| "{}".to_owned()));
    FilterCriteria::new(texts.collect()).map_err(|_| wrong())
}

/// The ARN for what is given up; nothing where nothing is said of it.
fn destination(given: Value) -> Result<Option<String>, Fault> {
    let unsupported =
        "Unsupported DestinationConfig parameter for given event source mapping type.";
    let given: Destinations =
        serde_json::from_value(given).map_err(|_| Fault::parameter(unsupported))?;
    let success = given.on_success.and_then(|success| success.destination);
    if success.is_some() {
        return Err(Fault::parameter(unsupported));
    }
    // As Terraform takes a destination away.
    let on_failure = given.on_failure.map(|failure| failure.destination);
    Ok(on_failure.map(Option::unwrap_or_default))
}

/// The function that a mapping shall call, which must be there.
pub(super) fn function(call: &Call<'_>, text: &str) -> Result<Named, Fault> {
    let missing = || Fault::parameter("Function does not exist");
    let named = call.named(text).map_err(|_| missing())?;
    call.function(text, None).map_err(|_| missing())?;
    Ok(named)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn words_for_nothing_ask_for_nothing() {
        for nothing in [json!(null), json!(""), json!([]), json!({"Metrics": []})] {
            assert!(!asks(&nothing), "{nothing}");
        }
        assert!(asks(&json!({"Metrics": ["EventCount"]})));
    }

    #[test]
    fn a_destination_goes_where_it_is_empty() {
        let of = |given| destination(given).unwrap();
        assert_eq!(of(json!({})), None);
        assert_eq!(of(json!({"OnFailure": {}})), Some(String::new()));
        let arn = json!({"OnFailure": {"Destination": "arn"}});
        assert_eq!(of(arn), Some("arn".to_owned()));
        assert!(destination(json!({"OnSuccess": {"Destination": "arn"}})).is_err());
    }
}
