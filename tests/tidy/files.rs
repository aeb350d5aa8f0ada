//! The shape of files: how long, how they open, what they must not hold.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Result, ensure};
use support::build;

/// Lines of a file before its tests.
const LINES: usize = 500;

/// Folders that hold nothing that we wrote.
const FOREIGN: &[&str] = &[
    "target",
    ".git",
    "__pycache__",
    "millstream-data",
    ".pytest_cache",
];

/// Names that say nothing.
const NAMELESS: &[&str] = &[
    "mod.rs",
    "utils.rs",
    "util.rs",
    "helpers.rs",
    "common.rs",
    "misc.rs",
];

struct Source {
    path: PathBuf,
    text: String,
}

impl Source {
    fn shown(&self) -> std::path::Display<'_> {
        self.path
            .strip_prefix(build::root())
            .unwrap_or(&self.path)
            .display()
    }
}

fn collect(folder: &Path, kinds: &[&str], into: &mut Vec<Source>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if path.is_dir() {
            if !FOREIGN.contains(&name.as_str()) {
                collect(&path, kinds, into)?;
            }
        } else if kinds.iter().any(|kind| name.ends_with(kind)) {
            into.push(Source {
                text: fs::read_to_string(&path)?,
                path,
            });
        }
    }
    Ok(())
}

fn sources(kinds: &[&str]) -> Result<Vec<Source>> {
    let mut found = Vec::new();
    collect(build::root(), kinds, &mut found)?;
    ensure!(!found.is_empty(), "no sources of {kinds:?}");
    Ok(found)
}

fn none(faults: &[String]) -> Result<()> {
    ensure!(faults.is_empty(), "\n{}", faults.join("\n"));
    Ok(())
}

#[test]
fn every_file_opens_with_what_it_is_for() -> Result<()> {
    let files = sources(&[".rs"])?;
    let silent = files.iter().filter(|file| !file.text.starts_with("//! "));
    none(
        &silent
            .map(|file| format!("{} has no module docs", file.shown()))
            .collect::<Vec<_>>(),
    )
}

#[test]
fn no_file_is_longer_than_a_reader_bears() -> Result<()> {
    let files = sources(&[".rs", ".py"])?;
    let lengths = files.iter().map(|file| {
        let code = file
            .text
            .split("\n#[cfg(test)]\nmod tests")
            .next()
            .unwrap_or_default();
        (file, code.lines().count())
    });
    let long = lengths.filter(|(_, lines)| *lines > LINES);
    none(
        &long
            .map(|(file, n)| format!("{} has {n} lines", file.shown()))
            .collect::<Vec<_>>(),
    )
}

#[test]
fn every_file_has_a_name_that_says_something() -> Result<()> {
    let files = sources(&[".rs"])?;
    let nameless = files
        .iter()
        .filter(|file| NAMELESS.iter().any(|name| file.path.ends_with(name)));
    none(
        &nameless
            .map(|file| format!("{} names nothing", file.shown()))
            .collect::<Vec<_>>(),
    )
}

#[test]
fn sources_are_ascii() -> Result<()> {
    let kinds = [
        ".rs", ".py", ".toml", ".wit", ".sql", ".md", ".yml", "Makefile", "run",
    ];
    let mut faults = Vec::new();
    for file in sources(&kinds)? {
        for (at, line) in file
            .text
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.is_ascii())
        {
            faults.push(format!("{}:{}: {line}", file.shown(), at + 1));
        }
    }
    none(&faults)
}

#[test]
fn lints_are_expected_with_a_reason_and_never_allowed() -> Result<()> {
    let mut faults = Vec::new();
    for file in sources(&[".rs"])? {
        let lines = file.text.lines().enumerate();
        let allows = |line: &str| {
            let line = line.trim_start();
            line.starts_with("#[allow(") || line.starts_with("#![allow(")
        };
        for (at, _) in lines.filter(|(_, line)| allows(line)) {
            faults.push(format!("{}:{} allows a lint", file.shown(), at + 1));
        }
    }
    none(&faults)
}

#[test]
fn versions_stand_in_one_manifest() -> Result<()> {
    let mut faults = Vec::new();
    for file in sources(&["Cargo.toml"])? {
        if file.path.parent() == Some(build::root()) {
            continue;
        }
        let mut inside = false;
        for (at, line) in file.text.lines().enumerate() {
            if line.starts_with('[') {
                inside = line.contains("dependencies");
            } else if inside && line.contains('=') && !line.contains("workspace = true") {
                faults.push(format!("{}:{}: {line}", file.shown(), at + 1));
            }
        }
    }
    none(&faults)
}
