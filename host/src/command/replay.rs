//! `millstream replay`: a range of a stream through a version of a function, compared with another
//! one. Nothing of it is committed.

use std::io::BufReader;

use serde_json::{Value, json};

use super::{Session, progress, redrive::moment::Moment};
use crate::{
    client::{
        events::{Event, Events},
        route::Route,
    },
    clock,
    failure::Failure,
    output::{cell, count, printable, table},
};

/// What to run through what.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Each record of the range goes through both versions, in batches as a trigger makes them. What the two
give to streams, keep in their state and fail is compared, batch by batch. State begins empty on each
shard, or as a trigger's is now (--with-state), and is kept in memory.

Exit code 1 also says that the versions differ.

Examples:
  millstream replay --function parse --against 3 --stream access-log
  millstream replay --function parse@v4 --against live --stream access-log --from 2h -n 5
  millstream replay --function parse@4 --stream access-log --shard shardId-000000000001 --json
  millstream replay --apply parse --from 2h --reset-state")]
pub(crate) struct Args {
    /// The function, with a version or an alias behind an @; without, as it is now.
    #[arg(long, value_name = "NAME[@VERSION]", required_unless_present = "apply")]
    function: Option<String>,
    /// The version or alias to compare it with; without, the function as it is now.
    #[arg(long, value_name = "VERSION")]
    against: Option<String>,
    /// The stream.
    #[arg(long, value_name = "NAME", required_unless_present = "apply")]
    stream: Option<String>,
    /// Where to begin: TRIM_HORIZON, a sequence number of --shard, a moment as 2026-08-01T12:00:00Z, or
    /// how long ago, as 2h.
    #[arg(long, value_name = "POSITION", default_value = "TRIM_HORIZON", value_parser = place)]
    from: String,
    /// Before which record to end; LATEST is after the newest.
    #[arg(long, value_name = "POSITION", default_value = "LATEST", value_parser = place)]
    to: String,
    /// Only this shard.
    #[arg(long, value_name = "SHARD")]
    shard: Option<String>,
    /// Records in a batch at most: 1 to 10000.
    #[arg(long, value_name = "N", default_value_t = 100,
        value_parser = clap::value_parser!(u32).range(1..=10_000))]
    batch_size: u32,
    /// End after so many differences.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20,
        value_parser = clap::value_parser!(u32).range(1..=10_000))]
    differences: u32,
    /// Begin with the state that this trigger's function has on each shard now.
    #[arg(long, value_name = "TRIGGER")]
    with_state: Option<String>,
    /// What the answer of a function that takes events says: which records failed.
    #[arg(long, value_name = "TYPE", value_parser = ["ReportBatchItemFailures"])]
    function_response_types: Option<String>,
    /// Instead of comparing anything, move this trigger to --from: it delivers what comes from there,
    /// once more where it did so before.
    #[arg(long, value_name = "TRIGGER",
        conflicts_with_all = ["function", "against", "stream", "to", "with_state"])]
    apply: Option<String>,
    /// With --apply: its function forgets what it kept on the shards that are moved.
    #[arg(long, requires = "apply")]
    reset_state: bool,
}

/// As the host takes it.
fn place(text: &str) -> Result<String, String> {
    let upper = text.to_ascii_uppercase();
    if ["TRIM_HORIZON", "LATEST"].contains(&upper.as_str()) {
        return Ok(upper);
    }
    let is_number = text.len() > 20 && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number {
        return Ok(upper);
    }
    let moment: Moment = text.parse()?;
    Ok(moment.before(clock::now()).0.to_string())
}

impl Args {
    fn route(&self) -> Route {
        let function = self.function.as_deref().unwrap_or_default();
        let (function, qualifier) = match function.split_once('@') {
            Some((function, qualifier)) => (function, Some(version(qualifier))),
            None => (function, None),
        };
        let stream = self.stream.as_deref().unwrap_or_default();
        Route::new(&["v1", "streams", stream, "replay"])
            .with("function", function)
            .with_some("qualifier", qualifier)
            .with_some("against", self.against.as_deref().map(version))
            .with("from", &self.from)
            .with("to", &self.to)
            .with_some("shard", self.shard.as_deref())
            .with("batch_size", self.batch_size)
            .with("differences", self.differences)
            .with_some("with_state", self.with_state.as_deref())
            .with_some(
                "function_response_types",
                self.function_response_types.as_deref(),
            )
    }
}

/// `v2` is said for 2.
fn version(qualifier: &str) -> &str {
    let number = qualifier
        .strip_prefix('v')
        .filter(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()));
    number.unwrap_or(qualifier)
}

pub(super) fn run(args: &Args, session: &Session) -> Result<(), Failure> {
    if let Some(trigger) = &args.apply {
        return apply(trigger, args, session);
    }
    let output = session.output;
    let body = session.client.stream(&args.route())?;
    let bar = progress::waiting(output, "replay");
    for event in Events::new(BufReader::new(body)) {
        let event = event.map_err(|error| Failure::Cut {
            url: session.client.url().to_owned(),
            reason: error.to_string(),
            place: "nothing of a replay is committed".to_owned(),
        })?;
        let Event::Named(name, data) = event else {
            continue;
        };
        let value: Value =
            serde_json::from_str(&data).map_err(|error| Failure::Answer(error.to_string()))?;
        match name.as_str() {
            "progress" => {
                let [done, all] = ["records", "records_in_range"].map(|name| cell(&value[name]));
                bar.set_message(format!("replay: {done} of {all} records"));
            }
            "difference" => {
                bar.suspend(|| match output.json {
                    true => output.line(&json!({ "difference": value }).to_string()),
                    false => output.line(&difference(&value)),
                })?;
            }
            "summary" => {
                bar.finish_and_clear();
                output.print(&json!({ "summary": value }), |_| summary(&value))?;
                return match value["differences"].as_u64() {
                    Some(0) => Ok(()),
                    _ => Err(Failure::Failed("the versions differ".to_owned())),
                };
            }
            "error" => return Err(refused(&value["error"])),
            other => return Err(Failure::Answer(format!("an event `{}`", printable(other)))),
        }
    }
    Err(Failure::Failed(
        "the host ended the replay, as it does when it stops".to_owned(),
    ))
}

fn apply(trigger: &str, args: &Args, session: &Session) -> Result<(), Failure> {
    let route = Route::new(&["v1", "triggers", trigger, "move"]);
    let mut to = json!({ "from": args.from, "reset_state": args.reset_state });
    if let Some(shard) = &args.shard {
        to["shard"] = json!(shard);
    }
    let moved = session.client.post(&route, &to)?;
    session.output.print(&moved, |moved| {
        let waits = cell(&moved["lag_records"]);
        format!("moved trigger {trigger}; {waits} records wait for it")
    })
}

fn refused(error: &Value) -> Failure {
    let message = error["message"].as_str().unwrap_or("the host cannot go on");
    Failure::Refused {
        status: 200,
        code: error["code"].as_str().unwrap_or("internal").to_owned(),
        message: printable(message),
        retry_after: None,
    }
}

fn difference(value: &Value) -> String {
    let place = match value["kind"].as_str() {
        Some("output") => format!("output {} {}", cell(&value["stream"]), value["index"]),
        Some("state") => format!("state {}", cell(&value["key"])),
        _ => format!("failure of {}", cell(&value["sequence_number"])),
    };
    let [shard, batch] = ["shard_id", "batch"].map(|field| cell(&value[field]));
    let [tried, against] = ["tried", "against"].map(|side| shown(&value[side]));
    let lines = [
        format!("{place} ({shard}, batch at {batch})"),
        format!("  tried    {tried}"),
        format!("  against  {against}"),
    ];
    lines.map(|line| printable(&line)).join("\n")
}

fn shown(side: &Value) -> String {
    let key = side["partition_key"].as_str();
    let key = key.map_or_else(String::new, |key| format!("{key} "));
    let data = match (side["text"].as_str(), side["data"].as_str()) {
        (Some(text), _) => text.to_owned(),
        (None, Some(data)) => format!("base64:{data}"),
        (None, None) => cell(side),
    };
    format!("{key}{data}")
}

fn summary(value: &Value) -> String {
    let number = |side: &str, field: &str| cell(&value[side][field]);
    let rows = ["outputs", "state_writes", "failures"].map(|field| {
        let name = field.replace('_', " ");
        [name, number("tried", field), number("against", field)]
    });
    let of = |field: &str| count(value[field].as_u64().unwrap_or_default());
    let mut text = table(["", "tried", "against"], rows);
    text += &format!(
        "\n{} of {} records in {} batches, of which {} differ",
        of("records"),
        of("records_in_range"),
        of("batches"),
        of("differing_batches")
    );
    if value["is_cut"] == true {
        text += &format!("; ended after {} differences", of("differences"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_named_as_people_do() {
        assert_eq!(
            ["v2", "2", "live", "v", "v2x"].map(version),
            ["2", "2", "live", "v", "v2x"]
        );
    }

    #[test]
    fn both_sides_of_a_difference_are_told() {
        let value = json!({
            "shard_id": "s", "batch": "49", "kind": "output", "stream": "out", "index": 3,
            "tried": {"partition_key": "k", "text": "a"}, "against": null,
        });
        assert_eq!(
            difference(&value),
            "output out 3 (s, batch at 49)\n  tried    k a\n  against  -"
        );
    }
}
