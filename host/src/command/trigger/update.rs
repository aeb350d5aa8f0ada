//! Changes of a trigger's settings: what is given, over what there is.

use clap::Args;
use serde_json::{Value, json};

use super::settings;
use crate::failure::Failure;

/// The settings to change. The stream and where it begins cannot be changed; `trigger pause` and
/// `trigger resume` stop and start it.
#[derive(Debug, Args)]
pub(crate) struct Update {
    /// Its name.
    pub(super) name: String,
    #[command(flatten)]
    changes: Changes,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
struct Changes {
    /// The function to call.
    #[arg(long, value_name = "NAME")]
    function: Option<String>,
    /// Records in a batch at most: 1 to 10000.
    #[arg(long, value_name = "N")]
    batch_size: Option<u32>,
    /// Seconds to wait for a full batch: 0 to 300.
    #[arg(long, value_name = "SECONDS")]
    maximum_batching_window_in_seconds: Option<u32>,
    /// Batches of a shard that are worked at once, each with keys of its own: 1 to 10.
    #[arg(long, value_name = "N")]
    parallelization_factor: Option<u32>,
    /// Seconds of the windows that the function sums up, one after another: 1 to 900, or 0 for none.
    #[arg(long, value_name = "SECONDS")]
    tumbling_window_in_seconds: Option<u32>,
    /// Retries of a batch: 0 to 10000, or -1 for until its records expire.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    maximum_retry_attempts: Option<i32>,
    /// Whether to halve a batch that fails as a whole, and try its halves on their own.
    #[arg(long, value_name = "true|false")]
    bisect_batch_on_function_error: Option<bool>,
    /// Seconds that a record may wait: 60 to 604800, or -1 for ever.
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    maximum_record_age_in_seconds: Option<i32>,
    /// The stream that takes records that were given up, with the reason.
    #[arg(long, value_name = "NAME", conflicts_with = "no_on_failure_stream")]
    on_failure_stream: Option<String>,
    /// Keep records that were given up nowhere.
    #[arg(long)]
    no_on_failure_stream: bool,
    /// The ARN of the queue of SQS, topic of SNS or bucket of S3 that is told of them in its place.
    #[arg(long, value_name = "ARN",
        conflicts_with_all = ["on_failure_stream", "no_on_failure_destination"])]
    on_failure_destination: Option<String>,
    /// Tell nobody of records that were given up.
    #[arg(long)]
    no_on_failure_destination: bool,
    /// Whether to give the function the records that Amazon's producer library packed into one.
    #[arg(long, value_name = "true|false")]
    unpack_aggregated_records: Option<bool>,
    /// What the answer of a function that takes events says: which records failed.
    #[arg(long, value_name = "TYPE", value_parser = ["ReportBatchItemFailures"],
        conflicts_with = "no_function_response_types")]
    function_response_types: Option<String>,
    /// Do not look into the answer of the function.
    #[arg(long)]
    no_function_response_types: bool,
    /// Deliver only records that match this pattern, instead of those before; may be given up to ten
    /// times, then a record must match one of them.
    #[arg(long, value_name = "PATTERN", conflicts_with = "no_filter")]
    filter: Vec<String>,
    /// Deliver all records.
    #[arg(long)]
    no_filter: bool,
}

impl Update {
    /// The settings of `trigger`, as the host shows it, with what is given.
    pub(super) fn merged(&self, trigger: &Value) -> Result<Value, Failure> {
        let mut all = settings::of(trigger);
        if all.is_empty() {
            return Err(Failure::Answer("a trigger without settings".to_owned()));
        }
        let changes = &self.changes;
        let mut set = |name: &str, value: Value| {
            if !value.is_null() {
                all.insert(name.to_owned(), value);
            }
        };
        set("function", json!(changes.function));
        set("batch_size", json!(changes.batch_size));
        set(
            "maximum_batching_window_in_seconds",
            json!(changes.maximum_batching_window_in_seconds),
        );
        set(
            "parallelization_factor",
            json!(changes.parallelization_factor),
        );
        set(
            "tumbling_window_in_seconds",
            json!(changes.tumbling_window_in_seconds),
        );
        set(
            "maximum_retry_attempts",
            json!(changes.maximum_retry_attempts),
        );
        set(
            "bisect_batch_on_function_error",
            json!(changes.bisect_batch_on_function_error),
        );
        set(
            "maximum_record_age_in_seconds",
            json!(changes.maximum_record_age_in_seconds),
        );
        set("on_failure_stream", json!(changes.on_failure_stream));
        set(
            "unpack_aggregated_records",
            json!(changes.unpack_aggregated_records),
        );
        if changes.no_function_response_types {
            set("function_response_types", json!([]));
        }
        if let Some(kind) = &changes.function_response_types {
            set("function_response_types", json!([kind]));
        }
        if changes.no_filter || !changes.filter.is_empty() {
            set("filter_criteria", super::criteria(&changes.filter));
        }
        set(
            "on_failure_destination",
            json!(changes.on_failure_destination),
        );
        // One takes the place of the other.
        if changes.no_on_failure_stream || changes.on_failure_destination.is_some() {
            all.insert("on_failure_stream".to_owned(), Value::Null);
        }
        if changes.no_on_failure_destination || changes.on_failure_stream.is_some() {
            all.remove("on_failure_destination");
        }
        Ok(Value::Object(all))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::{
        cli::{Cli, Command as Top},
        command::trigger::Command,
    };

    fn update(options: &str) -> Result<Box<Update>, clap::Error> {
        let line = format!("millstream trigger update t {options}");
        match Cli::try_parse_from(line.split_whitespace())?.command {
            Top::Trigger(Command::Update(update)) => Ok(update),
            other => panic!("{other:?}"),
        }
    }

    fn present() -> Value {
        json!({"name": "t", "state": "Enabled", "stream": "s", "function": "f",
            "starting_position": "LATEST", "batch_size": 5, "on_failure_stream": "dead",
            "bisect_batch_on_function_error": true, "enabled": true, "lag_records": 2,
            "created_ms": 1, "updated_ms": 2, "shards": []})
    }

    #[test]
    fn what_is_not_given_stays_as_it_is() {
        let changed = update("--batch-size 7").unwrap().merged(&present());
        let expected = json!({"stream": "s", "function": "f", "starting_position": "LATEST",
            "batch_size": 7, "on_failure_stream": "dead",
            "bisect_batch_on_function_error": true, "enabled": true});
        assert_eq!(changed.unwrap(), expected);
    }

    #[test]
    fn what_was_set_can_be_taken_back() {
        let options = "--bisect-batch-on-function-error false --no-on-failure-stream";
        let changed = update(options).unwrap().merged(&present()).unwrap();
        assert_eq!(changed["bisect_batch_on_function_error"], false);
        assert_eq!(changed["on_failure_stream"], Value::Null);
    }

    #[test]
    fn a_destination_takes_the_place_of_a_stream_and_the_other_way_round() {
        let arn = "arn:aws:sqs:us-east-1:123456789012:q";
        let options = format!("--on-failure-destination {arn}");
        let mut changed = update(&options).unwrap().merged(&present()).unwrap();
        assert_eq!(changed["on_failure_stream"], Value::Null);
        assert_eq!(changed["on_failure_destination"], arn);
        changed["name"] = json!("t");
        let back = update("--on-failure-stream dead").unwrap();
        let back = back.merged(&changed).unwrap();
        assert_eq!(back["on_failure_stream"], "dead");
        assert_eq!(back.get("on_failure_destination"), None);
        let without = update("--no-on-failure-destination").unwrap();
        let without = without.merged(&changed).unwrap();
        assert_eq!(without.get("on_failure_destination"), None);
        assert!(update(&format!("{options} --on-failure-stream dead")).is_err());
    }

    #[test]
    fn filters_are_given_anew_or_taken_away() {
        let mut present = present();
        present["filter_criteria"] = json!({"filters": [{"pattern": "old"}]});
        let of = |options: &str| {
            let merged = update(options).unwrap().merged(&present).unwrap();
            merged["filter_criteria"]["filters"].clone()
        };
        assert_eq!(of("--batch-size 1"), json!([{"pattern": "old"}]));
        assert_eq!(of("--filter {}"), json!([{"pattern": "{}"}]));
        assert_eq!(of("--no-filter"), json!([]));
    }

    #[test]
    fn reports_of_failures_are_asked_for_or_not() {
        let of = |options: &str| {
            let merged = update(options).unwrap().merged(&present()).unwrap();
            merged["function_response_types"].clone()
        };
        let asked = of("--function-response-types ReportBatchItemFailures");
        assert_eq!(asked, json!(["ReportBatchItemFailures"]));
        assert_eq!(of("--no-function-response-types"), json!([]));
        assert_eq!(of("--batch-size 1"), Value::Null);
        assert!(update("--function-response-types Other").is_err());
    }

    #[test]
    fn an_update_of_nothing_is_a_wrong_line() {
        assert_eq!(update("").unwrap_err().exit_code(), 2);
        let both = update("--on-failure-stream d --no-on-failure-stream");
        assert_eq!(both.unwrap_err().exit_code(), 2);
    }
}
