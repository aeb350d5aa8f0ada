//! What the log and the runtime add to `/metrics`; the API and the workers write their own.

use std::sync::Arc;

use millstream_api::native::metrics::{Kind, Metrics, family, histogram, sample};
use millstream_channel::{Deliveries, Outboxes};
use millstream_log::{Latency, Stats};
use millstream_runtime::{Runtime, RuntimeStats};
use millstream_worker::Workers;

use crate::storage::Storage;

/// A name, what it means, and where it is read.
type Metric<T> = (&'static str, &'static str, fn(&T) -> u64);

/// Has everything shown that is counted outside of the API.
pub(crate) fn connect(
    metrics: &Metrics,
    storage: &Storage,
    runtime: &Arc<Runtime>,
    workers: &Arc<Workers>,
) {
    let storage = storage.clone();
    metrics.add_source(Box::new(move |out| {
        if let Some(stats) = storage.stats() {
            log(out, &stats);
        }
    }));
    let runtime = Arc::clone(runtime);
    metrics.add_source(Box::new(move |out| guests(out, &runtime.stats())));
    let workers = Arc::clone(workers);
    metrics.add_source(Box::new(move |out| workers.samples(out)));
}

/// Has the channels' figures shown, and those of failure records.
pub(crate) fn connect_channels(
    metrics: &Metrics,
    channels: &Arc<Deliveries>,
    outboxes: &Arc<Outboxes>,
) {
    let channels = Arc::clone(channels);
    metrics.add_source(Box::new(move |out| channels.samples(out)));
    let outboxes = Arc::clone(outboxes);
    metrics.add_source(Box::new(move |out| outboxes.samples(out)));
}

fn log(out: &mut String, stats: &Stats) {
    const COUNTERS: [Metric<Stats>; 6] = [
        (
            "millstream_log_commits_total",
            "Commits that became durable.",
            |s| s.commits,
        ),
        (
            "millstream_log_transactions_total",
            "Transactions, each with one sync.",
            |s| s.transactions,
        ),
        ("millstream_log_records_total", "Records appended.", |s| {
            s.records
        }),
        (
            "millstream_log_bytes_total",
            "Bytes of blocks appended.",
            |s| s.bytes,
        ),
        (
            "millstream_log_full_total",
            "Commits refused because the disk was full.",
            |s| s.full,
        ),
        (
            "millstream_log_checkpoints_total",
            "Passes that moved the WAL into the database.",
            |s| s.checkpoints,
        ),
    ];
    const GAUGES: [Metric<Stats>; 4] = [
        (
            "millstream_log_wal_bytes",
            "Bytes of the write-ahead log in use.",
            |s| s.wal_bytes,
        ),
        (
            "millstream_log_database_bytes",
            "Bytes of the database file.",
            |s| s.database_bytes,
        ),
        (
            "millstream_log_tail_bytes",
            "Bytes of recent blocks in memory.",
            |s| s.tail_bytes,
        ),
        (
            "millstream_log_queue_bytes",
            "Bytes of commits that wait.",
            |s| s.queue_bytes,
        ),
    ];
    all(out, Kind::Counter, &COUNTERS, stats);
    all(out, Kind::Gauge, &GAUGES, stats);
    let help = "From the call of a commit until it was durable.";
    latency(
        out,
        "millstream_log_commit_seconds",
        help,
        &stats.commit_latency,
    );
    let help = "From the beginning of a transaction until it was durable.";
    latency(
        out,
        "millstream_log_transaction_seconds",
        help,
        &stats.transaction_latency,
    );
}

fn all<T>(out: &mut String, kind: Kind, metrics: &[Metric<T>], stats: &T) {
    for (name, help, value) in metrics {
        family(out, name, kind, help);
        sample(out, name, &[], value(stats) as f64);
    }
}

fn latency(out: &mut String, name: &str, help: &str, latency: &Latency) {
    let finite = latency.buckets.len() - 1;
    let bounds: Vec<f64> = (0..finite)
        .map(|i| Latency::bound_us(i) as f64 / 1e6)
        .collect();
    family(out, name, Kind::Histogram, help);
    histogram(
        out,
        name,
        &[],
        &bounds,
        &latency.buckets,
        latency.sum_us as f64 / 1e6,
    );
}

fn guests(out: &mut String, stats: &RuntimeStats) {
    const COUNTERS: [Metric<RuntimeStats>; 5] = [
        (
            "millstream_calls_total",
            "Calls of functions that ran.",
            |s| s.calls,
        ),
        (
            "millstream_calls_failed_total",
            "Calls that failed by the function's fault.",
            |s| s.failed,
        ),
        (
            "millstream_calls_limited_total",
            "Calls that hit a limit.",
            |s| s.limited,
        ),
        (
            "millstream_calls_throttled_total",
            "Calls that found no free instance in time.",
            |s| s.throttled,
        ),
        (
            "millstream_modules_compiled_total",
            "Modules compiled.",
            |s| s.compiled,
        ),
    ];
    const GAUGES: [Metric<RuntimeStats>; 3] = [
        (
            "millstream_calls_running",
            "Calls that run at the moment.",
            |s| s.running,
        ),
        (
            "millstream_instances",
            "Calls that may run at the same time.",
            |s| s.instances,
        ),
        (
            "millstream_functions",
            "Versions of functions that can be called.",
            |s| s.functions,
        ),
    ];
    all(out, Kind::Counter, &COUNTERS, stats);
    all(out, Kind::Gauge, &GAUGES, stats);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_histogram_is_cumulative_and_in_seconds() {
        let mut latency_of_log = Latency::default();
        latency_of_log.buckets[3] = 2;
        latency_of_log.buckets[10] = 1;
        latency_of_log.count = 3;
        latency_of_log.sum_us = 1_000_000;
        let mut out = String::new();
        latency(&mut out, "x", "Help.", &latency_of_log);
        assert!(out.contains("x_bucket{le=\"0.000008\"} 2\n"), "{out}");
        assert!(out.contains("x_bucket{le=\"+Inf\"} 3\n"), "{out}");
        assert!(out.contains("x_sum 1\n"), "{out}");
    }
}
