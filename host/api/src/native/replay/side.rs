//! One version on one shard: its calls, and the state that it keeps in memory.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use millstream_core::{
    block::Slice,
    catalog::{Shard, key},
    event::Origin,
    journal::RequestId,
    limit,
    port::{Call, InvokeError, Later, Log, ReadError, State},
    position::ShardNumber,
    replay::Made,
    trigger::{
        batch::{Batch, Room},
        redrive::{Outcome, Work, outcome},
        verdict::Blame,
    },
};

use super::asked::Asked;
use crate::{app::App, native::error::NativeError};

/// Bytes of names and values that a version may keep in memory on a shard.
const STATE_BYTES: usize = 64 << 20;
/// How long to wait while the host has no room for a call, and how often.
const BUSY: Duration = Duration::from_millis(250);
const BUSY_TIMES: u32 = 120;

/// A version on a shard.
pub(super) struct Side {
    app: App,
    /// What is the same in all of its calls.
    call: Call,
    events: Option<Arc<Origin>>,
    memory: Arc<Memory>,
}

/// What a version has written, over what is stored.
#[derive(Debug)]
struct Memory {
    written: Mutex<Written>,
    /// Whose state is read where nothing was written.
    stored: Option<(Arc<dyn Log>, u64, ShardNumber)>,
}

#[derive(Debug, Default)]
struct Written {
    values: BTreeMap<String, Option<Bytes>>,
    bytes: usize,
}

fn request() -> RequestId {
    RequestId::random(uuid::Uuid::new_v4().as_u128())
}

impl Side {
    pub(super) fn of(app: &App, asked: &Asked, shard: &Shard, which: usize) -> Self {
        let function = &asked.versions[which];
        let origin = Origin::new(&app.identity, &asked.stream, &function.name, shard);
        let origin = Arc::new(origin);
        let stored = asked.with_state;
        let memory = Arc::new(Memory {
            written: Mutex::default(),
            stored: stored.map(|trigger| (Arc::clone(&app.log), trigger, shard.number)),
        });
        Self {
            app: app.clone(),
            call: Call {
                request: request(),
                number: None,
                function: function.name.clone(),
                version: function.version,
                stream: asked.stream.clone(),
                shard_id: shard.id(),
                attempt: 1,
                batch: Arc::default(),
                origin: Arc::clone(&origin),
                reports: asked.reports,
                window: None,
                state: Arc::clone(&memory) as _,
                limits: function.limits,
                config: Arc::new(function.config.clone()),
            },
            events: function.takes_events().then_some(origin),
            memory,
        }
    }

    /// Calls the version with all of `records`. Where it fails for several together they are halved,
    /// so that in the end each one is done or has failed by itself.
    pub(super) async fn work(&self, records: &[Slice]) -> Result<Made, NativeError> {
        let records: Vec<Slice> = records.iter().flat_map(singles).collect();
        let (mut made, mut busy) = (Made::default(), 0);
        let mut work = Work::of(records.len(), records.len());
        while let Some(span) = work.next() {
            let batch = match self.batch(&records[span]) {
                Ok(batch) => batch,
                Err(error) => {
                    work.failed(&error, Blame::First);
                    continue;
                }
            };
            match self.called(batch).await {
                Outcome::Progress {
                    until,
                    rejected,
                    verdict,
                } => {
                    self.memory.write(&verdict.writes)?;
                    made.add(verdict);
                    work.progressed(until, rejected);
                }
                Outcome::Failed { error, blame } => work.failed(&error, blame),
                Outcome::NotCalled(InvokeError::Throttled) if busy < BUSY_TIMES => {
                    busy += 1;
                    tokio::time::sleep(BUSY).await;
                }
                Outcome::NotCalled(error) => return Err(error.into()),
                Outcome::Shorter(_) => unreachable!("it is called with that at once"),
            }
        }
        let failures = work.failures().into_iter();
        made.failures = failures
            .map(|(at, error)| (records[at].first(), error.to_string()))
            .collect();
        Ok(made)
    }

    async fn called(&self, mut batch: Batch) -> Outcome {
        loop {
            let call = Call {
                request: request(),
                batch: batch.columns(),
                ..self.call.clone()
            };
            let result = self.app.invoke.dry_run(call).await;
            let result = result.map(|invoked| invoked.result);
            match outcome(&batch, self.events.as_deref(), result) {
                Outcome::Shorter(shorter) => batch = shorter,
                outcome => return outcome,
            }
        }
    }

    /// As many of the records as a call has room for.
    fn batch(&self, records: &[Slice]) -> Result<Batch, String> {
        let room = Room {
            records: records.len(),
            bytes: limit::BATCH_BYTES,
            end: None,
            windows: None,
        };
        let mut batch = Batch::default();
        batch.take(records.to_vec(), &room);
        if let Some(origin) = &self.events {
            let fitting = batch.fitting(origin);
            if fitting == 0 {
                let most = limit::EVENT_BYTES;
                return Err(format!(
                    "an event of this record alone has more than {most} bytes"
                ));
            }
            batch.cut(fitting);
        }
        Ok(batch)
    }

    /// What its state holds under these names.
    pub(super) async fn values(&self, names: &[String]) -> Result<Vec<Option<Bytes>>, ReadError> {
        self.memory.get_many(names.to_vec()).await
    }
}

/// Each record as a slice of its own.
fn singles(slice: &Slice) -> impl Iterator<Item = Slice> + '_ {
    slice.range.clone().map(|i| Slice {
        range: i..i + 1,
        ..slice.clone()
    })
}

impl Memory {
    fn lock(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, writes: &BTreeMap<String, Option<Bytes>>) -> Result<(), NativeError> {
        let size =
            |name: &str, value: &Option<Bytes>| name.len() + value.as_ref().map_or(0, Bytes::len);
        let mut written = self.lock();
        for (name, value) in writes {
            written.bytes += size(name, value);
            if let Some(before) = written.values.insert(name.clone(), value.clone()) {
                written.bytes -= size(name, &before);
            }
        }
        if written.bytes > STATE_BYTES {
            return Err(NativeError::TooLarge {
                what: "the state that a version keeps on a shard".to_owned(),
                limit: format!("{STATE_BYTES} bytes"),
            });
        }
        Ok(())
    }
}

impl State for Memory {
    fn get_many(
        &self,
        names: Vec<String>,
    ) -> Later<'static, Result<Vec<Option<Bytes>>, ReadError>> {
        let known: Vec<Option<Option<Bytes>>> = {
            let written = self.lock();
            let known = names.iter().map(|name| written.values.get(name).cloned());
            known.collect()
        };
        let stored = self.stored.as_ref().map(|(log, trigger, shard)| {
            let unknown = names
                .iter()
                .zip(&known)
                .filter(|(_, known)| known.is_none());
            let keys = unknown.map(|(name, _)| key::state(*trigger, *shard, name));
            log.get_many(keys.collect())
        });
        Box::pin(async move {
            let mut stored = match stored {
                Some(stored) => stored.await?.into_iter(),
                None => Vec::new().into_iter(),
            };
            let value =
                |known: Option<Option<Bytes>>| known.unwrap_or_else(|| stored.next().flatten());
            Ok(known.into_iter().map(value).collect())
        })
    }
}
