//! `millstream status`: what a host is doing.

use jiff::Timestamp;
use serde_json::Value;

use super::Session;
use crate::{
    client::route::Route,
    failure::Failure,
    output::{bytes, cell, table},
};

/// No options of its own.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  millstream status --json")]
pub(crate) struct Args {}

pub(super) fn run(session: &Session) -> Result<(), Failure> {
    let status = session.client.get(&Route::new(&["v1", "status"]))?;
    session.output.print(&status, show)
}

fn show(status: &Value) -> String {
    let fields = status.as_object().into_iter().flatten();
    table(
        ["what", "value"],
        fields.map(|(name, value)| row(name, value)),
    )
}

/// A field's unit is the end of its name.
fn row(name: &str, value: &Value) -> [String; 2] {
    let number = value.as_u64().unwrap_or_default();
    let moment = || Timestamp::from_millisecond(i64::try_from(number).ok()?).ok();
    let (name, value) = if let Some(name) = name.strip_suffix("_ms") {
        let moment = moment().map(|at| format!("{at:.0}"));
        (name, moment.unwrap_or_else(|| cell(value)))
    } else if let Some(name) = name.strip_suffix("_us") {
        (name, format!("{} us", cell(value)))
    } else if name.ends_with("_bytes") || name.starts_with("bytes_") {
        (name, bytes(number))
    } else {
        (name, cell(value))
    };
    [name.replace('_', " "), value]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_are_shown_in_their_units() {
        let shown = |name: &str, value: Value| row(name, &value).join(": ");
        assert_eq!(
            shown("started_ms", json!(0)),
            "started: 1970-01-01T00:00:00Z"
        );
        assert_eq!(shown("wal_bytes", json!(2048)), "wal bytes: 2.00 KiB");
        assert_eq!(shown("commit_p99_us", json!(1500)), "commit p99: 1,500 us");
        assert_eq!(shown("records_in", json!(1500)), "records in: 1,500");
        assert_eq!(shown("version", json!("0.1.0")), "version: 0.1.0");
    }
}
