//! Figures of single shards, for the streams whose enhanced monitoring asks for them.
//!
//! What was put is the log's to say, which counts it by blocks anyway. What was read and refused is
//! counted here, where a stream is monitored, so that nothing is looked up for any other.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use millstream_core::{
    catalog::{Catalog, Shard, Stream, stream::ShardMetric},
    port::{Log, Page, Volume},
    position::ShardNumber,
};

use super::text::{Kind, family, sample};

/// What was read from shards and refused by them since they were first looked at.
#[derive(Debug, Default)]
pub struct Shards(Mutex<HashMap<ShardNumber, Figures>>);

/// Those of one shard.
#[derive(Debug, Clone, Copy, Default)]
struct Figures {
    given: Volume,
    puts_refused: u64,
    reads_refused: u64,
    /// How far behind the tail the last GetRecords ended; none before the first.
    age_ms: Option<u64>,
}

impl Shards {
    /// Counts records that a shard gave to a reader.
    pub(crate) fn gave(&self, stream: &Stream, shard: ShardNumber, given: impl FnOnce() -> Volume) {
        self.count(stream, shard, |figures| {
            let given = given();
            figures.given.records += given.records;
            figures.given.bytes += given.bytes;
        });
    }

    /// Remembers how old what was read last is, in milliseconds; 0 at the tail.
    pub(crate) fn aged(&self, stream: &Stream, shard: ShardNumber, ms: u64) {
        self.count(stream, shard, |figures| figures.age_ms = Some(ms));
    }

    /// Counts a read that a shard's limit refused.
    pub(crate) fn refused_read(&self, stream: &Stream, shard: ShardNumber) {
        self.count(stream, shard, |figures| figures.reads_refused += 1);
    }

    /// Counts records that the limits of their shards, which are told by index, refused.
    pub(crate) fn refused_puts(&self, stream: &Stream, shards: impl Iterator<Item = u32>) {
        for index in shards {
            let shard = stream.shards.iter().find(|shard| shard.index == index);
            if let Some(shard) = shard {
                self.count(stream, shard.number, |figures| figures.puts_refused += 1);
            }
        }
    }

    fn count(&self, stream: &Stream, shard: ShardNumber, count: impl FnOnce(&mut Figures)) {
        if !stream.monitored.is_empty() {
            count(self.figures().entry(shard).or_default());
        }
    }

    fn figures(&self) -> MutexGuard<'_, HashMap<ShardNumber, Figures>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything that the streams of `catalog` ask for. What they do not ask for any more is
    /// forgotten.
    pub(super) fn render(&self, out: &mut String, catalog: &Catalog, log: &dyn Log) {
        let monitored = || {
            let streams = catalog.streams().filter(|stream| !stream.is_deleted());
            let streams = streams.filter(|stream| !stream.monitored.is_empty());
            streams.flat_map(|stream| stream.shards.iter().map(move |shard| (stream, shard)))
        };
        let mut kept = self.figures();
        let shown: BTreeMap<ShardNumber, Figures> = monitored()
            .map(|(_, shard)| (shard.number, kept.get(&shard.number)))
            .map(|(number, figures)| (number, figures.copied().unwrap_or_default()))
            .collect();
        kept.retain(|number, _| shown.contains_key(number));
        drop(kept);
        for metric in ShardMetric::ALL {
            let (name, kind, help) = described(metric);
            let mut is_open = false;
            let asked = monitored().filter(|(stream, _)| stream.monitored.contains(&metric));
            for (stream, shard) in asked {
                let Some(value) = value(metric, &shown[&shard.number], log, shard) else {
                    continue;
                };
                if !std::mem::replace(&mut is_open, true) {
                    family(out, name, kind, help);
                }
                let labels = [("stream", stream.name.as_str()), ("shard", &shard.id())];
                sample(out, name, &labels, value);
            }
        }
    }
}

fn described(metric: ShardMetric) -> (&'static str, Kind, &'static str) {
    match metric {
        ShardMetric::IncomingBytes => (
            "millstream_shard_incoming_bytes_total",
            Kind::Counter,
            "Bytes of keys and data that a shard took.",
        ),
        ShardMetric::IncomingRecords => (
            "millstream_shard_incoming_records_total",
            Kind::Counter,
            "Records that a shard took.",
        ),
        ShardMetric::OutgoingBytes => (
            "millstream_shard_outgoing_bytes_total",
            Kind::Counter,
            "Bytes of keys and data that a shard gave by GetRecords and SubscribeToShard.",
        ),
        ShardMetric::OutgoingRecords => (
            "millstream_shard_outgoing_records_total",
            Kind::Counter,
            "Records that a shard gave by GetRecords and SubscribeToShard.",
        ),
        ShardMetric::WriteProvisionedThroughputExceeded => (
            "millstream_shard_write_throughput_exceeded_total",
            Kind::Counter,
            "Records that a shard did not take because of its limits.",
        ),
        ShardMetric::ReadProvisionedThroughputExceeded => (
            "millstream_shard_read_throughput_exceeded_total",
            Kind::Counter,
            "Calls of GetRecords that a shard refused because of its limits.",
        ),
        ShardMetric::IteratorAgeMilliseconds => (
            "millstream_shard_iterator_age_seconds",
            Kind::Gauge,
            "Age of the last record that the last GetRecords gave; 0 at the tail.",
        ),
    }
}

fn value(metric: ShardMetric, figures: &Figures, log: &dyn Log, shard: &Shard) -> Option<f64> {
    let count = |n: u64| Some(n as f64);
    match metric {
        ShardMetric::IncomingBytes => count(log.volume(shard.number).bytes),
        ShardMetric::IncomingRecords => count(log.volume(shard.number).records),
        ShardMetric::OutgoingBytes => count(figures.given.bytes),
        ShardMetric::OutgoingRecords => count(figures.given.records),
        ShardMetric::WriteProvisionedThroughputExceeded => count(figures.puts_refused),
        ShardMetric::ReadProvisionedThroughputExceeded => count(figures.reads_refused),
        ShardMetric::IteratorAgeMilliseconds => figures.age_ms.map(|ms| ms as f64 / 1000.0),
    }
}

/// What a page gives to its reader.
pub(crate) fn volume(page: &Page) -> Volume {
    let payload: usize = page.slices.iter().map(|slice| slice.payload()).sum();
    Volume {
        records: page.count() as u64,
        bytes: payload as u64,
    }
}
