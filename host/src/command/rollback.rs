//! `millstream rollback`: a function runs again as it did before.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Session;
use crate::{client::route::Route, failure::Failure, output::printable};

/// Characters of a module's hash that are shown.
const HASH_CHARS: usize = 12;

/// Of what.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The function runs the earlier module, with the limits and settings that it had, from the next batch on.
Aliases and triggers of published versions are not affected.
Once more, it goes back to what it was before the rollback.

Examples:
  millstream rollback sessions
  millstream rollback sessions --to 3
  millstream rollback sessions --json")]
pub(crate) struct Args {
    /// The function.
    function: String,
    /// The published version to go back to. Default: the upload before the present one, or, where
    /// that is not known, the newest published version that is another.
    #[arg(long, value_name = "VERSION")]
    to: Option<u64>,
}

pub(super) fn run(args: &Args, session: &Session) -> Result<(), Failure> {
    let route = Route::new(&["v1", "functions", &args.function, "rollback"]);
    let asked = args.to.map_or_else(|| json!({}), |to| json!({"to": to}));
    let done = session.client.post(&route, &asked)?;
    session.output.print(&done, show)
}

fn show(done: &Value) -> String {
    let name = printable(done["function"]["name"].as_str().unwrap_or_default());
    let [to, from] = [&done["to"], &done["from"]].map(told);
    format!("function {name} is back at {to}; before, it was {from}")
}

/// As in `version 3 (hash 0123456789ab, of 2015-05-17T10:05:03Z)`.
fn told(state: &Value) -> String {
    let which = match state["number"].as_u64() {
        Some(number) => format!("version {number}"),
        None => "the upload".to_owned(),
    };
    let hash = state["hash"].as_str().unwrap_or_default();
    let hash: String = printable(hash).chars().take(HASH_CHARS).collect();
    let at = state["updated_ms"].as_i64();
    let at = at.and_then(|ms| Timestamp::from_millisecond(ms).ok());
    let at = at.map_or_else(|| "-".to_owned(), |at| format!("{at:.0}"));
    format!("{which} (hash {hash}, of {at})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_what_was_chosen() {
        let at = 1_431_857_103_000_u64;
        let done = json!({
            "function": {"name": "f"},
            "to": {"number": 3, "hash": "0123456789abcdef", "updated_ms": at},
            "from": {"hash": "fedcba", "updated_ms": at},
        });
        assert_eq!(
            show(&done),
            "function f is back at version 3 (hash 0123456789ab, of 2015-05-17T10:05:03Z); \
             before, it was the upload (hash fedcba, of 2015-05-17T10:05:03Z)"
        );
    }
}
