//! A host process: started on port 0, awaited by its readiness line, ended with its value.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail};
use tempfile::TempDir;

use crate::{
    api::Api,
    build,
    process::{self, Signal},
    wait::{self, PATIENCE},
};

/// A running host.
#[derive(Debug)]
pub struct Host {
    child: Child,
    /// Its HTTP interfaces.
    pub api: Api,
    /// How long it took from its start to its readiness line.
    pub took: Duration,
    data: PathBuf,
    log: PathBuf,
    kept: Option<TempDir>,
}

impl Host {
    /// On an empty directory that goes with it.
    pub fn start() -> Result<Self> {
        let home = folder()?;
        let mut host = Self::start_on(&home.path().join("data"), &[])?;
        host.kept = Some(home);
        Ok(host)
    }

    /// On a given directory, which stays, with further arguments for `serve`.
    pub fn start_on(data: &Path, args: &[&str]) -> Result<Self> {
        Self::start_at("127.0.0.1:0", data, args)
    }

    /// As [`Host::start_on`], at an address where clients expect it.
    pub fn start_at(address: &str, data: &Path, args: &[&str]) -> Result<Self> {
        let log = data.with_extension("log");
        let begin = Instant::now();
        let mut child = serve(address, data, args)?
            .stdout(Stdio::piped())
            .stderr(File::options().create(true).append(true).open(&log)?)
            .spawn()
            .context("start the host")?;
        let stdout = child.stdout.take().context("its stdout is piped")?;
        let (line, lines) = mpsc::channel();
        // Goes on reading until the host ends, so that the host never writes into a closed pipe.
        thread::spawn(move || {
            for said in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = line.send(said);
            }
        });
        let first = lines.recv_timeout(PATIENCE);
        let took = begin.elapsed();
        let Ok(line) = first else {
            let _ = child.kill();
            let status = child.wait()?;
            bail!("the host did not become ready ({status}): {}", said(&log));
        };
        let url = line.strip_prefix("millstream is ready on ");
        let api = Api::new(url.with_context(|| format!("unexpected first line: {line}"))?);
        Ok(Self {
            child,
            api,
            took,
            data: data.to_owned(),
            log,
            kept: None,
        })
    }

    /// Its data directory.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it wrote to stderr, this start and those before it on the same directory.
    #[must_use]
    pub fn stderr(&self) -> String {
        said(&self.log)
    }

    /// Whether it still runs; otherwise how it ended.
    pub fn alive(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => Err(anyhow!("the host ended with {status}: {}", said(&self.log))),
        }
    }

    /// Ends it without a warning. Its directory stays where it was given.
    pub fn kill(mut self) -> Result<Option<TempDir>> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(self.kept.take())
    }

    /// Asks it to end, and waits until it has.
    pub fn stop(mut self) -> Result<ExitStatus> {
        self.signal(Signal::TERM)?;
        process::ended(&mut self.child, PATIENCE)
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        process::signal(&self.child, signal)
    }

    /// Waits until it ends by itself.
    pub fn ended(&mut self, limit: Duration) -> Result<ExitStatus> {
        process::ended(&mut self.child, limit)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // It may have ended by itself; there is nothing to do about an error here.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() || std::env::var_os("MILLSTREAM_TEST_LOGS").is_some() {
            eprintln!("the host said: {}", said(&self.log));
        }
    }
}

/// Starts a host that is expected to refuse: how it ended, and what it said.
pub fn refused(data: &Path, args: &[&str]) -> Result<(ExitStatus, String)> {
    refused_at("127.0.0.1:0", data, args)
}

/// As [`refused`], at an address.
pub fn refused_at(address: &str, data: &Path, args: &[&str]) -> Result<(ExitStatus, String)> {
    let mut child = serve(address, data, args)?
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let status = match wait::within(PATIENCE, "the host to refuse", || Ok(child.try_wait()?)) {
        Ok(status) => status,
        Err(error) => {
            let _ = child.kill();
            let _ = child.wait();
            return Err(error);
        }
    };
    let mut text = String::new();
    child
        .stdout
        .take()
        .context("stdout")?
        .read_to_string(&mut text)?;
    child
        .stderr
        .take()
        .context("stderr")?
        .read_to_string(&mut text)?;
    Ok((status, text))
}

/// Starts a host and kills it after a while, whether or not it was ready by then.
pub fn killed_while_starting(data: &Path, after: Duration) -> Result<()> {
    let mut child = serve("127.0.0.1:0", data, &[])?
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    // The moment is what the caller draws lots for.
    thread::sleep(after);
    child.kill()?;
    child.wait()?;
    Ok(())
}

/// An empty folder on the disk that holds the build: /tmp may be memory.
pub fn folder() -> Result<TempDir> {
    let parent = build::target().join("tests");
    std::fs::create_dir_all(&parent)?;
    Ok(TempDir::with_prefix_in("host-", parent)?)
}

fn serve(address: &str, data: &Path, args: &[&str]) -> Result<Command> {
    let mut command = Command::new(build::binary()?);
    command
        .args(["serve", "--listen", address, "--data"])
        .arg(data)
        .args(args);
    command.stdin(Stdio::null()).env_remove("RUST_LOG");
    Ok(command)
}

fn said(log: &Path) -> String {
    std::fs::read_to_string(log).unwrap_or_else(|error| error.to_string())
}
