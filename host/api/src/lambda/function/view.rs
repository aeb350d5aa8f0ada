//! A function's configuration as Lambda shows it.

use std::sync::Arc;

use millstream_core::{
    catalog::{
        Function,
        function::{Qualifier, qualifier::LATEST, revision_id},
    },
    time::Millis,
};
use serde_json::{Map, Value, json};

use super::super::call::{Call, Found};

/// What a function shows that was not made by Lambda's clients.
const RUNTIME: &str = "provided.al2023";
const HANDLER: &str = "bootstrap";

/// All of the configuration of what was found.
pub(in crate::lambda) fn configuration(call: &Call<'_>, found: &Found) -> Value {
    let mut shown = fields(call, &found.version, found.number, found.qualifier.as_ref());
    state(call, &found.version, &mut shown);
    shown.into()
}

/// The configuration of the function as it is now.
pub(in crate::lambda) fn latest(call: &Call<'_>, function: &Arc<Function>) -> Value {
    let found = Found {
        function: Arc::clone(function),
        version: Arc::clone(function),
        number: None,
        qualifier: None,
    };
    configuration(call, &found)
}

/// As it stands in a list, where nothing is said of its state.
pub(in crate::lambda) fn listed(call: &Call<'_>, function: &Function) -> Value {
    fields(call, function, None, None).into()
}

/// A published version, or the function as it is now, as it stands in a list of versions.
pub(in crate::lambda) fn listed_version(
    call: &Call<'_>,
    function: &Function,
    number: Option<u64>,
) -> Value {
    let qualifier = number.map_or(Qualifier::Latest, Qualifier::Number);
    fields(call, function, number, Some(&qualifier)).into()
}

/// Another one after each change.
pub(in crate::lambda) fn revision(function: &Function) -> String {
    revision_id("function", function.name.as_str(), function.revision)
}

fn fields(
    call: &Call<'_>,
    function: &Function,
    number: Option<u64>,
    qualifier: Option<&Qualifier>,
) -> Map<String, Value> {
    let (details, limits) = (&function.details, &function.limits);
    let mut shown = Map::new();
    let mut add = |name: &str, value: Value| {
        shown.insert(name.to_owned(), value);
    };
    add("FunctionName", function.name.as_str().into());
    add("FunctionArn", call.arn(&function.name, qualifier).into());
    add(
        "Version",
        number.map_or(LATEST.into(), |n| n.to_string()).into(),
    );
    add(
        "Runtime",
        details.runtime.as_deref().unwrap_or(RUNTIME).into(),
    );
    add(
        "Handler",
        details.handler.as_deref().unwrap_or(HANDLER).into(),
    );
    add(
        "Role",
        match &details.role {
            Some(role) => role.as_str().into(),
            None => format!("arn:aws:iam::{}:role/none", call.app().identity.account).into(),
        },
    );
    add("Description", details.description.as_str().into());
    let (sha256, size) = match &details.package {
        Some(package) => (package.sha256.clone(), package.size),
        None => (base64_of(&function.module.hash), function.module.size),
    };
    add("CodeSha256", sha256.into());
    add("CodeSize", size.into());
    add("Timeout", limits.time_ms.div_ceil(1000).into());
    add("MemorySize", limits.memory_bytes.div_ceil(1 << 20).into());
    add("LastModified", moment(function.updated).into());
    add("RevisionId", revision(function).into());
    add("PackageType", "Zip".into());
    add("Architectures", json!(["x86_64"]));
    add("EphemeralStorage", json!({"Size": 512}));
    add("TracingConfig", json!({"Mode": "PassThrough"}));
    add(
        "SnapStart",
        json!({"ApplyOn": "None", "OptimizationStatus": "Off"}),
    );
    let group = format!("/aws/lambda/{}", function.name);
    add(
        "LoggingConfig",
        json!({"LogFormat": "Text", "LogGroup": group}),
    );
    if details.has_environment || !function.config.is_empty() {
        add("Environment", json!({"Variables": function.config}));
    }
    for (name, value) in &details.inert {
        add(name, value.clone());
    }
    shown
}

/// What waiters look at.
fn state(call: &Call<'_>, function: &Function, shown: &mut Map<String, Value>) {
    let fault = call.app().modules.fault(&function.name, function.version);
    let mut add = |name: &str, value: &str| {
        shown.insert(name.to_owned(), value.into());
    };
    match fault {
        None => {
            add("State", "Active");
            add("LastUpdateStatus", "Successful");
        }
        Some(why) => {
            add("State", "Failed");
            add("StateReason", &why);
            add("StateReasonCode", "InternalError");
            add("LastUpdateStatus", "Failed");
            add("LastUpdateStatusReason", &why);
            add("LastUpdateStatusReasonCode", "InternalError");
        }
    }
}

/// A hash in hexadecimal as it is in base64.
fn base64_of(hex: &str) -> String {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pair = |pair: &[u8]| Some((digit(pair[0])? * 16 + digit(*pair.get(1)?)?) as u8);
    let bytes: Option<Vec<u8>> = hex.as_bytes().chunks(2).map(pair).collect();
    // Whatever else it is stays as it is.
    bytes.map_or_else(
        || hex.to_owned(),
        |bytes| base64_simd::STANDARD.encode_to_string(bytes),
    )
}

/// As in `2024-09-10T12:00:00.000+0000`.
fn moment(at: Millis) -> String {
    let ms = i64::try_from(at.0).ok();
    let at = ms.and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    at.unwrap_or_default()
        .strftime("%Y-%m-%dT%H:%M:%S%.3f+0000")
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_and_hashes_are_written_as_lambda_writes_them() {
        assert_eq!(
            moment(Millis(1_725_969_600_000)),
            "2024-09-10T12:00:00.000+0000"
        );
        assert_eq!(
            moment(Millis(1_725_969_600_120)),
            "2024-09-10T12:00:00.120+0000"
        );
        assert_eq!(base64_of("00ff10"), "AP8Q");
        assert_eq!(base64_of("hash of x"), "hash of x");
    }
}
