//! A host process to measure: started on an empty directory, asked over HTTP, read from /proc.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    Options,
    report::{Report, Target},
};

/// A running host; ends with the value.
#[derive(Debug)]
pub(crate) struct Host {
    child: Child,
    /// As in `127.0.0.1:4567`.
    pub(crate) address: String,
    /// Where it is this host's own.
    _dir: Option<TempDir>,
}

/// An empty directory for a host's data: beside the build, not in /tmp, which may be memory.
pub(crate) fn directory() -> Result<TempDir> {
    Ok(tempfile::tempdir_in("target")?)
}

impl Host {
    /// Starts the binary on a directory of its own, and waits until it is ready.
    pub(crate) fn start(options: &Options, args: &[&str]) -> Result<Self> {
        let dir = directory()?;
        let mut host = Self::start_on(options, dir.path(), args)?;
        host._dir = Some(dir);
        Ok(host)
    }

    /// Starts the binary on `dir` with further arguments, and waits until it is ready.
    pub(crate) fn start_on(options: &Options, dir: &Path, args: &[&str]) -> Result<Self> {
        let mut child = Command::new(&options.bin)
            // What is created is ACTIVE at once.
            .args([
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--state-change-delay",
                "0",
            ])
            .arg("--data")
            .arg(dir)
            .args(args)
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("start {}", options.bin.display()))?;
        let mut lines = BufReader::new(child.stdout.take().context("stdout")?).lines();
        let line = lines.next().context("the host said nothing")??;
        let Some((_, address)) = line.split_once("http://") else {
            bail!("unexpected readiness line: {line}")
        };
        Ok(Self {
            child,
            address: address.trim().to_owned(),
            _dir: None,
        })
    }

    /// CPU seconds that the process has used.
    pub(crate) fn cpu(&self) -> Result<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The name in parentheses may hold blanks; fields 14 and 15 are utime and stime.
        let rest = stat.rsplit_once(')').context("stat")?.1;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let ticks: f64 = fields[11].parse::<f64>()? + fields[12].parse::<f64>()?;
        Ok(ticks / 100.0)
    }

    /// A field of /proc/PID/status, in MB.
    pub(crate) fn memory(&self, field: &str) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status
            .lines()
            .find(|line| line.starts_with(field))
            .context("field")?;
        let kib: f64 = line.split_whitespace().nth(1).context("value")?.parse()?;
        Ok(kib * 1024.0 / 1e6)
    }

    /// How often its threads went to sleep and were woken.
    pub(crate) fn switches(&self) -> Result<f64> {
        let mut all = 0.0;
        for task in std::fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            // A thread may end while it is looked at.
            let status = std::fs::read_to_string(task?.path().join("status")).unwrap_or_default();
            let line = status
                .lines()
                .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
            all += line.map_or(Ok(0.0), |line| line.trim().parse::<f64>())?;
        }
        Ok(all)
    }

    /// `GET`, `PUT` or `POST` of JSON.
    pub(crate) fn call(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let url = format!("http://{}{path}", self.address);
        let request = match method {
            "GET" => ureq::get(&url).call(),
            "PUT" => ureq::put(&url).send_json(body),
            _ => ureq::post(&url).send_json(body),
        };
        let mut response = request.with_context(|| format!("{method} {path}"))?;
        let text = response.body_mut().read_to_string()?;
        Ok(serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// Creates a stream.
    pub(crate) fn stream(&self, name: &str, shards: u32) -> Result<()> {
        self.call(
            "PUT",
            &format!("/v1/streams/{name}"),
            &json!({ "shards": shards }),
        )
        .map(|_| ())
    }

    /// Uploads a component and waits until it can be called.
    pub(crate) fn deploy(&self, name: &str, file: &Path, query: &str) -> Result<()> {
        let wasm = std::fs::read(file).with_context(|| format!("read {}", file.display()))?;
        let url = format!(
            "http://{}/v1/functions/{name}?wait_ms=60000{query}",
            self.address
        );
        let status = ureq::put(&url).send(&wasm)?.status();
        ensure!(status == 200 || status == 201, "deploy {name}: {status}");
        Ok(())
    }

    /// Records that wait for a trigger.
    pub(crate) fn lag(&self, trigger: &str) -> Result<u64> {
        let status = self.call("GET", &format!("/v1/triggers/{trigger}"), &Value::Null)?;
        status["lag_records"]
            .as_u64()
            .with_context(|| format!("lag in {status}"))
    }

    /// Waits until nothing waits for the trigger any more.
    pub(crate) fn caught_up(&self, trigger: &str, limit: Duration) -> Result<()> {
        let end = Instant::now() + limit;
        while self.lag(trigger)? > 0 {
            ensure!(
                Instant::now() < end,
                "trigger {trigger} is not done after {limit:?}"
            );
            // Polls a counter of another process; rare enough not to weigh on what is measured.
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Median microseconds of a transaction with its sync, from the host's own histogram.
    pub(crate) fn commit_sync(&self) -> Result<f64> {
        let metrics = self.call("GET", "/metrics", &Value::Null)?;
        let text = metrics.as_str().context("metrics are text")?;
        let bucket = |line: &str| -> Option<(f64, f64)> {
            let rest = line.strip_prefix("millstream_log_transaction_seconds_bucket{le=\"")?;
            let (edge, count) = rest.split_once("\"} ")?;
            Some((edge.parse().ok()?, count.parse().ok()?))
        };
        let buckets: Vec<(f64, f64)> = text.lines().filter_map(bucket).collect();
        let half = buckets
            .last()
            .context("buckets of the transactions' histogram")?
            .1
            / 2.0;
        let mut below = (0.0, 0.0);
        for (edge, count) in buckets {
            if count >= half {
                // Spread evenly over its bucket, which is as wide as its lower edge.
                let part = (half - below.1) / (count - below.1);
                return Ok((below.0 + (edge - below.0) * part) * 1e6);
            }
            below = (edge, count);
        }
        unreachable!("the last bucket holds more than half")
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // It may have ended by itself; there is nothing to do about an error here.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Memory of a host that has done nothing yet, and of one with the four guests deployed.
pub(crate) fn measure_idle(options: &Options, report: &mut Report) -> Result<()> {
    let host = Host::start(options, &[])?;
    let idle = host.memory("VmRSS")?;
    report.judge(
        "idle",
        "memory of an empty host",
        (idle, "MB"),
        Target::AtMost(60.0),
    );
    for guest in ["access-log", "metrics", "sessions", "alerts"] {
        host.deploy(guest, &crate::functions::component(options, guest), "")?;
    }
    report.tell(
        "idle",
        "memory with four functions",
        host.memory("VmRSS")?,
        "MB",
    );
    Ok(())
}
