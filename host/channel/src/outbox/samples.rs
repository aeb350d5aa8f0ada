//! The outboxes' part of `/metrics`, in Prometheus's text format. Names need no escaping: triggers'
//! are letters, digits, `_` and `-`.

use std::fmt::Write;

use millstream_core::port::OutboxStatus;

use super::outboxes::Handle;

type Sample = (
    &'static str,
    &'static str,
    &'static str,
    fn(&OutboxStatus) -> u64,
);

const SAMPLES: [Sample; 4] = [
    (
        "millstream_trigger_destination_delivered_records_total",
        "counter",
        "Records that were given up and whose destination was told of it.",
        |status| status.delivered_records,
    ),
    (
        "millstream_trigger_destination_failed_records_total",
        "counter",
        "Records that were given up and whose failure record was given up, too.",
        |status| status.failed_records,
    ),
    (
        "millstream_trigger_destination_failed_attempts_total",
        "counter",
        "Attempts to send a failure record that failed and were or will be repeated.",
        |status| status.failed_attempts,
    ),
    (
        "millstream_trigger_destination_waiting",
        "gauge",
        "Failure records that wait to be sent.",
        |status| status.waiting,
    ),
];

pub(super) fn write<'a>(text: &mut String, outboxes: impl Iterator<Item = &'a Handle>) {
    let known = outboxes.filter_map(|handle| {
        let name = handle.desk.name()?;
        Some((name, handle.desk.status()))
    });
    let statuses: Vec<_> = known.collect();
    if statuses.is_empty() {
        return;
    }
    for (name, kind, help, value) in SAMPLES {
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (trigger, status) in &statuses {
            let value = value(status);
            let _ = writeln!(text, "{name}{{trigger=\"{trigger}\"}} {value}");
        }
    }
}
