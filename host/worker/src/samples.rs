//! The workers' part of `/metrics`, in Prometheus's text format. Names need no escaping: triggers'
//! are letters, digits, `_` and `-`.

use std::{collections::BTreeMap, fmt::Write};

use millstream_core::port::LaneStatus;

use crate::{
    tally::{Fault, LATENCY_BOUNDS_MS, Tally},
    workers::Handle,
    world::World,
};

/// A trigger's lanes taken together.
#[derive(Default)]
struct Sum {
    tally: Tally,
    lag_records: u64,
    lag_ms: u64,
    lanes: BTreeMap<&'static str, u64>,
}

type Sample = (&'static str, &'static str, fn(&Sum) -> f64);

const COUNTERS: [Sample; 7] = [
    (
        "millstream_trigger_invocations_total",
        "Calls that a function answered.",
        |sum| sum.tally.invocations as f64,
    ),
    (
        "millstream_trigger_batches_total",
        "Batches whose effects are durable.",
        |sum| sum.tally.batches as f64,
    ),
    (
        "millstream_trigger_records_total",
        "Records that are done.",
        |sum| sum.tally.records as f64,
    ),
    (
        "millstream_trigger_filtered_records_total",
        "Records that the trigger's filters left out.",
        |sum| sum.tally.filtered as f64,
    ),
    (
        "millstream_trigger_outputs_total",
        "Records given to streams.",
        |sum| sum.tally.outputs as f64,
    ),
    (
        "millstream_trigger_dead_letters_total",
        "Records that were given up.",
        |sum| sum.tally.dead_letters as f64,
    ),
    (
        "millstream_trigger_dropped_records_total",
        "Records that were given up with nowhere to go.",
        |sum| sum.tally.dropped as f64,
    ),
];

const GAUGES: [Sample; 2] = [
    (
        "millstream_trigger_lag_records",
        "Records that wait.",
        |sum| sum.lag_records as f64,
    ),
    (
        "millstream_trigger_lag_seconds",
        "Age of the oldest record that waits.",
        |sum| sum.lag_ms as f64 / 1000.0,
    ),
];

pub(crate) fn write<'a>(text: &mut String, lanes: impl Iterator<Item = &'a Handle>, world: &World) {
    let mut sums: BTreeMap<&str, Sum> = BTreeMap::new();
    for lane in lanes {
        let sum = sums.entry(lane.trigger.name.as_str()).or_default();
        let status = lane.status(world);
        sum.add(&lane.board.tally(), &status);
    }
    for (name, help, value) in COUNTERS {
        family(text, name, "counter", help);
        for (trigger, sum) in &sums {
            line(text, name, trigger, "", value(sum));
        }
    }
    for (name, help, value) in GAUGES {
        family(text, name, "gauge", help);
        for (trigger, sum) in &sums {
            line(text, name, trigger, "", value(sum));
        }
    }
    let name = "millstream_trigger_errors_total";
    family(
        text,
        name,
        "counter",
        "Batches that could not be done, by what went wrong.",
    );
    for (trigger, sum) in &sums {
        for (kind, count) in Fault::NAMES.iter().zip(sum.tally.faults) {
            line(
                text,
                name,
                trigger,
                &format!(",kind=\"{kind}\""),
                count as f64,
            );
        }
    }
    let name = "millstream_trigger_lanes";
    family(
        text,
        name,
        "gauge",
        "Shards of the trigger's stream, by what the trigger does on them.",
    );
    for (trigger, sum) in &sums {
        for (state, count) in &sum.lanes {
            line(
                text,
                name,
                trigger,
                &format!(",state=\"{state}\""),
                *count as f64,
            );
        }
    }
    histogram(text, &sums);
}

impl Sum {
    fn add(&mut self, tally: &Tally, status: &LaneStatus) {
        let mine = &mut self.tally;
        mine.invocations += tally.invocations;
        mine.batches += tally.batches;
        mine.records += tally.records;
        mine.filtered += tally.filtered;
        mine.outputs += tally.outputs;
        mine.dead_letters += tally.dead_letters;
        mine.dropped += tally.dropped;
        for (mine, theirs) in mine.faults.iter_mut().zip(tally.faults) {
            *mine += theirs;
        }
        mine.latency.merge(&tally.latency);
        self.lag_records += status.lag_records;
        self.lag_ms = self.lag_ms.max(status.lag_ms);
        *self.lanes.entry(status.state).or_default() += 1;
    }
}

fn histogram(text: &mut String, sums: &BTreeMap<&str, Sum>) {
    let name = "millstream_trigger_put_to_handler_seconds";
    family(
        text,
        name,
        "histogram",
        "From a batch's oldest record's arrival to its first call.",
    );
    for (trigger, sum) in sums {
        let latency = &sum.tally.latency;
        let bounds = LATENCY_BOUNDS_MS
            .iter()
            .map(|&ms| (ms as f64 / 1000.0).to_string());
        let mut total = 0;
        for (bound, count) in bounds.chain(["+Inf".to_owned()]).zip(latency.buckets) {
            total += count;
            let labels = format!(",le=\"{bound}\"");
            line(
                text,
                &format!("{name}_bucket"),
                trigger,
                &labels,
                total as f64,
            );
        }
        line(
            text,
            &format!("{name}_sum"),
            trigger,
            "",
            latency.sum_ms as f64 / 1000.0,
        );
        line(text, &format!("{name}_count"), trigger, "", total as f64);
    }
}

fn family(text: &mut String, name: &str, kind: &str, help: &str) {
    writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}").expect("memory takes all");
}

fn line(text: &mut String, name: &str, trigger: &str, labels: &str, value: f64) {
    writeln!(text, "{name}{{trigger=\"{trigger}\"{labels}}} {value}").expect("memory takes all");
}
