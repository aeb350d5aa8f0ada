//! Records as server-sent events.

use bytes::Bytes;
use millstream_core::{catalog::Shard, port::Page, sequence::SequenceNumber, time::Millis};
use serde::Serialize;

use crate::native::{datum::Datum, sse};

#[derive(Serialize)]
struct Event<'a> {
    shard_id: &'a str,
    sequence_number: &'a str,
    partition_key: &'a str,
    arrival_ms: Millis,
    #[serde(flatten)]
    datum: Datum<'a>,
}

/// One event a record.
pub(super) fn render(shard: &Shard, page: &Page) -> Bytes {
    let shard_id = shard.id();
    let payload: usize = page.slices.iter().map(|slice| slice.payload()).sum();
    let mut out = Vec::with_capacity(payload + payload / 8 + page.count() * 192);
    for slice in &page.slices {
        let mut number = SequenceNumber::of(shard, slice.first(), slice.arrival).digits();
        for i in slice.range.clone() {
            let event = Event {
                shard_id: &shard_id,
                sequence_number: number.as_str(),
                partition_key: slice.block.key(i),
                arrival_ms: slice.arrival,
                datum: Datum::of(slice.block.datum(i)),
            };
            sse::push(&mut out, &event);
            number.advance();
        }
    }
    out.into()
}
