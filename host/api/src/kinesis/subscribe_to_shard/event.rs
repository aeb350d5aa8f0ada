//! An event of a subscription, encoded from the log's blocks into one frame.

use std::sync::Arc;

use bytes::Bytes;
use millstream_core::{
    catalog::{Shard, Stream},
    port::{Page, ReadLimits, Span},
    position::Position,
    read::{page::millis_behind, subscription::continuation},
    time::Millis,
};
use serde::Serialize;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

use super::feed::Frame;
use crate::{
    kinesis::{
        records::{Records, render},
        shard::ChildShard,
    },
    native::metrics::shards::volume,
    wire::{eventstream, form::Form},
};

/// KiB of big frames that all subscriptions hold at once, as far as their clients let them wait.
pub(super) const ROOM_KIB: usize = 128 << 10;
/// What an event has at most.
const BIG: ReadLimits = ReadLimits {
    records: 10_000,
    bytes: 1 << 20,
};
/// The same while there is no room. Frames of that size need none.
const SMALL: ReadLimits = ReadLimits {
    records: 500,
    bytes: 64 << 10,
};
/// Bytes that the frame of a small event has at most.
const SMALL_FRAME: usize = 256 << 10;

/// What may be read for the next event.
pub(super) fn limits(room: &Semaphore) -> ReadLimits {
    // In base64, with what stands around each record.
    let needed = (BIG.bytes / 3 * 4 + BIG.records * 256) >> 10;
    if room.available_permits() >= needed {
        BIG
    } else {
        SMALL
    }
}

/// What an event tells of, and to whom.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told<'a> {
    pub(super) form: Form,
    pub(super) stream: &'a Stream,
    pub(super) shard: &'a Shard,
    /// Where the reader stood.
    pub(super) from: Position,
    /// Where it stands afterwards.
    pub(super) next: Position,
    /// The shard after the page was read.
    pub(super) span: Span,
    pub(super) now: Millis,
}

/// What follows the records.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Rest {
    continuation_sequence_number: String,
    millis_behind_latest: u64,
    /// Who goes on at the end of a closed shard.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    child_shards: Vec<ChildShard>,
}

impl Told<'_> {
    /// Whether the shard has ended here.
    pub(super) fn is_last(&self) -> bool {
        self.shard.closed.is_some() && self.next.until(self.span.next) == 0
    }

    /// The frame with the records of `page`.
    pub(super) fn frame(&self, page: &Page, room: &Arc<Semaphore>) -> Frame {
        let &Self {
            form,
            stream,
            shard,
            from,
            next,
            span,
            now,
        } = self;
        let is_last = self.is_last();
        let rest = Rest {
            continuation_sequence_number: continuation(shard, page, next, span).to_string(),
            millis_behind_latest: millis_behind(page, next, span, now),
            child_shards: if is_last {
                ChildShard::of(stream, shard.index)
            } else {
                Vec::new()
            },
        };
        let records = Records {
            stream,
            shard,
            page,
        };
        let payload = render(form, &records, &rest);
        let content = match form {
            Form::Json => "application/json",
            Form::Cbor => form.content_type(),
        };
        let bytes = eventstream::event("SubscribeToShardEvent", content, payload);
        Frame {
            bytes: hold(bytes, room),
            form,
            from,
            next,
            oldest: page.slices.first().map_or(now, |slice| slice.arrival),
            is_last,
            given: volume(page),
            made: Instant::now(),
        }
    }
}

/// A big frame and its part of the room, until the last of its bytes are sent.
struct Held {
    bytes: Bytes,
    _permit: Option<OwnedSemaphorePermit>,
}

fn hold(bytes: Bytes, room: &Arc<Semaphore>) -> Bytes {
    if bytes.len() <= SMALL_FRAME {
        return bytes;
    }
    let kib = u32::try_from(bytes.len() >> 10).expect("an event is far below 4 TiB");
    // Where others took it since the limits were asked for, or one record is all of it, it goes
    // without: its reader must be served.
    let _permit = Arc::clone(room).try_acquire_many_owned(kib).ok();
    Bytes::from_owner(Held { bytes, _permit })
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn big_frames_have_a_part_of_the_room_while_they_are_held() {
        let room = Arc::new(Semaphore::new(ROOM_KIB));
        assert_eq!(limits(&room).bytes, BIG.bytes);
        let big: Vec<_> = (0..128)
            .map(|_| hold(vec![0; 1 << 20].into(), &room))
            .collect();
        assert_eq!(limits(&room).bytes, SMALL.bytes);
        let _none = hold(vec![0; SMALL_FRAME].into(), &room);
        drop(big);
        assert_eq!(room.available_permits(), ROOM_KIB);
    }
}
