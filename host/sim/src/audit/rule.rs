//! The settings of a trigger while they were in effect, read anew from their JSON: whoever judges does
//! not ask those who are judged.

use millstream_core::catalog::TriggerSettings;
use serde_json::Value;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rule {
    /// The keys that are wanted end so; none: all.
    suffixes: Option<Vec<String>>,
    pub(super) batch: usize,
    pub(super) window_ms: u64,
    pub(super) retries: Option<u64>,
    pub(super) bisect: bool,
    pub(super) age_ms: Option<u64>,
    pub(super) on_failure: Option<String>,
    /// Into how many parts shards are divided.
    pub(super) parts: usize,
    /// When all lanes had other settings.
    pub(super) ended: Option<u64>,
}

impl Rule {
    pub(super) fn of(settings: &TriggerSettings) -> Self {
        let json = serde_json::to_value(settings).unwrap_or_default();
        let number = |name: &str| json[name].as_i64().unwrap_or(-1);
        let mut suffixes = Vec::new();
        collect(&json["filter_criteria"], &mut suffixes);
        Self {
            suffixes: (!json["filter_criteria"].is_null()).then_some(suffixes),
            batch: number("batch_size") as usize,
            window_ms: number("maximum_batching_window_in_seconds") as u64 * 1000,
            retries: u64::try_from(number("maximum_retry_attempts")).ok(),
            bisect: json["bisect_batch_on_function_error"] == true,
            age_ms: u64::try_from(number("maximum_record_age_in_seconds"))
                .ok()
                .map(|seconds| seconds * 1000),
            on_failure: json["on_failure_stream"].as_str().map(str::to_owned),
            parts: number("parallelization_factor") as usize,
            ended: None,
        }
    }

    /// The same, whenever.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let ended = other.ended;
        *other
            == Self {
                ended,
                ..self.clone()
            }
    }

    pub(super) fn wants(&self, key: &str) -> bool {
        let ends = |suffixes: &Vec<String>| suffixes.iter().any(|s| key.ends_with(s.as_str()));
        self.suffixes.as_ref().is_none_or(ends)
    }

    pub(super) fn is_exhausted(&self, attempts: u32) -> bool {
        self.retries
            .is_some_and(|retries| u64::from(attempts) > retries)
    }
}

/// All suffixes in a pattern, which stands as text in the filters.
fn collect(json: &Value, into: &mut Vec<String>) {
    match json {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| match value {
            Value::String(suffix) if name == "suffix" => into.push(suffix.clone()),
            Value::String(pattern) => {
                collect(&serde_json::from_str(pattern).unwrap_or_default(), into);
            }
            value => collect(value, into),
        }),
        Value::Array(values) => values.iter().for_each(|value| collect(value, into)),
        _ => {}
    }
}
