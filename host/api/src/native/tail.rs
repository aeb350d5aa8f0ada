//! Following a stream: server-sent events, made only as fast as the client takes them.
//!
//! The body is pulled: while the client does not read, nothing is read from the log for it.

mod event;
mod lanes;

use std::{num::NonZeroU64, sync::Arc};

use axum::{extract::State, response::Response};
use bytes::Bytes;
use futures_util::{
    future::{Either, select, select_all},
    stream::unfold,
};
use millstream_core::{
    catalog::{Catalog, Shard, Stream},
    name::StreamName,
    port::{Later, ReadError, ReadLimits},
    read::iterator::place_of,
    sequence::SequenceNumber,
};
use serde::Deserialize;

use self::lanes::{Lane, Lanes};
use super::{
    error::NativeError,
    health::Stage,
    input::{Name, Params},
    sse::{self, BEAT, GOODBYE, HEARTBEAT},
};
use crate::app::App;

/// What is read, rendered and held for one client at a time.
const CHUNK: ReadLimits = ReadLimits {
    records: 1_000,
    bytes: 256 << 10,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Query {
    #[serde(default)]
    from: Begin,
    shard: Option<String>,
    max_records: Option<NonZeroU64>,
}

/// Where to begin.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(try_from = "String")]
enum Begin {
    /// After the newest record.
    #[default]
    Latest,
    /// At the oldest record that is kept.
    TrimHorizon,
    /// After the record of this number.
    After(SequenceNumber),
}

impl TryFrom<String> for Begin {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "LATEST" => Ok(Self::Latest),
            "TRIM_HORIZON" => Ok(Self::TrimHorizon),
            number => SequenceNumber::parse(number).map(Self::After).map_err(|_| {
                format!("{text:?} is neither LATEST nor TRIM_HORIZON nor a sequence number")
            }),
        }
    }
}

/// `GET /v1/streams/{name}/tail`
pub(super) async fn get(
    State(app): State<App>,
    Name(name): Name<StreamName>,
    Params(query): Params<Query>,
) -> Result<Response, NativeError> {
    let catalog = app.control.catalog();
    let stream = catalog
        .living(name.as_str())
        .ok_or_else(|| NativeError::no_stream(&name))?;
    let lanes = Lanes::new(lanes(&app, stream, &query)?, catalog.clone());
    let tail = Tail {
        left: query.max_records.map_or(u64::MAX, NonZeroU64::get),
        draining: Box::pin(app.life.draining()),
        changed: app.control.changed(lanes.seen()),
        ended: false,
        name,
        lanes,
        app,
    };
    let events = unfold(tail, async |mut tail| {
        let chunk = tail.next().await?;
        Some((chunk, tail))
    });
    Ok(sse::answer(events))
}

fn lanes(app: &App, stream: &Stream, query: &Query) -> Result<Vec<Lane>, NativeError> {
    let mut shards: Vec<&Shard> = stream.shards.iter().collect();
    if let Some(id) = &query.shard {
        let shard = stream.shard(id).ok_or_else(|| {
            let name = &stream.name;
            NativeError::Setting(format!(
                "shard is {id:?}, which stream `{name}` does not have"
            ))
        })?;
        shards = with_descendants(stream, shard);
    }
    if let Begin::After(number) = query.from {
        // The number tells of one shard only; where the others were is not known.
        let of_it =
            (number.created, number.shard) == (shards[0].created.seconds(), shards[0].index);
        if query.shard.is_none() && shards.len() > 1 || !of_it {
            let what = "from is a sequence number; it needs `shard`, and must be of that shard";
            return Err(NativeError::Setting(what.to_owned()));
        }
    }
    let lane = |(at, shard): (usize, &&Shard)| {
        let span = app.log.span(shard.number);
        let next = match query.from {
            Begin::Latest => span.next,
            Begin::After(number) if at == 0 => {
                let place = place_of(number, shard, span, (app.now)());
                let place = place.map_err(|why| NativeError::Setting(format!("from: {why}")))?;
                place.plus(1)
            }
            Begin::TrimHorizon | Begin::After(_) => span.first,
        };
        let shard = Shard::clone(shard);
        Ok(Lane { shard, next })
    };
    shards.iter().enumerate().map(lane).collect()
}

/// A shard and those that took over from it, in the order of their indexes.
fn with_descendants<'s>(stream: &'s Stream, shard: &'s Shard) -> Vec<&'s Shard> {
    let mut family = vec![shard];
    for shard in &stream.shards {
        let took_over = |older: &&Shard| shard.parents.contains(&older.index);
        if family.iter().any(took_over) {
            family.push(shard);
        }
    }
    family
}

/// One client's place in a stream.
struct Tail {
    app: App,
    name: StreamName,
    lanes: Lanes,
    /// Records that may still be sent.
    left: u64,
    draining: Later<'static, ()>,
    /// Comes when anything exists that did not before.
    changed: Later<'static, Arc<Catalog>>,
    ended: bool,
}

impl Tail {
    /// The next bytes to send; nothing at the end.
    async fn next(&mut self) -> Option<Bytes> {
        if self.ended || self.left == 0 {
            return None;
        }
        loop {
            // Here as well, since a tail that always has something to read never waits.
            if self.app.life.stage() == Stage::Draining {
                return Some(self.goodbye());
            }
            if !self.renew() {
                self.ended = true;
                return Some(sse::failed(&NativeError::no_stream(&self.name)));
            }
            match self.read().await {
                Ok(Some(events)) => return Some(events),
                Ok(None) => {}
                Err(error) => {
                    self.ended = true;
                    return Some(sse::failed(&error.into()));
                }
            }
            match self.wait().await {
                Woken::Grown => {}
                Woken::Changed => {
                    let control = &self.app.control;
                    self.changed = control.changed(control.catalog());
                }
                Woken::Draining => return Some(self.goodbye()),
                Woken::Silence => return Some(BEAT),
            }
        }
    }

    fn goodbye(&mut self) -> Bytes {
        self.ended = true;
        GOODBYE
    }

    /// Follows what shards became; whether the stream is still there.
    fn renew(&mut self) -> bool {
        let catalog = self.app.control.catalog();
        let log = self.app.log.as_ref();
        self.lanes.renew(catalog, &self.name, log)
    }

    /// Reads the next shard that has something.
    async fn read(&mut self) -> Result<Option<Bytes>, ReadError> {
        let ready: Vec<usize> = self.lanes.ready().collect();
        for at in ready {
            let lane = self.lanes.take_turn(at);
            let end = self.app.log.span(lane.shard.number).next;
            if end <= lane.next {
                continue;
            }
            let records = usize::try_from(self.left).unwrap_or(usize::MAX);
            let limits = ReadLimits {
                records: CHUNK.records.min(records),
                ..CHUNK
            };
            let page = self.app.log.read(lane.shard.number, lane.next, limits);
            let page = page.await?;
            if page.slices.is_empty() {
                // Positions without records, as after the log was opened anew.
                lane.next = end;
                continue;
            }
            lane.next = page.next(lane.next);
            self.left = self.left.saturating_sub(page.count() as u64);
            return Ok(Some(event::render(&lane.shard, &page)));
        }
        Ok(None)
    }

    async fn wait(&mut self) -> Woken {
        let grown = |at| {
            let lane = self.lanes.get(at);
            self.app.log.grown(lane.shard.number, lane.next)
        };
        let grown = select_all(self.lanes.ready().map(grown));
        let timer = std::pin::pin!(tokio::time::sleep(HEARTBEAT));
        let news = select(select(grown, &mut self.changed), &mut self.draining);
        match select(news, timer).await {
            Either::Left((Either::Left((Either::Left(_), _)), _)) => Woken::Grown,
            Either::Left((Either::Left((Either::Right(_), _)), _)) => Woken::Changed,
            Either::Left((Either::Right(_), _)) => Woken::Draining,
            Either::Right(_) => Woken::Silence,
        }
    }
}

/// Why a tail stopped waiting.
enum Woken {
    Grown,
    Changed,
    Draining,
    Silence,
}
