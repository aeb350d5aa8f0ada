//! Following a stream: server-sent events, made only as fast as the client takes them.
//!
//! The body is pulled: while the client does not read, nothing is read from the log for it.

mod event;

use std::{num::NonZeroU64, time::Duration};

use axum::{
    body::Body,
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::{
    future::{Either, select, select_all},
    stream::unfold,
};
use millstream_core::{
    catalog::{Shard, Stream},
    name::StreamName,
    port::{Later, ReadError, ReadLimits},
    position::Position,
    read::iterator::place_of,
    sequence::SequenceNumber,
};
use serde::Deserialize;

use super::{
    error::NativeError,
    health::Stage,
    input::{Name, Params},
};
use crate::app::App;

/// How long nothing is sent before a comment line is, so that dead connections are noticed.
const HEARTBEAT: Duration = Duration::from_secs(10);
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
    let lanes = lanes(&app, stream, &query)?;
    let tail = Tail {
        left: query.max_records.map_or(u64::MAX, NonZeroU64::get),
        draining: Box::pin(app.life.draining()),
        turn: 0,
        ended: false,
        name,
        lanes,
        app,
    };
    // A first comment, so that the client knows at once that it follows.
    let opening = futures_util::stream::iter([Ok(Bytes::from_static(b": following\n\n"))]);
    let events = unfold(tail, async |mut tail| {
        let chunk = tail.next().await?;
        Some((Ok::<_, std::convert::Infallible>(chunk), tail))
    });
    let body = Body::from_stream(futures_util::StreamExt::chain(opening, events));
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    Ok((headers.map(|(k, v)| (k, HeaderValue::from_static(v))), body).into_response())
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
        shards = vec![shard];
    }
    if let Begin::After(number) = query.from {
        // The number tells of one shard only; where the others were is not known.
        let of_it = |shard: &Shard| {
            (number.created, number.shard) == (shard.created.seconds(), shard.index)
        };
        if !matches!(shards[..], [shard] if of_it(shard)) {
            let what = "from is a sequence number; it needs `shard`, and must be of that shard";
            return Err(NativeError::Setting(what.to_owned()));
        }
    }
    let lane = |shard: &Shard| {
        let span = app.log.span(shard.number);
        let next = match query.from {
            Begin::Latest => span.next,
            Begin::TrimHorizon => span.first,
            Begin::After(number) => {
                let place = place_of(number, shard, span);
                let place = place.map_err(|why| NativeError::Setting(format!("from: {why}")))?;
                place.plus(1)
            }
        };
        Ok(Lane {
            shard: shard.clone(),
            next,
        })
    };
    shards.into_iter().map(lane).collect()
}

/// One shard, and what of it is sent next.
#[derive(Debug)]
struct Lane {
    shard: Shard,
    next: Position,
}

/// One client's place in a stream.
struct Tail {
    app: App,
    name: StreamName,
    lanes: Vec<Lane>,
    /// Whose turn it is, so that a busy shard does not hide the others.
    turn: usize,
    /// Records that may still be sent.
    left: u64,
    draining: Later<'static, ()>,
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
            match self.read().await {
                Ok(Some(events)) => return Some(events),
                Ok(None) => {}
                Err(error) => {
                    self.ended = true;
                    return Some(event::failed(&error.into()));
                }
            }
            match self.wait().await {
                Woken::Grown => {}
                Woken::Draining => return Some(self.goodbye()),
                Woken::Silence if self.stream_is_there() => {
                    return Some(Bytes::from_static(b":\n\n"));
                }
                Woken::Silence => {
                    self.ended = true;
                    return Some(event::failed(&NativeError::no_stream(&self.name)));
                }
            }
        }
    }

    fn goodbye(&mut self) -> Bytes {
        self.ended = true;
        Bytes::from_static(b": the host is shutting down\n\n")
    }

    /// Reads the next shard that has something.
    async fn read(&mut self) -> Result<Option<Bytes>, ReadError> {
        for _ in 0..self.lanes.len() {
            let turn = self.turn;
            self.turn = (turn + 1) % self.lanes.len();
            let lane = &mut self.lanes[turn];
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
        let grown = |lane: &Lane| self.app.log.grown(lane.shard.number, lane.next);
        let grown = select_all(self.lanes.iter().map(grown));
        let timer = std::pin::pin!(tokio::time::sleep(HEARTBEAT));
        match select(select(grown, &mut self.draining), timer).await {
            Either::Left((Either::Left(_), _)) => Woken::Grown,
            Either::Left((Either::Right(_), _)) => Woken::Draining,
            Either::Right(_) => Woken::Silence,
        }
    }

    fn stream_is_there(&self) -> bool {
        let catalog = self.app.control.catalog();
        let stream = catalog.living(self.name.as_str());
        let mine = self.lanes.first().map(|lane| lane.shard.number);
        // A stream of the same name that was created anew has other shards.
        stream.is_some_and(|s| s.shards.iter().any(|shard| Some(shard.number) == mine))
    }
}

/// Why a tail stopped waiting.
enum Woken {
    Grown,
    Draining,
    Silence,
}
