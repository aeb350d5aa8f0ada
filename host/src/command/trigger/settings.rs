//! The settings within a trigger as the host shows it, and which of them somebody set.

use millstream_core::catalog::TriggerSettings;
use serde_json::{Map, Value, json};

/// What the host shows beside the settings.
const SHOWN: [&str; 7] = [
    "name",
    "state",
    "created_ms",
    "updated_ms",
    "lag_records",
    "shards",
    "destination",
];

/// All settings of a trigger.
pub(super) fn of(trigger: &Value) -> Map<String, Value> {
    let fields = trigger.as_object().into_iter().flatten();
    fields
        .filter(|(name, _)| !SHOWN.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// What is told otherwise: in the line of the trigger, or in lines of their own.
const TOLD: [&str; 4] = ["stream", "function", "enabled", "filter_criteria"];

/// Those that are not as by default, without what is told otherwise.
pub(super) fn set(trigger: &Value) -> Map<String, Value> {
    let mut plain = defaults();
    let mut settings = of(trigger);
    settings.retain(|name, value| {
        let default = plain.remove(name).unwrap_or_default();
        !TOLD.contains(&name.as_str()) && *value != default
    });
    settings
}

/// The settings of a trigger that was given only what it must be.
fn defaults() -> Map<String, Value> {
    let given = json!({"stream": "s", "function": "f", "starting_position": "TRIM_HORIZON"});
    let plain: TriggerSettings = serde_json::from_value(given).expect("these are settings");
    match serde_json::to_value(plain) {
        Ok(Value::Object(plain)) => plain,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_not_told() {
        let mut trigger = Value::Object(defaults());
        trigger["name"] = json!("t");
        trigger["lag_records"] = json!(9);
        trigger["enabled"] = json!(false);
        assert!(set(&trigger).is_empty());
        trigger["starting_position"] = json!("LATEST");
        trigger["on_failure_stream"] = json!("dead");
        trigger["of_another_version"] = json!([1]);
        let names: Vec<_> = set(&trigger).into_iter().map(|(name, _)| name).collect();
        assert_eq!(
            names,
            [
                "of_another_version",
                "on_failure_stream",
                "starting_position"
            ]
        );
    }
}
