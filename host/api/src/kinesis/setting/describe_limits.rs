//! DescribeLimits: what the region has, and may have.

use millstream_core::{catalog::stream::StreamMode, limit};
use serde::{Deserialize, Serialize};

use crate::{error::Fault, kinesis::call::Call, wire::answer::Answer};

/// Nothing here limits on-demand streams; Kinesis shows a number.
const NO_LIMIT: usize = 1_000_000;

#[derive(Deserialize)]
struct Input {}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output {
    shard_limit: u32,
    open_shard_count: u32,
    on_demand_stream_count: usize,
    on_demand_stream_count_limit: usize,
    channel_count: usize,
    channel_count_limit: usize,
}

pub(in crate::kinesis) async fn answer(call: &Call<'_>) -> Result<Answer, Fault> {
    let Input {} = call.input(&[])?;
    let (catalog, region, now) = (call.catalog(), call.region(), call.now());
    let streams = catalog.streams_of(region, now);
    let on_demand = streams.filter(|stream| stream.mode == StreamMode::OnDemand);
    let channels = catalog
        .channels()
        .filter(|c| c.name.region() == region && !c.is_gone(now));
    Ok(call.output(&Output {
        shard_limit: call.kinesis.app.control.rules().shard_limit,
        open_shard_count: catalog.open_shards(region),
        on_demand_stream_count: on_demand.count(),
        on_demand_stream_count_limit: NO_LIMIT,
        channel_count: channels.count(),
        channel_count_limit: limit::CHANNELS,
    }))
}
