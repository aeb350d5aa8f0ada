//! The command line, as a person and as a script would use it.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Command, Output, Stdio},
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use support::{Host, build, host, process};

/// Every command that does something.
const LEAVES: &[&str] = &[
    "serve",
    "demo",
    "stream create",
    "stream list",
    "stream get",
    "stream delete",
    "put",
    "tail",
    "deploy",
    "rollback",
    "functions",
    "functions list",
    "functions get",
    "functions delete",
    "invoke",
    "logs",
    "trigger create",
    "trigger update",
    "trigger list",
    "trigger get",
    "trigger pause",
    "trigger resume",
    "trigger delete",
    "status",
    "backup",
    "check",
    "completions",
];

/// Runs commands against one host.
pub(crate) struct Cli<'a> {
    url: &'a str,
}

impl<'a> Cli<'a> {
    pub(crate) fn of(host: &'a Host) -> Self {
        Self { url: &host.api.url }
    }

    /// The command, with the host's address in the environment.
    pub(crate) fn command(&self, line: &[&str]) -> Result<Command> {
        let mut command = Command::new(build::binary()?);
        command
            .args(line)
            .env("MILLSTREAM_URL", self.url)
            .stdin(Stdio::null());
        Ok(command)
    }

    /// Runs a command that succeeds; what it printed.
    pub(crate) fn run(&self, line: &[&str]) -> Result<String> {
        let output = self.command(line)?.output()?;
        ensure!(output.status.success(), "{line:?}: {output:?}");
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Runs a command that succeeds and prints one JSON value.
    pub(crate) fn json(&self, line: &[&str]) -> Result<Value> {
        let printed = self.run(&[line, &["--json"]].concat())?;
        serde_json::from_str(&printed).with_context(|| format!("{line:?} printed {printed}"))
    }

    /// Runs a command that fails; its exit code and what it said on stderr.
    pub(crate) fn fails(&self, line: &[&str]) -> Result<(Option<i32>, String)> {
        let output = self.command(line)?.output()?;
        ensure!(!output.status.success(), "{line:?} succeeded: {output:?}");
        Ok((output.status.code(), String::from_utf8(output.stderr)?))
    }

    /// Runs a command that reads `input` from stdin.
    pub(crate) fn piped(&self, line: &[&str], input: &[u8]) -> Result<Output> {
        let mut command = self.command(line)?;
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn()?;
        child
            .stdin
            .take()
            .context("stdin is piped")?
            .write_all(input)?;
        Ok(child.wait_with_output()?)
    }
}

fn guest(name: &str) -> Result<String> {
    let file = build::guests()?.join(format!("guest_{name}.wasm"));
    Ok(file.to_str().context("the path is text")?.to_owned())
}

#[test]
fn every_command_explains_itself_with_an_example() -> Result<()> {
    for leaf in LEAVES {
        let line: Vec<&str> = leaf.split(' ').chain(["--help"]).collect();
        let output = process::millstream(&line)?;
        let help = String::from_utf8(output.stdout)?;
        ensure!(output.status.success(), "{leaf} --help failed");
        ensure!(
            help.contains("Usage:") && help.contains("Example"),
            "{leaf}: {help}"
        );
    }
    let overview = String::from_utf8(process::millstream(&["--help"])?.stdout)?;
    ensure!(
        overview.contains("Exit codes"),
        "the exit codes are not documented: {overview}"
    );
    let shells = String::from_utf8(process::millstream(&["completions", "bash"])?.stdout)?;
    ensure!(shells.contains("millstream"), "no completions");
    Ok(())
}

#[test]
fn a_function_is_deployed_and_tried() -> Result<()> {
    let host = Host::start()?;
    let cli = Cli::of(&host);
    cli.run(&["stream", "create", "out"])?;
    let deployed = deploy_copy(&cli)?;
    ensure!(deployed["status"] == "active", "{deployed}");
    ensure!(deployed["world"] == "handler", "{deployed}");
    ensure!(deployed["limits"]["time_ms"] == 2000, "{deployed}");
    ensure!(deployed["config"]["to"] == "out", "{deployed}");
    let tried = cli.json(&["invoke", "copy", "--text", "one", "--text", "two"])?;
    ensure!(
        tried["outputs"][0]["records"][1]["text"] == "two",
        "{tried}"
    );
    let out = cli.json(&["stream", "get", "out"])?;
    ensure!(out["records"] == 0, "a dry run left something: {out}");
    let shown = cli.run(&["functions", "get", "copy"])?;
    ensure!(shown.contains("handler"), "{shown}");
    cli.run(&["functions", "delete", "copy"])?;
    let left = cli.json(&["functions"])?;
    ensure!(left["functions"] == json!([]), "{left}");
    Ok(())
}

fn deploy_copy(cli: &Cli) -> Result<Value> {
    let file = guest("fixture")?;
    let settings = ["--config", "to=out", "--limit", "time_ms=2000"];
    cli.json(&[&["deploy", "copy", &file], &settings[..]].concat())
}

#[test]
fn a_trigger_is_created_followed_paused_and_deleted() -> Result<()> {
    let host = Host::start()?;
    let cli = Cli::of(&host);
    cli.json(&["stream", "create", "in", "--shards", "2"])?;
    cli.run(&["stream", "create", "out"])?;
    deploy_copy(&cli)?;
    let connect = [
        "trigger",
        "create",
        "copy",
        "--stream",
        "in",
        "--function",
        "copy",
    ];
    let created = cli.json(&[&connect[..], &["--batch-size", "10"]].concat())?;
    ensure!(created["batch_size"] == 10, "{created}");
    ensure!(created["starting_position"] == "TRIM_HORIZON", "{created}");
    let put = ["put", "--stream", "in", "--key-field", "1", "--json"];
    let put = cli.piped(&put, b"a 1\nb 2\na 3\n")?;
    let tally: Value = serde_json::from_slice(&put.stdout).with_context(|| format!("{put:?}"))?;
    ensure!(
        tally["records"] == 3 && tally["complete"] == true,
        "{tally}"
    );
    let followed = cli.run(&["tail", "out", "--from", "TRIM_HORIZON", "-n", "3", "--json"])?;
    let mut texts: Vec<String> = Vec::new();
    for line in followed.lines() {
        let record: Value = serde_json::from_str(line).with_context(|| line.to_owned())?;
        texts.push(record["text"].as_str().context("no text")?.to_owned());
    }
    texts.sort();
    ensure!(texts == ["a 1", "a 3", "b 2"], "{texts:?}");
    let shown = cli.run(&["trigger", "get", "copy"])?;
    ensure!(shown.contains("shardId-000000000001"), "{shown}");
    ensure!(
        cli.json(&["trigger", "pause", "copy"])?["state"] == "Disabled",
        "not paused"
    );
    ensure!(
        cli.json(&["trigger", "resume", "copy"])?["state"] == "Enabled",
        "not resumed"
    );
    ensure!(
        cli.json(&["trigger", "list"])?["triggers"][0]["name"] == "copy",
        "not listed"
    );
    cli.run(&["trigger", "delete", "copy"])?;
    cli.run(&["stream", "delete", "in"])?;
    ensure!(
        cli.json(&["stream", "list"])?["streams"][0]["name"] == "out",
        "not deleted"
    );
    ensure!(cli.run(&["status"])?.contains("records"), "no status");
    Ok(())
}

#[test]
fn a_change_of_one_setting_leaves_the_others_as_they_are() -> Result<()> {
    let host = Host::start()?;
    let cli = Cli::of(&host);
    for stream in ["in", "out", "dead"] {
        cli.run(&["stream", "create", stream])?;
    }
    deploy_copy(&cli)?;
    let create = ["trigger", "create", "t", "--stream", "in", "--function"];
    let settings = ["copy", "--on-failure-stream", "dead"];
    let latest = ["--starting-position", "LATEST"];
    let create = [&create[..], &settings, &latest].concat();
    cli.run(&create)?;
    let (code, said) = cli.fails(&create)?;
    ensure!(code == Some(1) && said.contains("trigger update"), "{said}");
    let changed = cli.json(&["trigger", "update", "t", "--batch-size", "7"])?;
    ensure!(changed["batch_size"] == 7, "{changed}");
    ensure!(changed["on_failure_stream"] == "dead", "{changed}");
    ensure!(changed["starting_position"] == "LATEST", "{changed}");
    let shown = cli.run(&["trigger", "get", "t"])?;
    for setting in ["batch-size: 7", "on-failure-stream: dead"] {
        ensure!(shown.contains(setting), "{setting} is not shown: {shown}");
    }
    ensure!(!shown.contains("retry"), "a default is shown: {shown}");
    cli.run(&["trigger", "update", "t", "--no-on-failure-stream"])?;
    let without = cli.json(&["trigger", "get", "t"])?;
    ensure!(without["on_failure_stream"].is_null(), "{without}");
    ensure!(without["batch_size"] == 7, "{without}");
    let (code, said) = cli.fails(&["trigger", "update", "absent", "--batch-size", "1"])?;
    ensure!(code == Some(1) && said.contains("absent"), "{said}");
    Ok(())
}

#[test]
fn a_tail_that_cannot_go_on_says_why_and_where_it_stood() -> Result<()> {
    let host = Host::start()?;
    let cli = Cli::of(&host);
    cli.run(&["stream", "create", "in"])?;
    cli.piped(&["put", "--stream", "in", "--key", "k"], b"one\ntwo\n")?;
    let line = ["tail", "in", "--from", "TRIM_HORIZON", "--json"];
    let mut tail = cli.command(&line)?;
    tail.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut tail = tail.spawn()?;
    let mut records = BufReader::new(tail.stdout.take().context("stdout is piped")?).lines();
    let mut last = Value::Null;
    for text in ["one", "two"] {
        let line = records.next().context("a record")??;
        last = serde_json::from_str(&line)?;
        ensure!(last["text"] == text, "{line}");
    }
    cli.run(&["stream", "delete", "in"])?;
    let more: Vec<String> = records.collect::<std::io::Result<_>>()?;
    ensure!(
        more.is_empty(),
        "an error was printed as a record: {more:?}"
    );
    let output = tail.wait_with_output()?;
    ensure!(output.status.code() == Some(1), "{output:?}");
    let said: Value = serde_json::from_slice(&output.stderr)?;
    ensure!(said["error"]["code"] == "no_such_stream", "{said}");
    let number = last["sequence_number"].as_str().context("no number")?;
    let message = said["error"]["message"].to_string();
    ensure!(message.contains(number), "where it stood: {said}");
    Ok(())
}

#[test]
fn a_tail_goes_on_after_the_record_of_a_number() -> Result<()> {
    let host = Host::start()?;
    let cli = Cli::of(&host);
    cli.run(&["stream", "create", "in"])?;
    cli.piped(&["put", "--stream", "in", "--key", "k"], b"one\ntwo\n")?;
    let first = cli.json(&["tail", "in", "--from", "trim_horizon", "-n", "1"])?;
    let field = |name: &str| first[name].as_str().context("a record");
    let (shard, number) = (field("shard_id")?, field("sequence_number")?);
    let line = ["tail", "in", "--shard", shard, "--from", number, "-n", "1"];
    ensure!(cli.json(&line)?["text"] == "two", "it does not go on");
    let (code, said) = cli.fails(&["tail", "in", "--from", number])?;
    ensure!(code == Some(2) && said.contains("--shard"), "{said}");
    Ok(())
}

#[test]
fn exit_codes_tell_a_refusal_from_a_wrong_line_and_from_no_host() -> Result<()> {
    let host = Host::start()?;
    let cli = Cli::of(&host);
    let (code, said) = cli.fails(&["stream", "get", "absent"])?;
    ensure!(
        code == Some(1) && said.contains("absent"),
        "{code:?}: {said}"
    );
    let (code, said) = cli.fails(&["--json", "trigger", "get", "absent"])?;
    let error: Value = serde_json::from_str(&said).with_context(|| said.clone())?;
    ensure!(
        code == Some(1) && error["error"]["code"] == "no_such_trigger",
        "{error}"
    );
    ensure!(
        cli.fails(&["stream", "crate", "x"])?.0 == Some(2),
        "a wrong line"
    );
    ensure!(cli.fails(&["put"])?.0 == Some(2), "a missing option");
    let (code, said) = cli.fails(&["deploy", "f", "/nonexistent.wasm"])?;
    ensure!(
        code == Some(1) && said.contains("nonexistent"),
        "{code:?}: {said}"
    );
    let (code, said) = cli.fails(&["deploy", "f", "/tmp"])?;
    ensure!(
        code == Some(1) && said.contains("is a directory"),
        "{code:?}: {said}"
    );
    let (code, said) = cli.fails(&["backup", "--to", "/dev/null/copy", "--json"])?;
    let error: Value = serde_json::from_str(&said).with_context(|| said.clone())?;
    ensure!(
        code == Some(1) && error["error"]["code"] == "invalid_setting",
        "{error}"
    );
    let (code, said) = cli.fails(&["--url", "http://127.0.0.1:9", "status"])?;
    ensure!(
        code == Some(3) && said.contains("http://127.0.0.1:9"),
        "{code:?}: {said}"
    );
    ensure!(
        !said.contains("\u{1b}["),
        "colours where nobody watches: {said:?}"
    );
    Ok(())
}

#[test]
fn a_file_is_put_whole_and_a_reader_that_leaves_is_no_error() -> Result<()> {
    let host = Host::start()?;
    let cli = Cli::of(&host);
    let folder = host::folder()?;
    let file = folder.path().join("many.ndjson");
    let lines: Vec<String> = (0..60_000)
        .map(|n| json!({ "user": n % 97, "n": n }).to_string())
        .collect();
    std::fs::write(&file, lines.join("\n"))?;
    let file = file.to_str().context("the path is text")?;
    cli.run(&["stream", "create", "in", "--shards", "3"])?;
    let tally = cli.json(&[
        "put",
        "--stream",
        "in",
        "--file",
        file,
        "--key-pointer",
        "/user",
    ])?;
    ensure!(
        tally["records"] == 60_000 && tally["complete"] == true,
        "{tally}"
    );
    let mut stored: Vec<u64> = Vec::new();
    let mut newest = std::collections::BTreeMap::new();
    for record in host.api.records("in")? {
        let event = record.json()?;
        let n = event["n"].as_u64().context("no n")?;
        ensure!(
            record.key.parse().ok() == event["user"].as_u64(),
            "{record:?}"
        );
        ensure!(
            newest.insert(record.key, n).is_none_or(|before| before < n),
            "{n} is out of order"
        );
        stored.push(n);
    }
    stored.sort_unstable();
    ensure!(
        stored == (0..60_000).collect::<Vec<u64>>(),
        "{} records came in",
        stored.len()
    );
    // The reader closes the pipe long before the tail is through.
    let mut tail = cli
        .command(&["tail", "in", "--from", "TRIM_HORIZON", "--data"])?
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    drop(tail.stdout.take());
    let output = tail.wait_with_output()?;
    let said = String::from_utf8(output.stderr)?;
    ensure!(
        !said.contains("panicked") && !said.contains("Broken pipe"),
        "{said}"
    );
    Ok(())
}

#[test]
fn a_put_that_the_host_refuses_says_what_was_taken() -> Result<()> {
    let host = Host::start()?;
    let cli = Cli::of(&host);
    cli.run(&["stream", "create", "in"])?;
    let line = ["put", "--stream", "in", "--format", "ndjson", "--json"];
    let output = cli.piped(&line, b"{\"n\": 1}\n{\"n\": 2}\nnot json\n")?;
    ensure!(output.status.code() == Some(1), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(said.contains("line 3"), "the line is not named: {said}");
    let stored = host.api.records("in")?.len() as u64;
    let tally: Value =
        serde_json::from_slice(&output.stdout).with_context(|| format!("{output:?}"))?;
    ensure!(
        tally["records"] == stored && tally["complete"] == false,
        "{tally}, {stored} stored"
    );
    Ok(())
}

#[test]
fn an_interrupted_put_says_exactly_what_was_taken() -> Result<()> {
    let host = Host::start()?;
    let cli = Cli::of(&host);
    cli.run(&["stream", "create", "in"])?;
    let mut command = cli.command(&["put", "--stream", "in", "--key", "k", "--json"])?;
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let mut stdin = child.stdin.take().context("stdin is piped")?;
    // More than one request, and no end.
    let lines: String = (0..200_000).map(|n| format!("{n}\n")).collect();
    stdin.write_all(lines.as_bytes())?;
    support::until("some records", || {
        let stream = host.api.get("/v1/streams/in")?.ok()?;
        Ok((stream["records"].as_u64() > Some(0)).then_some(()))
    })?;
    process::signal(&child, process::Signal::INT)?;
    let output = child.wait_with_output()?;
    ensure!(output.status.code() == Some(130), "{output:?}");
    let tally: Value =
        serde_json::from_slice(&output.stdout).with_context(|| format!("{output:?}"))?;
    let stored = host.api.records("in")?.len() as u64;
    let taken = tally["records"].as_u64().context("no records")?;
    let unknown = tally["unknown_records"]
        .as_u64()
        .context("no unknown records")?;
    ensure!(
        (taken..=taken + unknown).contains(&stored),
        "{stored} are stored: {tally}"
    );
    ensure!(tally["complete"] == false, "{tally}");
    Ok(())
}
