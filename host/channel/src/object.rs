//! Gathers the records of one object: read in pages, rendered and compressed off the async threads.

use std::{io, sync::Arc};

use millstream_core::{
    block::Slice,
    channel::{RecordFormat, Rendered, Source, pace},
    port::{Log, ReadLimits},
    position::Position,
    time::Millis,
};

use crate::{encoder::Encoder, error::DeliveryError, lane::Spec};

/// What is read at once. Several pages make an object.
const PAGE: ReadLimits = ReadLimits {
    records: 10_000,
    bytes: 2 << 20,
};

/// Records that are ready to be stored.
#[derive(Debug)]
pub(crate) struct Object {
    /// The position of its first record, which names it.
    pub(crate) first: Position,
    /// When that arrived.
    pub(crate) arrival: Millis,
    /// The position after its last record.
    pub(crate) next: Position,
    /// Compressed; nothing where no record can be delivered.
    pub(crate) body: Option<Vec<u8>>,
    /// The dead letters.
    pub(crate) dead: Vec<u8>,
    pub(crate) records: u64,
    pub(crate) dead_records: u64,
}

#[derive(Debug)]
struct Work {
    encoder: Encoder,
    dead: Vec<u8>,
    records: u64,
    dead_records: u64,
    record_bytes: usize,
}

/// The records from `from` on, up to about `until` or as many as an object takes. Nothing where
/// retention removed them all.
pub(crate) async fn gather(
    log: &dyn Log,
    spec: &Arc<Spec>,
    from: Position,
    until: Position,
) -> Result<Option<Object>, DeliveryError> {
    let mut work = Work::new(spec)?;
    let mut begin = None;
    let mut next = from;
    while next < until && !work.is_full() {
        let page = log.read(spec.shard.number, next, PAGE).await?;
        let Some(slice) = page.slices.first() else {
            break;
        };
        begin.get_or_insert((slice.first(), slice.arrival));
        next = page.next(next);
        let spec = Arc::clone(spec);
        let added = move || work.add(&page.slices, &spec);
        work = tokio::task::spawn_blocking(added).await??;
    }
    let Some((first, arrival)) = begin else {
        return Ok(None);
    };
    let Work {
        encoder,
        dead,
        records,
        dead_records,
        record_bytes: _,
    } = work;
    let body = (records > 0).then(|| encoder.finish()).transpose()?;
    Ok(Some(Object {
        first,
        arrival,
        next,
        body,
        dead,
        records,
        dead_records,
    }))
}

impl Work {
    fn new(spec: &Spec) -> io::Result<Self> {
        Ok(Self {
            encoder: Encoder::new(spec.channel.settings.destination.compression)?,
            dead: Vec::new(),
            records: 0,
            dead_records: 0,
            record_bytes: 0,
        })
    }

    fn is_full(&self) -> bool {
        self.encoder.len() >= pace::OBJECT_BYTES
            || self.dead.len() >= pace::OBJECT_BYTES
            || self.record_bytes >= pace::OBJECT_RECORD_BYTES
    }

    fn add(mut self, slices: &[Slice], spec: &Spec) -> io::Result<Self> {
        let format: RecordFormat = spec.channel.settings.format;
        let source = Source {
            channel: spec.channel.name.name(),
            channel_id: &spec.channel_id,
            stream: spec.channel.stream.name(),
            shard: &spec.shard,
        };
        let rendered = Rendered::of(slices, format, &source);
        self.encoder.add(&rendered.body)?;
        self.dead.extend_from_slice(&rendered.dead);
        self.records += rendered.records;
        self.dead_records += rendered.dead_records;
        self.record_bytes += slices.iter().map(Slice::payload).sum::<usize>();
        Ok(self)
    }
}
