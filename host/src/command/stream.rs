//! `millstream stream`: create, list, show and delete streams.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::Session;
use crate::{
    client::route::Route,
    failure::Failure,
    output::{cell, table},
};

/// What to do with streams.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Create a stream.
    #[command(after_help = "Example:\n  millstream stream create clicks --shards 4")]
    Create(Create),
    /// List all streams.
    #[command(after_help = "Example:\n  millstream stream list")]
    List,
    /// Show a stream and its shards.
    #[command(after_help = "Example:\n  millstream stream get clicks")]
    Get(Name),
    /// Delete a stream and its records.
    #[command(after_help = "Example:\n  millstream stream delete clicks")]
    Delete(Name),
}

/// A new stream.
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Its name: a-z, A-Z, 0-9, '_', '.', '-'.
    name: String,
    /// How many shards; records of one key stay in one shard, in order.
    #[arg(long, value_name = "N", default_value_t = 1)]
    shards: u32,
}

/// Which stream.
#[derive(Debug, Args)]
pub(crate) struct Name {
    /// Its name.
    name: String,
}

pub(super) fn run(command: Command, session: &Session) -> Result<(), Failure> {
    let (client, output) = (&session.client, session.output);
    match command {
        Command::Create(Create { name, shards }) => {
            let answer = client.put(&route(&name), &json!({"shards": shards}))?;
            output.print(&answer.body, |_| match answer.status {
                201 => format!("created stream {name} with {shards} shards"),
                _ => format!("stream {name} exists already, with {shards} shards"),
            })
        }
        Command::List => {
            let all = client.get(&Route::new(&["v1", "streams"]))?;
            output.print(&all, list)
        }
        Command::Get(Name { name }) => output.print(&client.get(&route(&name))?, show),
        Command::Delete(Name { name }) => {
            client.delete(&route(&name))?;
            output.print(&json!({"deleted": name}), |_| {
                format!("deleted stream {name}")
            })
        }
    }
}

fn route(name: &str) -> Route {
    Route::new(&["v1", "streams", name])
}

fn list(all: &Value) -> String {
    let streams = all["streams"].as_array().into_iter().flatten();
    let rows = streams.map(|s| {
        [
            "name",
            "status",
            "open_shards",
            "records",
            "retention_hours",
        ]
        .map(|field| cell(&s[field]))
    });
    table(["name", "status", "shards", "records", "hours kept"], rows)
}

fn show(stream: &Value) -> String {
    let shards = stream["shards"].as_array().into_iter().flatten();
    let rows = shards.map(|s| {
        [
            "shard_id",
            "records",
            "starting_hash_key",
            "ending_hash_key",
        ]
        .map(|field| match &s[field] {
            Value::String(text) => text.clone(),
            other => cell(other),
        })
    });
    format!(
        "{}\n\n{}",
        list(&json!({"streams": [stream]})).trim_end(),
        table(["shard", "records", "from hash key", "to hash key"], rows)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_a_stream_with_its_shards() {
        let text = show(&json!({
            "name": "clicks", "status": "ACTIVE", "open_shards": 1, "records": 12_000,
            "retention_hours": 24,
            "shards": [{"shard_id": "shardId-000000000000", "records": 12_000,
                "starting_hash_key": "0", "ending_hash_key": "340"}],
        }));
        assert!(text.contains("clicks  ACTIVE  1       12,000"), "{text}");
        assert!(
            text.contains("shardId-000000000000  12,000   0              340"),
            "{text}"
        );
    }
}
