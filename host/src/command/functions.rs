//! `millstream functions`: list, show and delete functions.

use clap::Subcommand;
use serde_json::{Value, json};

use super::Session;
use crate::{
    client::route::Route,
    failure::Failure,
    output::{bytes, cell, table},
};

/// Without a subcommand: list all.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  millstream functions")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
}

/// What to do with a function.
#[derive(Debug, Subcommand)]
enum Command {
    /// List all functions.
    #[command(after_help = "Example:\n  millstream functions list")]
    List,
    /// Show a function: its module, limits and settings.
    #[command(after_help = "Example:\n  millstream functions get sessions")]
    Get {
        /// Its name.
        name: String,
    },
    /// Delete a function. Its triggers stay and wait for a new one.
    #[command(after_help = "Example:\n  millstream functions delete sessions")]
    Delete {
        /// Its name.
        name: String,
    },
}

pub(super) fn run(args: Args, session: &Session) -> Result<(), Failure> {
    let (client, output) = (&session.client, session.output);
    match args.command.unwrap_or(Command::List) {
        Command::List => {
            let all = client.get(&Route::new(&["v1", "functions"]))?;
            output.print(&all, list)
        }
        Command::Get { name } => output.print(&client.get(&route(&name))?, show),
        Command::Delete { name } => {
            client.delete(&route(&name))?;
            output.print(&json!({"deleted": name}), |_| {
                format!("deleted function {name}")
            })
        }
    }
}

/// Where a function is.
pub(super) fn route(name: &str) -> Route {
    Route::new(&["v1", "functions", name])
}

fn list(all: &Value) -> String {
    let functions = all["functions"].as_array().into_iter().flatten();
    let rows = functions.map(|f| {
        let version = f["version"]
            .as_u64()
            .map_or_else(String::new, |v| v.to_string());
        let size = f["size"].as_u64().map_or_else(String::new, bytes);
        let status = f["upload"]["status"]
            .as_str()
            .map(|upload| format!("upload {upload}"));
        let status = status.unwrap_or_else(|| cell(&f["status"]));
        [cell(&f["name"]), version, status, size, cell(&f["world"])]
    });
    table(["name", "version", "status", "size", "world"], rows)
}

fn show(function: &Value) -> String {
    let fields = function.as_object().into_iter().flatten();
    let rows = fields.map(|(name, value)| {
        let value = match value {
            Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(", "),
            Value::Object(pairs) => {
                let pairs = pairs.iter().map(|(k, v)| format!("{k}={}", cell(v)));
                pairs.collect::<Vec<_>>().join(", ")
            }
            other => cell(other),
        };
        [name.clone(), value]
    });
    table(["field", "value"], rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_first_upload_is_listed_as_such() {
        let text = list(&json!({"functions": [
            {"name": "a", "version": 3, "status": "active", "size": 2048, "world": "handler"},
            {"name": "b", "upload": {"status": "failed"}},
        ]}));
        let rows: Vec<Vec<_>> = text
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert_eq!(rows[1], ["a", "3", "active", "2.00", "KiB", "handler"]);
        assert_eq!(rows[2], ["b", "upload", "failed", "-"]);
    }

    #[test]
    fn shows_nested_settings_on_one_line() {
        let text = show(&json!({"limits": {"time_ms": 10}, "imports": ["a", "b"]}));
        assert!(text.contains("time_ms=10"), "{text}");
        assert!(text.contains("a, b"), "{text}");
    }
}
