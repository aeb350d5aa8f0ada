//! `millstream invoke`: a dry run of a function. Nothing of it is committed.

use std::{
    io::{self, IsTerminal, Read},
    path::PathBuf,
};

use base64_simd::STANDARD;
use serde_json::{Map, Value, json};

use super::{Session, pair};
use crate::{
    client::route::Route,
    failure::Failure,
    output::{bytes, cell, count, printable},
};

/// What to call, with what.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  millstream invoke sessions --text '{\"client\":\"10.0.0.1\",\"epoch_ms\":0}'
  head -5 access.log | millstream invoke access-log
  millstream invoke alerts --file events.ndjson --stream events --state seen=3 --json")]
pub(crate) struct Args {
    /// The function.
    name: String,
    /// Each line of this file is a record.
    #[arg(long, value_name = "FILE", group = "input")]
    file: Option<PathBuf>,
    /// A record; may be given several times.
    #[arg(long, value_name = "TEXT", group = "input")]
    text: Vec<String>,
    /// Records as the HTTP interface takes them: [{"partition_key": "k", "text": "..."}, ...].
    #[arg(long, value_name = "JSON", group = "input")]
    json_records: Option<String>,
    /// The partition key of records from lines and --text.
    #[arg(long, value_name = "KEY", default_value = "key")]
    key: String,
    /// The stream that the function is told the records come from.
    #[arg(long, value_name = "NAME")]
    stream: Option<String>,
    /// What the function finds in its state.
    #[arg(long, value_name = "KEY=TEXT", value_parser = pair)]
    state: Vec<(String, String)>,
    /// What the answer of a function that takes events says: which records failed.
    #[arg(long, value_name = "TYPE", value_parser = ["ReportBatchItemFailures"])]
    function_response_types: Option<String>,
}

pub(super) fn run(args: &Args, session: &Session) -> Result<(), Failure> {
    let mut request = Map::new();
    request.insert("records".to_owned(), args.records()?);
    if let Some(stream) = &args.stream {
        request.insert("stream".to_owned(), json!(stream));
    }
    if !args.state.is_empty() {
        let state = args.state.iter().map(|(k, v)| (k.clone(), json!(v)));
        request.insert("state".to_owned(), state.collect());
    }
    if let Some(kind) = &args.function_response_types {
        request.insert("function_response_types".to_owned(), json!([kind]));
    }
    let route = Route::new(&["v1", "functions", &args.name, "invoke"]);
    let outcome = session.client.post(&route, &Value::Object(request))?;
    session.output.print(&outcome, show)?;
    match outcome["error"]["message"].as_str() {
        Some(message) => Err(Failure::Failed(printable(message))),
        None => Ok(()),
    }
}

impl Args {
    fn records(&self) -> Result<Value, Failure> {
        if let Some(records) = &self.json_records {
            return serde_json::from_str(records)
                .map_err(|error| Failure::Usage(format!("--json-records is not JSON: {error}")));
        }
        if !self.text.is_empty() {
            let texts = self.text.iter();
            return Ok(texts.map(|text| self.record(text.as_bytes())).collect());
        }
        let input = match &self.file {
            Some(path) => std::fs::read(path).map_err(|source| Failure::File {
                path: path.clone(),
                source,
            })?,
            None if io::stdin().is_terminal() => {
                return Err(Failure::Usage(
                    "no records: give --text, --file or --json-records, or lines on stdin".into(),
                ));
            }
            None => {
                let mut input = Vec::new();
                let read = io::stdin().lock().read_to_end(&mut input);
                read.map_err(|source| Failure::File {
                    path: "stdin".into(),
                    source,
                })?;
                input
            }
        };
        let lines = input.split(|&b| b == b'\n');
        let lines = lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let lines = lines.filter(|line| !line.is_empty());
        Ok(lines.map(|line| self.record(line)).collect())
    }

    fn record(&self, data: &[u8]) -> Value {
        match std::str::from_utf8(data) {
            Ok(text) => json!({"partition_key": self.key, "text": text}),
            Err(_) => json!({"partition_key": self.key, "data": STANDARD.encode_to_string(data)}),
        }
    }
}

fn show(outcome: &Value) -> String {
    let mut lines = Vec::new();
    let list = |field: &str| outcome[field].as_array().into_iter().flatten();
    for output in list("outputs") {
        let records = output["records"].as_array().into_iter().flatten();
        for record in records {
            let key = cell(&record["partition_key"]);
            let to = cell(&output["stream"]);
            lines.push(format!("output  {to} {key} {}", value(record)));
        }
    }
    for entry in list("state") {
        let key = cell(&entry["key"]);
        lines.push(match entry["deleted"].as_bool() {
            Some(true) => format!("state   {key} deleted"),
            _ => format!("state   {key} = {}", value(entry)),
        });
    }
    for failure in list("failures") {
        let (index, reason) = (&failure["index"], cell(&failure["reason"]));
        lines.push(format!(
            "failure record {index}, {}: {reason}",
            cell(&failure["disposition"])
        ));
    }
    if outcome["answer"].is_object() {
        lines.push(format!("answer  {}", value(&outcome["answer"])));
    }
    for line in list("logs") {
        lines.push(format!(
            "log     {} {}",
            cell(&line["level"]),
            cell(&line["message"])
        ));
    }
    let number = |field: &str| outcome[field].as_u64().unwrap_or_default();
    let dropped = number("logs_dropped");
    if dropped > 0 {
        let dropped = count(dropped);
        lines.push(format!(
            "log     {dropped} lines were cut or left out by the limit log_bytes"
        ));
    }
    lines.push(format!(
        "used    {} us, {}",
        count(number("time_us")),
        bytes(number("memory_bytes"))
    ));
    let lines: Vec<_> = lines.iter().map(|line| printable(line)).collect();
    lines.join("\n")
}

fn value(of: &Value) -> String {
    match (of["text"].as_str(), of["data"].as_str()) {
        (Some(text), _) => text.to_owned(),
        (None, Some(data)) => format!("base64:{data}"),
        (None, None) => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    fn args(line: &[&str]) -> Result<Args, clap::Error> {
        let cli = Cli::try_parse_from([&["millstream", "invoke", "f"], line].concat())?;
        match cli.command {
            Command::Invoke(args) => Ok(args),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn texts_are_records_under_one_key() {
        let args = args(&["--text", "a", "--text", "b", "--key", "k"]).unwrap();
        let expected = json!([{"partition_key": "k", "text": "a"},
            {"partition_key": "k", "text": "b"}]);
        assert_eq!(args.records().unwrap(), expected);
    }

    #[test]
    fn input_comes_from_one_place() {
        let both = args(&["--text", "a", "--json-records", "[]"]);
        assert_eq!(both.unwrap_err().exit_code(), 2);
        let bad = args(&["--json-records", "{"]).unwrap();
        assert_eq!(bad.records().unwrap_err().exit_code(), 2);
    }

    #[test]
    fn binary_lines_go_as_base64() {
        let args = args(&["--text", "x"]).unwrap();
        assert_eq!(args.record(&[0xff])["data"], "/w==");
    }

    #[test]
    fn shows_what_a_function_answered_to_its_event() {
        let text = show(&json!({
            "failures": [{"index": 1, "disposition": "retry", "reason": "reported"}],
            "answer": {"text": "{\"batchItemFailures\":[]}"}, "time_us": 5, "memory_bytes": 0,
        }));
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("failure record 1, retry: reported"));
        assert_eq!(lines.next(), Some("answer  {\"batchItemFailures\":[]}"));
    }

    #[test]
    fn shows_everything_that_would_be_committed() {
        let text = show(&json!({
            "outputs": [{"stream": "s", "records": [{"partition_key": "k", "text": "v"}]}],
            "state": [{"key": "a", "text": "1"}, {"key": "b", "deleted": true}],
            "failures": [{"index": 2, "disposition": "reject", "reason": "bad"}],
            "logs": [{"level": "info", "message": "hi\u{7}"}],
            "logs_dropped": 2000, "time_us": 1500, "memory_bytes": 65536,
        }));
        let expected = "output  s k v\nstate   a = 1\nstate   b deleted\n\
            failure record 2, reject: bad\nlog     info hi\\u{7}\n\
            log     2,000 lines were cut or left out by the limit log_bytes\nused    1,500 us, 64.00 KiB";
        assert_eq!(text, expected);
    }
}
