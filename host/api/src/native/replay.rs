//! A range of a stream through a version of a function and through another one, as a dry run: what
//! differs comes as server-sent events, made only as fast as the client takes them.
//!
//! Nothing is committed. State is kept in memory for each shard and version.

pub(super) mod asked;
mod event;
mod side;

use std::{
    collections::{BTreeSet, VecDeque},
    convert::Infallible,
};

use axum::{
    body::Body,
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::stream::unfold;
use millstream_core::{
    block::Slice,
    limit,
    name::StreamName,
    port::ReadLimits,
    replay::{Made, differences},
    trigger::batch::{Batch, Room},
};

use self::{
    asked::{Asked, Query, Range},
    event::Summary,
    side::Side,
};
use super::{
    error::NativeError,
    health::Stage,
    input::{Name, Params},
};
use crate::app::App;

/// How long nothing is told before the progress is, in milliseconds.
const PROGRESS_MS: u64 = 250;

/// `GET /v1/streams/{name}/replay`
pub(super) async fn get(
    State(app): State<App>,
    Name(name): Name<StreamName>,
    Params(query): Params<Query>,
) -> Result<Response, NativeError> {
    let asked = Asked::of(&app, &name, query).await?;
    let replay = Replay::of(app, asked);
    let events = unfold(replay, async |mut replay| {
        let events = replay.next().await?;
        Some((Ok::<_, Infallible>(events), replay))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    let headers = headers.map(|(k, v)| (k, HeaderValue::from_static(v)));
    Ok((headers, Body::from_stream(events)).into_response())
}

struct Replay {
    app: App,
    asked: Asked,
    /// What is left of it, the present shard first.
    ranges: VecDeque<Range>,
    /// The two versions on the present shard; none before its first batch.
    sides: Option<[Side; 2]>,
    summary: Summary,
    told_ms: u64,
    ended: bool,
}

impl Replay {
    fn of(app: App, asked: Asked) -> Self {
        let ranges: VecDeque<Range> = asked.ranges.iter().cloned().collect();
        let total = ranges.iter().map(|range| range.next.until(range.end)).sum();
        Self {
            told_ms: (app.now)().0,
            summary: Summary::of(total),
            sides: None,
            ended: false,
            ranges,
            asked,
            app,
        }
    }

    /// The next events; nothing after the last.
    async fn next(&mut self) -> Option<Bytes> {
        if self.ended {
            return None;
        }
        loop {
            if self.app.life.stage() == Stage::Draining {
                self.ended = true;
                return Some(Bytes::from_static(b": the host is shutting down\n\n"));
            }
            let mut events = Vec::new();
            match self.window(&mut events).await {
                Ok(true) => {}
                Ok(false) => {
                    self.ended = true;
                    event::push(&mut events, "summary", &self.summary);
                    return Some(events.into());
                }
                Err(error) => {
                    self.ended = true;
                    event::failed(&mut events, &error);
                    return Some(events.into());
                }
            }
            let now = (self.app.now)().0;
            if now.saturating_sub(self.told_ms) >= PROGRESS_MS || !events.is_empty() {
                self.told_ms = now;
                event::push(&mut events, "progress", &self.summary.progress());
                return Some(events.into());
            }
        }
    }

    /// One batch through both; whether there was one.
    async fn window(&mut self, events: &mut Vec<u8>) -> Result<bool, NativeError> {
        let left = self
            .asked
            .differences
            .saturating_sub(self.summary.differences);
        if left == 0 {
            self.summary.is_cut = self.ranges.iter().any(|range| range.next < range.end);
            return Ok(false);
        }
        let Some(batch) = self.read().await? else {
            return Ok(false);
        };
        let Some(range) = self.ranges.front() else {
            return Ok(false);
        };
        let sides = self.sides.get_or_insert_with(|| {
            let side = |at| Side::of(&self.app, &self.asked, &range.shard, at);
            [side(0), side(1)]
        });
        let [one, other] = sides;
        let made: [Made; 2] = [one.work(&batch).await?, other.work(&batch).await?];
        let names: BTreeSet<&String> = made.iter().flat_map(|made| made.writes.keys()).collect();
        let names: Vec<String> = names.into_iter().cloned().collect();
        let (ones, others) = (one.values(&names).await?, other.values(&names).await?);
        let value = |name: &str| {
            // They came out of a set.
            let at = names
                .binary_search_by(|other| other.as_str().cmp(name))
                .ok();
            [&ones, &others].map(|values| at.and_then(|at| values[at].clone()))
        };
        let found = differences([&made[0], &made[1]], value, left);
        self.summary.add(&batch, &made, found.len());
        for difference in &found {
            event::difference(events, &range.shard, &batch, difference);
        }
        Ok(true)
    }

    /// The next batch, as a trigger would make it; nothing at the end.
    async fn read(&mut self) -> Result<Option<Vec<Slice>>, NativeError> {
        while let Some(range) = self.ranges.front_mut() {
            let limits = ReadLimits {
                records: self.asked.batch_size,
                bytes: limit::BATCH_BYTES,
            };
            let page = self.app.log.read(range.shard.number, range.next, limits);
            let mut batch = Batch::default();
            let room = Room {
                records: self.asked.batch_size,
                bytes: limit::BATCH_BYTES,
                end: Some(range.end),
                windows: None,
            };
            batch.take(page.await?.slices, &room);
            if let (Some(next), false) = (batch.next(), batch.is_empty()) {
                range.next = next;
                return Ok(Some(batch.slices().to_vec()));
            }
            self.ranges.pop_front();
            self.sides = None;
        }
        Ok(None)
    }
}
