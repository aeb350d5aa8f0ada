//! On-demand streams get the shards that they need: looked at now and then, decided by core.
//!
//! What was put is told by the log's positions, so nothing is counted where records come in.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use millstream_core::{
    catalog::{
        Request, Status, Stream, StreamChange,
        stream::{
            StreamMode,
            reshard::{
                Adaptation, Reshard,
                demand::{Demand, Load},
            },
        },
    },
    name::StreamName,
    port::{Control, Log, ReadLimits},
    position::{Position, ShardNumber},
};
use tokio::time::{Instant, MissedTickBehavior};

use crate::clock;

/// Records that are looked at to learn how big those of a shard are.
const SAMPLE: ReadLimits = ReadLimits {
    records: 200,
    bytes: 256 << 10,
};

/// What is remembered between looks.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    streams: BTreeMap<StreamName, Demand>,
    /// Where each shard ended at the last look.
    ends: BTreeMap<ShardNumber, Position>,
}

/// Runs until it is dropped. Looks once each `period`.
pub(crate) async fn run(log: Arc<dyn Log>, control: Arc<dyn Control>, period: Duration) {
    // An interval of no time is none.
    let mut ticks = tokio::time::interval(period.max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut watch, mut last) = (Watch::default(), Instant::now());
    loop {
        ticks.tick().await;
        let passed = u64::try_from(last.elapsed().as_millis()).unwrap_or(u64::MAX);
        last = Instant::now();
        watch.look(log.as_ref(), control.as_ref(), passed).await;
    }
}

impl Watch {
    /// Has the streams changed that need it, from what was put in the last `ms` milliseconds.
    pub(crate) async fn look(&mut self, log: &dyn Log, control: &dyn Control, ms: u64) {
        let (catalog, now) = (control.catalog(), clock::now());
        let (mut streams, mut ends) = (BTreeMap::new(), BTreeMap::new());
        for stream in catalog.streams() {
            let is_active = stream.status(now) == Status::Active;
            if stream.mode != StreamMode::OnDemand || !is_active {
                continue;
            }
            let loads = self.loads(log, stream, &mut ends).await;
            let mut demand = self.streams.remove(&stream.name).unwrap_or_default();
            let adaptation = demand.look(stream, &loads, ms);
            streams.insert(stream.name.clone(), demand);
            if adaptation != Adaptation::default() {
                adapt(control, stream, adaptation).await;
            }
        }
        *self = Self { streams, ends };
    }

    /// What was put into the open shards since the last look; nothing of those that are new.
    async fn loads(
        &self,
        log: &dyn Log,
        stream: &Stream,
        ends: &mut BTreeMap<ShardNumber, Position>,
    ) -> BTreeMap<ShardNumber, Load> {
        let mut loads = BTreeMap::new();
        for shard in stream.open_shards() {
            let end = log.span(shard.number).next;
            ends.insert(shard.number, end);
            let Some(&before) = self.ends.get(&shard.number) else {
                continue;
            };
            let records = before.until(end);
            if records == 0 {
                continue;
            }
            // Where they cannot be read, their number is all that is known.
            let page = log.read(shard.number, before, SAMPLE).await;
            let page = page.unwrap_or_default();
            let payload: usize = page.slices.iter().map(|slice| slice.payload()).sum();
            let (payload, count) = (payload as u64, page.count().max(1) as u64);
            let bytes = payload.saturating_mul(records) / count;
            loads.insert(shard.number, Load { records, bytes });
        }
        loads
    }
}

async fn adapt(control: &dyn Control, stream: &Stream, adaptation: Adaptation) {
    let (halved, merged) = (adaptation.halve.len(), adaptation.merge.len());
    let request = Request::ChangeStream {
        name: stream.name.clone(),
        change: StreamChange::Reshard(Reshard::Adapt(adaptation)),
    };
    match control.apply(request).await {
        Ok(_) => {
            tracing::info!(stream = %stream.name, halved, merged, "changed the shards by demand");
        }
        Err(error) => {
            tracing::warn!(stream = %stream.name, %error, "the shards stay as they are");
        }
    }
}
