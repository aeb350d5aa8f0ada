//! DescribeStreamSummary: a stream without its shards.

use millstream_core::catalog::{
    Stream, Transition,
    stream::{Distribution, StreamMode},
};
use serde::{Deserialize, Serialize};

use super::{
    call::{Call, Which},
    describe_stream::Common,
};
use crate::{
    error::Fault,
    wire::{
        answer::Answer,
        schema::{self, Member},
    },
};

const INPUT: &[Member] = &[schema::STREAM_NAME, schema::STREAM_ARN, schema::STREAM_ID];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    #[serde(flatten)]
    which: Which,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output<'a> {
    stream_description_summary: Summary<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Summary<'a> {
    #[serde(flatten)]
    common: Common<'a>,
    stream_id: String,
    open_shard_count: usize,
    consumer_count: usize,
    queue_count: usize,
    channel_count: usize,
    #[serde(rename = "MaxRecordSizeInKiB")]
    record_kib: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    warm_throughput: Option<WarmThroughput>,
    #[serde(skip_serializing_if = "Option::is_none")]
    record_distribution_strategy: Option<Distribution>,
}

/// What an on-demand stream always takes. It is there as soon as it is asked for.
#[derive(Serialize)]
pub(super) struct WarmThroughput {
    #[serde(rename = "TargetMiBps")]
    target: u32,
    #[serde(rename = "CurrentMiBps")]
    current: u32,
}

impl WarmThroughput {
    pub(super) fn of(stream: &Stream) -> Option<Self> {
        stream.warm_mibps.map(|mibps| Self {
            target: mibps,
            current: mibps,
        })
    }
}

pub(super) async fn answer(call: &Call<'_>) -> Result<Answer, Fault> {
    let input: Input = call.input(INPUT)?;
    let stream = call.stream(&input.which)?;
    let (catalog, now) = (call.catalog(), call.now());
    let over = |transition| Transition::is_over(transition, now);
    let queues = catalog.queues_of(&stream.name);
    let channels = catalog.channels_of(&stream.name);
    let on_demand = stream.mode == StreamMode::OnDemand;
    Ok(call.output(&Output {
        stream_description_summary: Summary {
            common: Common::new(call, &stream),
            stream_id: stream.id(),
            open_shard_count: stream.open_shards().count(),
            consumer_count: stream
                .consumers
                .values()
                .filter(|c| !c.is_gone(now))
                .count(),
            queue_count: queues.filter(|queue| !over(queue.transition)).count(),
            channel_count: channels.filter(|c| !over(c.transition)).count(),
            record_kib: stream.record_kib,
            warm_throughput: WarmThroughput::of(&stream),
            record_distribution_strategy: on_demand.then_some(stream.distribution),
        },
    }))
}
