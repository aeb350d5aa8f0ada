//! Records in: a body becomes blocks, the blocks one commit, and the commit the answer.

mod encode;
pub(super) mod key;
mod pointer;

use std::{sync::Arc, time::Instant};

use axum::{
    Json,
    body::Body,
    extract::State,
    http::{HeaderMap, header},
};
use millstream_core::{
    block::Block,
    catalog::{Catalog, Stream},
    name::StreamName,
    port::{Append, Appended, Commit, CommitError, Durable},
    position::ShardNumber,
    put::route::route,
    sequence::SequenceNumber,
};
use serde::{Deserialize, Serialize};

use self::{
    encode::Format,
    key::{Keys, RandomKeys},
};
use super::{
    error::NativeError,
    input::{Name, Params},
};
use crate::{admit::Admission, app::App};

/// Bytes of one request's body.
const BODY_BYTES: usize = 10 << 20;

/// How often records are routed anew because a shard was closed while they were on their way.
const ROUTES: usize = 8;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Query {
    format: Option<Format>,
    key: Option<String>,
    key_field: Option<std::num::NonZeroUsize>,
    key_pointer: Option<String>,
}

#[derive(Serialize)]
pub(super) struct Taken {
    records: u64,
    bytes: u64,
    shards: Vec<TakenShard>,
}

#[derive(Serialize)]
struct TakenShard {
    shard_id: String,
    records: u32,
    first_sequence_number: String,
    last_sequence_number: String,
}

/// `POST /v1/streams/{name}/records`
pub(super) async fn post(
    State(app): State<App>,
    State(admission): State<Arc<Admission>>,
    Name(name): Name<StreamName>,
    Params(query): Params<Query>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Taken>, NativeError> {
    let mut catalog = app.control.catalog();
    living(&catalog, &name)?;
    let format = query.format.unwrap_or_else(|| format_of(&headers));
    let keys = keys(query, format)?;
    let held = admission.read(body, BODY_BYTES).await?;
    let started = Instant::now();
    let Some(block) = encode::encode(format, &keys, &mut RandomKeys::new()?, &held.bytes)? else {
        return Ok(Json(Taken {
            records: 0,
            bytes: 0,
            shards: Vec::new(),
        }));
    };
    drop(held);
    let (records, bytes) = (block.len().into(), block.payload(0..block.len()) as u64);
    let mut routes = 1;
    let shards = loop {
        let stream = living(&catalog, &name)?;
        match put(&app, stream, block.clone()).await {
            // A shard was closed meanwhile: its children take the records.
            Err(CommitError::Closed(_)) if routes < ROUTES => {
                routes += 1;
                catalog = app.control.current().await;
            }
            answered => break answered?,
        }
    };
    app.metrics.put(records, bytes, started.elapsed());
    Ok(Json(Taken {
        records,
        bytes,
        shards,
    }))
}

fn living<'c>(catalog: &'c Catalog, name: &StreamName) -> Result<&'c Stream, NativeError> {
    let stream = catalog.living(name.as_str()).map(AsRef::as_ref);
    stream.ok_or_else(|| NativeError::no_stream(name))
}

async fn put(app: &App, stream: &Stream, block: Block) -> Result<Vec<TakenShard>, CommitError> {
    let blocks = route(stream, block, app.metrics.records_in());
    let shape = blocks.iter().map(|(shard, block)| (*shard, block.len()));
    let shape: Vec<_> = shape.collect();
    let append = |(shard, block)| Append { shard, block };
    let commit = Commit {
        appends: blocks.into_iter().map(append).collect(),
        ..Commit::default()
    };
    let durable = app.log.commit(commit).await?;
    Ok(answer(stream, &shape, &durable))
}

/// What is told of each shard: nothing that is not on the disk.
fn answer(
    stream: &Stream,
    shape: &[(ShardNumber, u32)],
    durable: &Durable<Vec<Appended>>,
) -> Vec<TakenShard> {
    let shard_of = |number| stream.shards.iter().find(|shard| shard.number == number);
    let taken = |(&(number, records), appended): (&(ShardNumber, u32), &Appended)| {
        let shard = shard_of(number).expect("records are routed to shards of their stream");
        let Appended { first, arrival } = *appended;
        let last = first.plus(u64::from(records) - 1);
        let number = |position| SequenceNumber::of(shard, position, arrival).to_string();
        TakenShard {
            shard_id: shard.id(),
            records,
            first_sequence_number: number(first),
            last_sequence_number: number(last),
        }
    };
    shape.iter().zip(durable.iter()).map(taken).collect()
}

/// What the body's type says, where the query says nothing.
fn format_of(headers: &HeaderMap) -> Format {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|value| value.to_str().ok()).unwrap_or("");
    let kind = kind.split(';').next().unwrap_or("").trim();
    if kind.eq_ignore_ascii_case("application/x-ndjson") {
        Format::Ndjson
    } else if kind.eq_ignore_ascii_case("text/plain") {
        Format::Lines
    } else {
        Format::Raw
    }
}

fn keys(query: Query, format: Format) -> Result<Keys, NativeError> {
    let Query {
        key,
        key_field,
        key_pointer,
        format: _,
    } = query;
    let bad = |what: &str| Err(NativeError::BadRequest(what.to_owned()));
    match (key, key_field, key_pointer) {
        (None, None, None) => Ok(Keys::Random),
        (Some(key), None, None) => {
            key::check(&key).map_err(NativeError::BadRequest)?;
            Ok(Keys::Same(key))
        }
        (None, Some(_), None) if format == Format::Raw => {
            bad("key_field needs lines; the format is raw")
        }
        (None, Some(field), None) => Ok(Keys::Field(field)),
        (None, None, Some(_)) if format != Format::Ndjson => bad("key_pointer needs format=ndjson"),
        (None, None, Some(text)) => match pointer::parse(&text) {
            Some(path) => Ok(Keys::Pointer(path)),
            None => bad("key_pointer is no JSON pointer; it begins with `/`, as in `/user/id`"),
        },
        _ => bad("key, key_field and key_pointer exclude each other"),
    }
}
