//! `millstream demo`: the report is right, and nothing is left behind, however it ends.

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use support::{
    Random, build, host,
    process::{self, Signal},
    wait::PATIENCE,
};

use crate::dag::{count, expected, numbers};

/// A demo whose temporary files go into a folder of the test's own.
fn demo(folder: &Path, arguments: &[&str]) -> Result<Command> {
    let mut command = Command::new(build::binary()?);
    command
        .arg("demo")
        .args(arguments)
        .arg("--guests")
        .arg(build::guests()?);
    command
        .env("TMPDIR", folder)
        .current_dir(folder)
        .stdin(Stdio::null());
    Ok(command)
}

fn report(output: &Output) -> Result<Value> {
    ensure!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).with_context(|| format!("not one object: {output:?}"))
}

fn nothing_left(folder: &Path) -> Result<()> {
    let left: Vec<_> = fs::read_dir(folder)?
        .map(|e| Ok(e?.path()))
        .collect::<Result<_>>()?;
    ensure!(left.is_empty(), "left behind: {left:?}");
    let traces = process::mentioning(&folder.to_string_lossy())?;
    ensure!(traces.is_empty(), "still running: {traces:?}");
    Ok(())
}

#[test]
fn the_report_on_a_real_log_is_the_expected_one() -> Result<()> {
    let Some(log) = build::access_log() else {
        println!("skipped: there is no ../shared/data/apache_access.log");
        return Ok(());
    };
    let folder = host::folder()?;
    let path = log.canonicalize()?;
    let input = path.to_str().context("the path is text")?;
    let report = report(&demo(folder.path(), &["--input", input, "--json"])?.output()?)?;
    let expected = expected(&log)?;
    for field in ["records_in", "parsed", "unparsable", "sessions"] {
        ensure!(
            report[field] == expected[field],
            "{field}: {} in {report}",
            expected[field]
        );
    }
    let minutes = numbers(&report["requests_per_minute"])?.into_iter();
    let minutes = minutes
        .map(|(minute, n)| (minute.chars().take(16).collect(), n))
        .collect();
    ensure!(
        numbers(&expected["requests_per_minute"])? == minutes,
        "{minutes:?}"
    );
    let mut classes = numbers(&report["status_classes"])?;
    classes.retain(|_, n| *n > 0);
    ensure!(
        numbers(&expected["status_classes"])? == classes,
        "{classes:?}"
    );
    let pages = numbers(&expected["pages"])?;
    let mut before = u64::MAX;
    for page in report["top_pages"].as_array().context("no pages")? {
        let (path, requests) = (page["path"].as_str(), count(&page["requests"])? as u64);
        ensure!(
            path.and_then(|path| pages.get(path)) == Some(&requests),
            "{page}"
        );
        ensure!(requests <= before, "the pages are out of order: {report}");
        before = requests;
    }
    ensure!(before < u64::MAX, "no page is on top");
    ensure!(
        !report["alerts"].as_array().context("no alerts")?.is_empty(),
        "no alert"
    );
    nothing_left(folder.path())
}

#[test]
fn without_a_log_it_makes_up_traffic_and_says_so() -> Result<()> {
    let folder = host::folder()?;
    let output = demo(folder.path(), &["--lines", "500"])?.output()?;
    ensure!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stderr)? + &String::from_utf8(output.stdout)?;
    ensure!(
        said.contains("made up"),
        "it passes off its traffic as real: {said}"
    );
    for part in ["TOP PAGES", "STATUS CLASSES", "SESSIONS", "ALERTS"] {
        ensure!(said.contains(part), "the report has no {part}: {said}");
    }
    nothing_left(folder.path())
}

#[test]
fn a_log_that_is_not_there_or_has_odd_lines_is_no_trouble() -> Result<()> {
    let folder = host::folder()?;
    let missing = demo(folder.path(), &["--input", "none.log", "--json"])?.output()?;
    ensure!(missing.status.code() == Some(1), "{missing:?}");
    ensure!(
        String::from_utf8_lossy(&missing.stderr).contains("none.log"),
        "{missing:?}"
    );
    nothing_left(folder.path())?;
    let inputs = host::folder()?;
    let odd = inputs.path().join("odd.log");
    fs::write(&odd, b"\n\xff\xfe\n{\"flush\": false}\nhello\n\n- - -\n")?;
    let odd = odd.to_str().context("the path is text")?;
    let report = report(&demo(folder.path(), &["--input", odd, "--json"])?.output()?)?;
    ensure!(
        report["records_in"] == 4 && report["unparsable"] == 4,
        "{report}"
    );
    ensure!(report["parsed"] == 0 && report["sessions"] == 0, "{report}");
    nothing_left(folder.path())
}

#[test]
fn an_interrupt_at_any_moment_leaves_nothing() -> Result<()> {
    let mut random = Random::announced("interrupted demos");
    for _ in 0..5 {
        let folder = host::folder()?;
        let mut command = demo(folder.path(), &["--lines", "200000", "--json"])?;
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        support::until("the demo's directory", || {
            Ok(fs::read_dir(folder.path())?.next().map(drop))
        })?;
        // The moment is what this test draws lots for.
        thread::sleep(Duration::from_millis(20 + random.below(2500)));
        process::signal(&child, Signal::INT)?;
        let status = process::ended(&mut child, PATIENCE)?;
        ensure!(status.code() == Some(130), "ended with {status}");
        nothing_left(folder.path())?;
    }
    Ok(())
}
