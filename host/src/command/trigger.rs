//! `millstream trigger`: connect functions to streams. Settings have Lambda's names.

mod settings;
mod update;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use self::update::Update;
use super::Session;
use crate::{
    client::route::Route,
    failure::Failure,
    output::{cell, printable, table},
};

/// What to do with triggers.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Create a trigger.
    #[command(after_help = "\
Examples:
  millstream trigger create parse --stream access-log --function access-log
  millstream trigger create parse --stream access-log --function access-log \\
      --batch-size 500 --maximum-retry-attempts 3 --on-failure-stream dead-letters
  millstream trigger create errors --stream access-log --function alerts \\
      --filter '{\"data\": {\"status\": [{\"numeric\": [\">=\", 500]}]}}'")]
    Create(Box<Create>),
    /// Change settings of a trigger; those that are not given stay as they are.
    #[command(after_help = "\
Examples:
  millstream trigger update parse --batch-size 500
  millstream trigger update parse --function parse-2 --on-failure-stream dead-letters")]
    Update(Box<Update>),
    /// List all triggers.
    #[command(after_help = "Example:\n  millstream trigger list")]
    List,
    /// Show a trigger and what it does on each shard.
    #[command(after_help = "Example:\n  millstream trigger get parse")]
    Get(Name),
    /// Pause a trigger; it keeps its position.
    #[command(after_help = "Example:\n  millstream trigger pause parse")]
    Pause(Name),
    /// Resume a trigger where it was paused.
    #[command(after_help = "Example:\n  millstream trigger resume parse")]
    Resume(Name),
    /// Delete a trigger, its position and its function's state.
    #[command(after_help = "Example:\n  millstream trigger delete parse")]
    Delete(Name),
}

/// A trigger's settings. What is not given has Lambda's default.
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Its name: a-z, A-Z, 0-9, '_', '-'.
    name: String,
    /// The stream to read.
    #[arg(long, value_name = "NAME")]
    stream: String,
    /// The function to call.
    #[arg(long, value_name = "NAME")]
    function: String,
    /// Where to begin. Cannot be changed later.
    #[arg(long, value_name = "POSITION", default_value = "TRIM_HORIZON", ignore_case = true,
        value_parser = ["TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"])]
    starting_position: String,
    /// With AT_TIMESTAMP: seconds since 1970, with fractions.
    #[arg(long, value_name = "SECONDS")]
    starting_position_timestamp: Option<f64>,
    /// Records in a batch at most: 1 to 10000.
    #[arg(long, value_name = "N")]
    batch_size: Option<u32>,
    /// Seconds to wait for a full batch: 0 to 300.
    #[arg(long, value_name = "SECONDS")]
    maximum_batching_window_in_seconds: Option<u32>,
    /// Batches of a shard that are worked at once, each with keys of its own: 1 to 10.
    #[arg(long, value_name = "N")]
    parallelization_factor: Option<u32>,
    /// Seconds of the windows that the function sums up, one after another: 1 to 900.
    #[arg(long, value_name = "SECONDS")]
    tumbling_window_in_seconds: Option<u32>,
    /// Retries of a batch: 0 to 10000, or -1 for until its records expire.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    maximum_retry_attempts: Option<i32>,
    /// Halve a batch that fails as a whole, and try its halves on their own.
    #[arg(long)]
    bisect_batch_on_function_error: bool,
    /// Seconds that a record may wait: 60 to 604800, or -1 for ever.
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    maximum_record_age_in_seconds: Option<i32>,
    /// The stream that takes records that were given up, with the reason.
    #[arg(long, value_name = "NAME")]
    on_failure_stream: Option<String>,
    /// The ARN of the queue of SQS, topic of SNS or bucket of S3 that is told of them in its place.
    #[arg(long, value_name = "ARN", conflicts_with = "on_failure_stream")]
    on_failure_destination: Option<String>,
    /// Give the function the records that Amazon's producer library packed into one.
    #[arg(long)]
    unpack_aggregated_records: bool,
    /// What the answer of a function that takes events says: which records failed.
    #[arg(long, value_name = "TYPE", value_parser = ["ReportBatchItemFailures"])]
    function_response_types: Option<String>,
    /// Deliver only records that match this pattern, as in Lambda; may be given up to ten times, then
    /// a record must match one of them.
    #[arg(long, value_name = "PATTERN")]
    filter: Vec<String>,
    /// Create it paused.
    #[arg(long)]
    disabled: bool,
}

/// Which trigger.
#[derive(Debug, Args)]
pub(crate) struct Name {
    /// Its name.
    name: String,
}

pub(super) fn run(command: Command, session: &Session) -> Result<(), Failure> {
    let (client, output) = (&session.client, session.output);
    match command {
        Command::Create(create) => {
            must_be_new(session, &create.name)?;
            let answer = client.put(&route(&create.name), &create.settings())?;
            output.print(&answer.body, |trigger| told("created", trigger))
        }
        Command::Update(update) => {
            let changed = update.merged(&client.get(&route(&update.name))?)?;
            let answer = client.put(&route(&update.name), &changed)?;
            output.print(&answer.body, |trigger| told("changed", trigger))
        }
        Command::List => {
            let all = client.get(&Route::new(&["v1", "triggers"]))?;
            output.print(&all, list)
        }
        Command::Get(Name { name }) => output.print(&client.get(&route(&name))?, show),
        Command::Pause(Name { name }) => enable(session, &name, "pause", "paused"),
        Command::Resume(Name { name }) => enable(session, &name, "resume", "resumed"),
        Command::Delete(Name { name }) => {
            client.delete(&route(&name))?;
            output.print(&json!({"deleted": name}), |_| {
                format!("deleted trigger {name}")
            })
        }
    }
}

fn route(name: &str) -> Route {
    Route::new(&["v1", "triggers", name])
}

/// The host's PUT replaces a trigger's settings, so one that is there must not be put by mistake.
fn must_be_new(session: &Session, name: &str) -> Result<(), Failure> {
    match session.client.get(&route(name)) {
        Ok(_) => Err(Failure::Refused {
            status: 409,
            code: "already_exists".to_owned(),
            message: format!("trigger `{name}` exists; change it with `millstream trigger update`"),
            retry_after: None,
        }),
        Err(Failure::Refused { status: 404, .. }) => Ok(()),
        Err(other) => Err(other),
    }
}

fn told(verb: &str, trigger: &Value) -> String {
    let [name, stream, function] = ["name", "stream", "function"].map(|name| cell(&trigger[name]));
    format!("{verb} trigger {name}: {stream} -> {function}")
}

fn enable(session: &Session, name: &str, verb: &str, done: &str) -> Result<(), Failure> {
    let route = Route::new(&["v1", "triggers", name, verb]);
    let trigger = session.client.post(&route, &json!({}))?;
    session
        .output
        .print(&trigger, |_| format!("{done} trigger {name}"))
}

impl Create {
    fn settings(&self) -> Value {
        let mut settings = Map::new();
        let mut set = |name: &str, value: Value| {
            if !value.is_null() {
                settings.insert(name.to_owned(), value);
            }
        };
        set("stream", json!(self.stream));
        set("function", json!(self.function));
        set(
            "starting_position",
            json!(self.starting_position.to_uppercase()),
        );
        set(
            "starting_position_timestamp",
            json!(self.starting_position_timestamp),
        );
        set("batch_size", json!(self.batch_size));
        set(
            "maximum_batching_window_in_seconds",
            json!(self.maximum_batching_window_in_seconds),
        );
        set("parallelization_factor", json!(self.parallelization_factor));
        set(
            "tumbling_window_in_seconds",
            json!(self.tumbling_window_in_seconds),
        );
        set("maximum_retry_attempts", json!(self.maximum_retry_attempts));
        set(
            "bisect_batch_on_function_error",
            json!(self.bisect_batch_on_function_error.then_some(true)),
        );
        set(
            "maximum_record_age_in_seconds",
            json!(self.maximum_record_age_in_seconds),
        );
        set("on_failure_stream", json!(self.on_failure_stream));
        set("on_failure_destination", json!(self.on_failure_destination));
        if self.unpack_aggregated_records {
            set("unpack_aggregated_records", json!(true));
        }
        if let Some(kind) = &self.function_response_types {
            set("function_response_types", json!([kind]));
        }
        if !self.filter.is_empty() {
            set("filter_criteria", criteria(&self.filter));
        }
        set("enabled", json!(!self.disabled));
        Value::Object(settings)
    }
}

/// Patterns as the host takes them.
fn criteria(patterns: &[String]) -> Value {
    let filters = patterns.iter().map(|text| json!({ "pattern": text }));
    json!({ "filters": filters.collect::<Vec<_>>() })
}

fn list(all: &Value) -> String {
    let triggers = all["triggers"].as_array().into_iter().flatten();
    let rows = triggers.map(|t| {
        ["name", "stream", "function", "state", "lag_records"].map(|field| cell(&t[field]))
    });
    table(["name", "stream", "function", "state", "lag"], rows)
}

fn show(trigger: &Value) -> String {
    const FIELDS: [&str; 9] = [
        "shard_id",
        "state",
        "lag_records",
        "batches",
        "records",
        "filtered",
        "outputs",
        "dead_letters",
        "attempts",
    ];
    const HEADER: [&str; 9] = [
        "shard",
        "state",
        "lag",
        "batches",
        "records",
        "filtered",
        "outputs",
        "dead letters",
        "attempts",
    ];
    let shards = || trigger["shards"].as_array().into_iter().flatten();
    let rows = shards().map(|s| FIELDS.map(|field| cell(&s[field])));
    let errors = shards().filter_map(|s| {
        let error = s["last_error"].as_str()?;
        Some(format!("\n{}: {}", cell(&s["shard_id"]), printable(error)))
    });
    let filters = trigger["filter_criteria"]["filters"].as_array();
    let filters = filters.into_iter().flatten().map(|filter| {
        let pattern = filter["pattern"].as_str().unwrap_or_default();
        format!("\nfilter: {}", printable(pattern))
    });
    let settings = settings::set(trigger);
    let sent = trigger["destination"].as_object().map(|sent| {
        let [delivered, failed, waiting] =
            ["delivered_records", "failed_records", "waiting"].map(|name| &sent[name]);
        let error = sent["last_error"].as_str();
        let error = error.map(|error| format!("\ndestination: {}", printable(error)));
        format!(
            "\nrecords told of at the destination: {delivered}, given up: {failed}; \
             failure records that wait: {waiting}{}",
            error.unwrap_or_default()
        )
    });
    let settings = settings.iter().map(|(name, value)| {
        let line = format!("{}: {}", name.replace('_', "-"), cell(value));
        format!("\n{}", printable(&line))
    });
    format!(
        "{}{}{}{}\n\n{}{}",
        list(&json!({"triggers": [trigger]})).trim_end(),
        settings.collect::<String>(),
        filters.collect::<String>(),
        sent.unwrap_or_default(),
        table(HEADER, rows),
        errors.collect::<String>()
    )
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command as Top};

    fn settings(options: &str) -> Value {
        let line = format!("millstream trigger create t --stream s --function f {options}");
        let cli = Cli::try_parse_from(line.split_whitespace()).unwrap();
        match cli.command {
            Top::Trigger(Command::Create(create)) => create.settings(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_not_given_is_left_to_the_host() {
        let expected = json!({"stream": "s", "function": "f",
            "starting_position": "TRIM_HORIZON", "enabled": true});
        assert_eq!(settings(""), expected);
    }

    #[test]
    fn options_have_lambdas_names() {
        let given = settings(
            "--starting-position latest --batch-size 7 --maximum-batching-window-in-seconds 1 \
             --maximum-retry-attempts -1 --maximum-record-age-in-seconds 60 \
             --parallelization-factor 3 --bisect-batch-on-function-error --on-failure-stream d \
             --unpack-aggregated-records --disabled",
        );
        let expected = json!({"stream": "s", "function": "f", "starting_position": "LATEST",
            "batch_size": 7, "maximum_batching_window_in_seconds": 1,
            "maximum_retry_attempts": -1, "maximum_record_age_in_seconds": 60,
            "parallelization_factor": 3, "bisect_batch_on_function_error": true,
            "on_failure_stream": "d", "unpack_aggregated_records": true, "enabled": false});
        assert_eq!(given, expected);
        // What core reads must be what we write.
        let parsed: millstream_core::catalog::TriggerSettings =
            serde_json::from_value(given).unwrap();
        assert_eq!(parsed.batch_size, 7);
    }

    #[test]
    fn filters_are_handed_on_as_they_are_given() {
        let pattern = r#"{"data":{"a":[1]}}"#;
        let given = settings(&format!("--filter {pattern} --filter {{}}"));
        let filters = json!({"filters": [{ "pattern": pattern }, {"pattern": "{}"}]});
        assert_eq!(given["filter_criteria"], filters);
        let parsed: millstream_core::catalog::TriggerSettings =
            serde_json::from_value(given).unwrap();
        assert_eq!(
            parsed.filter_criteria.texts().collect::<Vec<_>>(),
            [pattern, "{}"]
        );
        let shown = show(&json!({"name": "t", "filter_criteria": filters}));
        assert!(
            shown.contains(&format!("filter: {pattern}\nfilter: {{}}\n")),
            "{shown}"
        );
    }

    #[test]
    fn shows_the_error_of_a_shard() {
        let text = show(
            &json!({"name": "t", "stream": "s", "function": "f", "state": "Enabled",
            "batch_size": 7, "maximum_retry_attempts": -1,
            "on_failure_stream": null, "lag_records": 3, "shards": [{"shard_id": "shardId-000000000000",
            "state": "backing_off", "attempts": 2, "last_error": "it\u{1b} failed"}]}),
        );
        assert!(
            text.contains("shardId-000000000000: it\\u{1b} failed"),
            "{text}"
        );
        assert!(text.contains("\nbatch-size: 7\n\n"), "{text}");
        assert!(!text.contains("retry"), "{text}");
    }
}
