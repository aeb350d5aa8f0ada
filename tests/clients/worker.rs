//! A process of another language that prints what it finds, line by line, and ends with its stdin.

use std::{
    collections::HashSet,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, mpsc},
    thread,
};

use anyhow::{Context, Result};
use support::wait::PATIENCE;

/// The lines that any worker printed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen(Arc<Mutex<HashSet<String>>>);

impl Seen {
    pub(crate) fn count(&self) -> usize {
        self.0.lock().expect("no reader panics").len()
    }

    pub(crate) fn has(&self, line: &str) -> bool {
        self.0.lock().expect("no reader panics").contains(line)
    }

    fn add(&self, line: String) {
        self.0.lock().expect("no reader panics").insert(line);
    }
}

/// A running process, ended with its value.
#[derive(Debug)]
pub(crate) struct Worker {
    child: Child,
    /// Its first line, where it was awaited.
    pub(crate) first: String,
}

impl Worker {
    /// Starts a process whose lines are taken down; what it complains of goes to a file.
    pub(crate) fn start(command: &mut Command, seen: &Seen, complaints: &Path) -> Result<Self> {
        let seen = seen.clone();
        Self::spawn(command, complaints, move |line| seen.add(line))
    }

    /// Starts a process and waits for its first line.
    pub(crate) fn awaited(command: &mut Command) -> Result<Self> {
        let (said, lines) = mpsc::channel();
        let mut worker = Self::spawn(command, Path::new("/dev/null"), move |line| {
            let _ = said.send(line);
        })?;
        worker.first = lines.recv_timeout(PATIENCE).context("no first line")?;
        Ok(worker)
    }

    fn spawn(
        command: &mut Command,
        complaints: &Path,
        take: impl Fn(String) + Send + 'static,
    ) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(complaints)?)
            .env_remove("AWS_PROFILE")
            .env("AWS_ACCESS_KEY_ID", "any")
            .env("AWS_SECRET_ACCESS_KEY", "any")
            .env("AWS_DEFAULT_REGION", "us-east-1")
            .spawn()
            .with_context(|| format!("start {command:?}"))?;
        let stdout = child.stdout.take().context("its stdout is piped")?;
        thread::spawn(move || {
            BufReader::new(stdout)
                .lines()
                .map_while(Result::ok)
                .for_each(take);
        });
        Ok(Self {
            child,
            first: String::new(),
        })
    }

    /// Whether it still runs.
    pub(crate) fn alive(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Without a warning: what it has not yet taken down as read is read again by another.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
