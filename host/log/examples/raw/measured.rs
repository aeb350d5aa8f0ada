//! What a run gave: rate, CPU time and latencies. Knows the process, not what it ran.

use std::{fs, time::Instant};

use anyhow::{Context as _, Result};

/// What one run measured.
#[derive(Debug, Clone, Default)]
pub(crate) struct Measured {
    pub(crate) records: u64,
    pub(crate) seconds: f64,
    pub(crate) cpu_seconds: f64,
    pub(crate) latencies_us: Vec<u64>,
}

impl Measured {
    pub(crate) fn rate(&self) -> f64 {
        self.records as f64 / self.seconds
    }

    pub(crate) fn cpu_us(&self) -> f64 {
        self.cpu_seconds * 1e6 / self.records as f64
    }

    pub(crate) fn quantile(&self, quantile: f64) -> f64 {
        let last = self.latencies_us.len().saturating_sub(1);
        let at = (last as f64 * quantile) as usize;
        self.latencies_us.get(at).map_or(0.0, |us| *us as f64 / 1e3)
    }
}

/// CPU time of this process, from clock ticks of 10 ms.
fn cpu_seconds() -> Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(") ").context("no process name")?;
    let mut ticks = fields.split(' ').skip(11).map(str::parse::<f64>);
    let user = ticks.next().context("no user time")??;
    let system = ticks.next().context("no system time")??;
    Ok((user + system) / 100.0)
}

/// Runs `run`, which gives how many records there were and the latencies in us.
pub(crate) fn measure(run: impl FnOnce() -> Result<(u64, Vec<u64>)>) -> Result<Measured> {
    let (began, cpu) = (Instant::now(), cpu_seconds()?);
    let (records, mut latencies_us) = run()?;
    latencies_us.sort_unstable();
    Ok(Measured {
        records,
        seconds: began.elapsed().as_secs_f64(),
        cpu_seconds: cpu_seconds()? - cpu,
        latencies_us,
    })
}

/// The run with the median rate, but with the CPU time of all: the clock ticks are coarse.
pub(crate) fn median(rounds: &mut [Measured]) -> Measured {
    rounds.sort_by(|a, b| a.rate().total_cmp(&b.rate()));
    let total = |of: fn(&Measured) -> f64| rounds.iter().map(of).sum::<f64>();
    let cpu = total(|m| m.cpu_seconds) / total(|m| m.records as f64);
    let median = rounds[rounds.len() / 2].clone();
    Measured {
        cpu_seconds: cpu * median.records as f64,
        ..median
    }
}
