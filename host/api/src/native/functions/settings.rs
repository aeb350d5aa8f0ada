//! What an upload's query says: how long to wait, what invocations may use, what guests may ask for.

use std::{collections::BTreeMap, ops::RangeInclusive};

use millstream_core::port::Limits;

use crate::native::error::NativeError;

/// Milliseconds that an upload waits for its compilation by default.
const WAIT_MS: u64 = 10_000;
/// Milliseconds that it waits at most.
const WAIT_MS_MAX: u64 = 600_000;
/// Bytes of all keys and values of a function's configuration; Lambda has 4 KiB.
const CONFIG_BYTES: usize = 64 << 10;

/// An upload's settings. What the query does not name has its default.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) wait_ms: u64,
    pub(super) limits: Limits,
    pub(super) config: BTreeMap<String, String>,
}

impl Settings {
    /// From the query's pairs.
    pub(super) fn parse(query: Vec<(String, String)>) -> Result<Self, NativeError> {
        let mut settings = Self {
            wait_ms: WAIT_MS,
            limits: Limits::default(),
            config: BTreeMap::new(),
        };
        let mut seen = BTreeMap::new();
        for (name, value) in query {
            if seen.insert(name.clone(), ()).is_some() {
                return Err(NativeError::Setting(format!("`{name}` is given twice")));
            }
            if let Some(key) = name.strip_prefix("config.") {
                settings.config.insert(key.to_owned(), value);
            } else if name == "wait_ms" {
                settings.wait_ms = number(&name, &value, 0..=WAIT_MS_MAX)?;
            } else {
                let (limit, allowed) = limit(&mut settings.limits, &name)?;
                *limit = number(&name, &value, allowed)?;
            }
        }
        let bytes: usize = settings.config.iter().map(|(k, v)| k.len() + v.len()).sum();
        if bytes > CONFIG_BYTES {
            return Err(NativeError::TooLarge {
                what: format!("the configuration of {bytes} bytes"),
                limit: format!("{CONFIG_BYTES} bytes"),
            });
        }
        Ok(settings)
    }
}

/// The limit of that name, and what it may be.
fn limit<'a>(
    limits: &'a mut Limits,
    name: &str,
) -> Result<(&'a mut u64, RangeInclusive<u64>), NativeError> {
    let Limits {
        memory_bytes,
        time_ms,
        table_elements,
        output_records,
        output_bytes,
        state_entries,
        state_bytes,
        log_bytes,
        call_bytes,
        random_bytes,
        handles,
    } = limits;
    Ok(match name {
        // A component's memory is 32 bits wide.
        "memory_bytes" => (memory_bytes, 64 << 10..=4 << 30),
        // Lambda's quarter of an hour.
        "time_ms" => (time_ms, 1..=900_000),
        // What an instance's slot has room for.
        "table_elements" => (table_elements, 0..=100_000),
        "output_records" => (output_records, 0..=1_000_000),
        "output_bytes" => (output_bytes, 0..=64 << 20),
        // What one commit takes beside outputs, dead letters and the checkpoint.
        "state_entries" => (state_entries, 0..=800),
        "state_bytes" => (state_bytes, 0..=16 << 20),
        "log_bytes" => (log_bytes, 0..=1 << 20),
        "call_bytes" => (call_bytes, 0..=64 << 20),
        "random_bytes" => (random_bytes, 0..=64 << 20),
        "handles" => (handles, 0..=65_536),
        _ => {
            let what = format!(
                "there is no parameter `{name}`; there are `wait_ms`, `config.KEY` and the limits"
            );
            return Err(NativeError::BadRequest(what));
        }
    })
}

fn number(name: &str, value: &str, allowed: RangeInclusive<u64>) -> Result<u64, NativeError> {
    let parsed = value.parse().ok().filter(|number| allowed.contains(number));
    parsed.ok_or_else(|| {
        let (least, most) = allowed.into_inner();
        let what = format!("{name} is {value:?}; allowed are {least} to {most}");
        NativeError::Setting(what)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(query: &[(&str, &str)]) -> Result<Settings, NativeError> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Settings::parse(query.iter().map(owned).collect())
    }

    #[test]
    fn takes_limits_and_configuration_by_name() {
        let settings = parse(&[
            ("wait_ms", "0"),
            ("memory_bytes", "65536"),
            ("config.a.b", "x y"),
            ("config.empty", ""),
        ])
        .unwrap();
        assert_eq!(
            (settings.wait_ms, settings.limits.memory_bytes),
            (0, 65_536)
        );
        assert_eq!(settings.limits.time_ms, Limits::default().time_ms);
        assert_eq!(settings.config["a.b"], "x y");
        assert_eq!(settings.config["empty"], "");
    }

    #[test]
    fn every_limit_can_be_named() {
        let all = serde_json::to_value(Limits::default()).unwrap();
        for name in all.as_object().unwrap().keys() {
            let most = *limit(&mut Limits::default(), name).unwrap().1.end();
            assert!(parse(&[(name, &most.to_string())]).is_ok(), "{name}");
            let error = parse(&[(name, &(most + 1).to_string())]).unwrap_err();
            assert_eq!(error.kind().1, "invalid_setting", "{name}");
        }
    }

    #[test]
    fn refuses_what_is_unknown_twice_or_no_number() {
        let code = |query: &[_]| parse(query).unwrap_err().kind().1;
        assert_eq!(code(&[("memory", "1")]), "bad_request");
        assert_eq!(
            code(&[("time_ms", "1"), ("time_ms", "2")]),
            "invalid_setting"
        );
        assert_eq!(code(&[("time_ms", "-1")]), "invalid_setting");
        assert_eq!(
            code(&[("config.a", &"x".repeat(CONFIG_BYTES))]),
            "too_large"
        );
    }
}
