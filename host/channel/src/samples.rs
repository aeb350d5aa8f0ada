//! The channels' part of `/metrics`, in Prometheus's text format. Names need no escaping: they are
//! letters, digits, `_`, `.`, `-`, and `:` after a region.

use std::fmt::Write;

use crate::{board::Tally, deliveries::Handle};

type Sample = (&'static str, &'static str, fn(&Tally) -> u64);

const COUNTERS: [Sample; 5] = [
    (
        "millstream_channel_objects_total",
        "Objects that were stored, dead letters apart.",
        |tally| tally.objects,
    ),
    (
        "millstream_channel_bytes_total",
        "Bytes of those objects.",
        |tally| tally.bytes,
    ),
    (
        "millstream_channel_records_total",
        "Records in those objects.",
        |tally| tally.records,
    ),
    (
        "millstream_channel_dead_letters_total",
        "Records that could not be delivered and were stored as dead letters.",
        |tally| tally.dead_letters,
    ),
    (
        "millstream_channel_failed_attempts_total",
        "Attempts that failed and were or will be repeated.",
        |tally| tally.failed_attempts,
    ),
];

pub(crate) fn write<'a>(text: &mut String, channels: impl Iterator<Item = &'a Handle>) {
    let tallies: Vec<_> = channels
        .map(|handle| (handle.channel.name.as_str(), handle.board.tally().clone()))
        .collect();
    if tallies.is_empty() {
        return;
    }
    for (name, help, value) in COUNTERS {
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} counter");
        for (channel, tally) in &tallies {
            let value = value(tally);
            let _ = writeln!(text, "{name}{{channel=\"{channel}\"}} {value}");
        }
    }
}
