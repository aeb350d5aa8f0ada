//! What clients may say of a function: members, their bounds, and what each comes to here.

use std::collections::BTreeMap;

use millstream_core::{catalog::function::Details, port::Limits};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    lambda::fault::Fault,
    wire::schema::{Kind, Member, Pattern, text, text_of},
};

/// The runtimes that stand for WebAssembly.
const RUNTIMES: [&str; 3] = ["provided.al2023", "provided.al2", "provided"];
/// Bytes of all names and values of the environment.
const ENVIRONMENT_BYTES: usize = 4096;
/// What is kept and shown again, and has no effect here.
const INERT: [&str; 7] = [
    "EphemeralStorage",
    "TracingConfig",
    "LoggingConfig",
    "KMSKeyArn",
    "VpcConfig",
    "DeadLetterConfig",
    "Architectures",
];
/// What would change what a function is, and is not to be had here.
const FOREIGN: [&str; 10] = [
    "Layers",
    "FileSystemConfigs",
    "ImageConfig",
    "SnapStart",
    "CodeSigningConfigArn",
    "CapacityProviderConfig",
    "DurableConfig",
    "TenancyConfig",
    "AcceleratorConfig",
    "PublishTo",
];

const ROLE: &str = r"arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+";

fn is_role(text: &str) -> bool {
    let Some((front, name)) = text.split_once(":role") else {
        return false;
    };
    let parts: Vec<&str> = front.split(':').collect();
    let [arn, partition, service, region, account] = parts[..] else {
        return false;
    };
    let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@-_/".contains(&byte);
    let is_aws = partition.is_empty() || partition.starts_with("aws");
    (arn, service, region) == ("arn", "iam", "")
        && (is_account && is_aws && name.len() > 1 && name.bytes().all(fits))
}

fn has_no_blank(text: &str) -> bool {
    !text.is_empty() && !text.contains(char::is_whitespace)
}

/// The members that both creating and configuring take.
pub(super) const fn members() -> [Member; 11] {
    [
        Member::new("Runtime", text(0, 128)),
        Member::new("Role", text_of(Pattern::Other(ROLE, is_role), 0, 10_000)),
        Member::new(
            "Handler",
            text_of(Pattern::Other(r"[^\s]+", has_no_blank), 0, 128),
        ),
        Member::new("Description", text(0, 256)),
        Member::new("Timeout", Kind::Integer { min: 1, max: 900 }),
        Member::new(
            "MemorySize",
            Kind::Integer {
                min: 128,
                max: 10_240,
            },
        ),
        Member::new("Environment", Kind::Document),
        Member::new("EphemeralStorage", Kind::Document),
        Member::new("TracingConfig", Kind::Document),
        Member::new("LoggingConfig", Kind::Document),
        Member::new("Architectures", Kind::Document),
    ]
}

/// What was given.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Settings {
    pub(super) runtime: Option<String>,
    pub(super) role: Option<String>,
    pub(super) handler: Option<String>,
    description: Option<String>,
    timeout: Option<u64>,
    memory_size: Option<u64>,
    environment: Option<Environment>,
    #[serde(flatten)]
    others: BTreeMap<String, Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Environment {
    variables: Option<BTreeMap<String, String>>,
}

/// How a function is called and shown.
#[derive(Debug, Clone)]
pub(super) struct Called {
    pub(super) limits: Limits,
    pub(super) config: BTreeMap<String, String>,
    pub(super) details: Details,
}

impl Settings {
    /// `called`, changed by what was given.
    pub(super) fn over(self, mut called: Called) -> Result<Called, Fault> {
        let Self {
            runtime,
            role,
            handler,
            description,
            timeout,
            memory_size,
            environment,
            others,
        } = self;
        if let Some(foreign) = FOREIGN.iter().find(|name| asks(&others, name)) {
            let why = format!("{foreign} is not supported by Millstream.");
            return Err(Fault::parameter(why));
        }
        let details = &mut called.details;
        if let Some(runtime) = runtime {
            known(&runtime)?;
            details.runtime = Some(runtime);
        }
        details.role = role.or_else(|| details.role.take());
        details.handler = handler.or_else(|| details.handler.take());
        if let Some(description) = description {
            details.description = description;
        }
        if let Some(seconds) = timeout {
            called.limits.time_ms = seconds * 1000;
        }
        if let Some(mebibytes) = memory_size {
            called.limits.memory_bytes = mebibytes << 20;
        }
        if let Some(Environment { variables }) = environment {
            called.config = checked(variables.unwrap_or_default())?;
            details.has_environment = true;
        }
        let inert = others.into_iter();
        let inert = inert.filter(|(name, value)| INERT.contains(&&**name) && !value.is_null());
        details.inert.extend(inert);
        Ok(called)
    }
}

/// Whether something is asked for, and not only said to be absent.
fn asks(others: &BTreeMap<String, Value>, name: &str) -> bool {
    match others.get(name) {
        None | Some(Value::Null) => false,
        Some(Value::Array(items)) => !items.is_empty(),
        Some(Value::Object(fields)) => {
            !fields.is_empty() && fields.get("ApplyOn") != Some(&Value::from("None"))
        }
        Some(_) => true,
    }
}

fn known(runtime: &str) -> Result<(), Fault> {
    if RUNTIMES.contains(&runtime) {
        return Ok(());
    }
    let accepted = RUNTIMES.join(", ");
    Err(Fault::parameter(format!(
        "The runtime {runtime} is not supported: functions are WebAssembly modules. \
         Accepted, and all the same, are {accepted}."
    )))
}

fn checked(variables: BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Fault> {
    let bytes: usize = variables.iter().map(|(k, v)| k.len() + v.len()).sum();
    if bytes > ENVIRONMENT_BYTES {
        return Err(Fault::parameter(format!(
            "Lambda was unable to configure your environment variables because the environment \
             variables you have provided exceeded the 4KB limit. They have {bytes} bytes."
        )));
    }
    Ok(variables)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn over(given: Value) -> Result<Called, Fault> {
        let settings: Settings = serde_json::from_value(given).unwrap();
        settings.over(Called {
            limits: Limits::default(),
            config: BTreeMap::new(),
            details: Details::default(),
        })
    }

    #[test]
    fn roles_are_arns_of_roles() {
        assert!(is_role("arn:aws:iam::123456789012:role/service-role/x"));
        for bad in [
            "",
            "role",
            "arn:aws:iam::12345678901:role/x",
            "arn:aws:iam::123456789012:user/x",
            "arn:aws:iam::123456789012:role",
        ] {
            assert!(!is_role(bad), "{bad}");
        }
    }

    #[test]
    fn what_cannot_be_had_is_refused_unless_it_is_empty() {
        assert!(over(json!({"Layers": []})).is_ok());
        assert!(over(json!({"SnapStart": {"ApplyOn": "None"}})).is_ok());
        let refused = over(json!({"Layers": ["arn"]})).unwrap_err();
        assert_eq!(refused.message, "Layers is not supported by Millstream.");
    }

    #[test]
    fn an_environment_has_four_kibibytes() {
        let of = |bytes: usize| json!({"Environment": {"Variables": {"k": "v".repeat(bytes - 1)}}});
        assert_eq!(over(of(4096)).unwrap().config["k"].len(), 4095);
        assert!(over(of(4097)).is_err());
    }
}
