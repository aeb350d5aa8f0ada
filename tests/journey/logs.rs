//! A function's logs on the command line: what is kept, and what comes.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use support::{Host, build, wait};

use crate::cli::Cli;

fn deployed(cli: &Cli<'_>) -> Result<()> {
    let file = build::guests()?.join("guest_fixture.wasm");
    let file = file.to_str().context("the path is text")?;
    cli.run(&["deploy", "f", file, "--config", "mode=log"])?;
    cli.run(&["stream", "create", "in"])?;
    let connect = [
        "trigger",
        "create",
        "t",
        "--stream",
        "in",
        "--function",
        "f",
    ];
    cli.run(&connect).map(drop)
}

#[test]
fn logs_are_followed_and_shown_again() -> Result<()> {
    let host = Host::start()?;
    let cli = Cli::of(&host);
    deployed(&cli)?;
    ensure!(
        cli.run(&["logs", "f"])?.is_empty(),
        "there is something already"
    );
    let mut follow = cli.command(&["logs", "f", "-f", "--filter", "-RequestId", "--json"])?;
    let mut follow = follow.stdout(Stdio::piped()).spawn()?;
    let mut followed = BufReader::new(follow.stdout.take().context("stdout is piped")?).lines();
    for text in ["one", "two"] {
        cli.piped(&["put", "--stream", "in", "--key", "k"], text.as_bytes())?;
        let line: Value = serde_json::from_str(&followed.next().context("a line")??)?;
        ensure!(line["message"] == text && line["level"] == "info", "{line}");
        ensure!(
            line["kind"] == "line" && line["version"] == "$LATEST",
            "{line}"
        );
    }
    follow.kill()?;
    follow.wait()?;
    let all = cli.run(&["logs", "f"])?;
    let lines: Vec<&str> = all.lines().collect();
    ensure!(lines.len() == 8, "{all}");
    ensure!(lines[0].contains("Z START RequestId: "), "{all}");
    ensure!(lines[1].ends_with("Z INFO  one"), "{all}");
    ensure!(lines[3].contains("Memory Size: 128 MB"), "{all}");
    let reports = cli.run(&[
        "logs", "f", "--filter", "REPORT", "-n", "1", "--since", "1h",
    ])?;
    ensure!(reports.lines().count() == 1, "{reports}");
    Ok(())
}

#[test]
fn what_cannot_be_shown_is_said() -> Result<()> {
    let host = Host::start()?;
    let cli = Cli::of(&host);
    let (code, said) = cli.fails(&["logs", "absent"])?;
    ensure!(code == Some(1) && said.contains("absent"), "{said}");
    for line in [["--since", "soon"], ["--filter", "[a]"], ["-n", "x"]] {
        let (code, said) = cli.fails(&[&["logs", "f"], &line[..]].concat())?;
        ensure!(code == Some(2) && said.contains(line[1]), "{said}");
    }
    Ok(())
}

#[test]
fn the_newest_lines_are_kept_as_far_as_there_is_room() -> Result<()> {
    let home = support::host::folder()?;
    let host = Host::start_on(&home.path().join("data"), &["--function-log-lines", "20"])?;
    let cli = Cli::of(&host);
    deployed(&cli)?;
    for n in 0..20 {
        cli.piped(
            &["put", "--stream", "in", "--key", "k"],
            format!("line {n}").as_bytes(),
        )?;
    }
    let all = wait::until("the newest line", || {
        let all = cli.run(&["logs", "f"])?;
        ensure!(all.lines().count() <= 20, "{all}");
        Ok(all.contains("line 19").then_some(all))
    })?;
    ensure!(!all.contains("line 1\n"), "{all}");
    Ok(())
}
