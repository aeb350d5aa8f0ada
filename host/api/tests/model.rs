//! Everything behind the routes, in memory: a log, a control plane, and a clock that tests set.
//! Each test has its own model. The clock belongs to the thread, as a `tokio::test` does.

mod nothing;

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, OnceLock},
};

use axum::Router;
use bytes::Bytes;
use millstream_api::{
    app::{App, Identity},
    auth::Access,
    native::{
        functions::Uploads,
        health::{Life, Stage},
        metrics::Metrics,
    },
};
use millstream_core::{
    block::Slice,
    catalog::{Catalog, Change, NewStream, Request, Rules, Stream, Trigger, TriggerSettings},
    port::{
        Appended, Commit, CommitError, Control, ControlError, Durable, Later, Log, Page, ReadError,
        ReadLimits, Span, Volume,
    },
    position::{Position, ShardNumber},
    time::Millis,
};
use millstream_queue::Desks;
use tokio::sync::watch;

use self::nothing::Nothing;

/// When each test begins.
pub(crate) const START: Millis = Millis(1_700_000_000_000);

thread_local! {
    static NOW: Cell<Millis> = const { Cell::new(START) };
}

/// What the clock shows.
pub(crate) fn now() -> Millis {
    NOW.get()
}

/// Sets the clock to `ms` after the start.
pub(crate) fn set_clock(ms: u64) {
    NOW.set(START.plus(ms));
}

/// A log and a control plane in memory. Clones share everything.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    state: Arc<Mutex<State>>,
    grown: watch::Sender<()>,
    /// Made when they are asked for, since they hold the model.
    queues: Arc<OnceLock<Arc<Desks>>>,
}

#[derive(Debug)]
struct State {
    shards: BTreeMap<ShardNumber, Vec<Slice>>,
    closed: BTreeSet<ShardNumber>,
    keys: BTreeMap<Bytes, Bytes>,
    catalog: Arc<Catalog>,
    epoch: u64,
    commits: usize,
    fail_commits: Option<CommitError>,
    fail_reads: Option<ReadError>,
}

impl Model {
    pub(crate) fn new() -> Self {
        let state = State {
            shards: BTreeMap::new(),
            closed: BTreeSet::new(),
            keys: BTreeMap::new(),
            catalog: Arc::default(),
            epoch: 1,
            commits: 0,
            fail_commits: None,
            fail_reads: None,
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            grown: watch::Sender::new(()),
            queues: Arc::default(),
        }
    }

    /// With a stream of `shards` shards.
    pub(crate) async fn with_stream(name: &str, shards: u32) -> Self {
        let model = Self::new();
        model.create_stream(name, shards).await;
        model
    }

    pub(crate) async fn create_stream(&self, name: &str, shards: u32) {
        let name = name.try_into().unwrap();
        let settings = NewStream::of(shards);
        let request = Request::CreateStream { name, settings };
        self.apply(request).await.unwrap();
    }

    /// The app over this model, ready to serve.
    pub(crate) fn app(&self) -> App {
        let life = Life::default();
        life.enter(Stage::Ready);
        App {
            log: Arc::new(self.clone()),
            control: Arc::new(self.clone()),
            modules: Arc::new(Nothing),
            invoke: Arc::new(Nothing),
            journals: crate::logs::recorder(Arc::new(Nothing)),
            triggers: Arc::new(Nothing),
            queues: self.queues(),
            channels: Arc::new(Nothing),
            outbox: Arc::new(Nothing),
            metrics: Arc::new(Metrics::default()),
            uploads: Arc::new(Uploads::default()),
            life: Arc::new(life),
            host: Arc::new(Nothing),
            started: START,
            identity: Arc::new(Identity {
                account: "123456789012".into(),
                region: "us-east-1".into(),
            }),
            quotas: None,
            access: Access::Anyone,
            now,
        }
    }

    /// The queues over this model.
    pub(crate) fn queues(&self) -> Arc<Desks> {
        let new = || Desks::new(Arc::new(self.clone()), Arc::new(self.clone()), now);
        Arc::clone(self.queues.get_or_init(new))
    }

    /// All routes over this model.
    pub(crate) fn router(&self) -> Router {
        millstream_api::server::router(self.app())
    }

    /// Has all commits that follow fail, or no more.
    pub(crate) fn fail_commits(&self, error: impl Into<Option<CommitError>>) {
        self.state.lock().unwrap().fail_commits = error.into();
    }

    /// Has all reads that follow fail, or no more.
    pub(crate) fn fail_reads(&self, error: impl Into<Option<ReadError>>) {
        self.state.lock().unwrap().fail_reads = error.into();
    }

    /// As if the log had been closed and opened again.
    pub(crate) fn reopen(&self) {
        self.state.lock().unwrap().epoch += 1;
    }

    /// How many commits succeeded.
    pub(crate) fn commits(&self) -> usize {
        self.state.lock().unwrap().commits
    }

    /// All records of a stream by shard, as key and data.
    pub(crate) fn records(&self, stream: &str) -> Vec<Vec<(String, Vec<u8>)>> {
        let state = self.state.lock().unwrap();
        let stream = Arc::clone(state.catalog.stream(stream).unwrap());
        let of_slice = |slice: &Slice| -> Vec<_> {
            let record = |i| (slice.block.key(i).to_owned(), slice.block.datum(i).to_vec());
            slice.range.clone().map(record).collect()
        };
        let of_shard = |number| state.shards.get(number).into_iter().flatten();
        let numbers = stream.shards.iter().map(|shard| &shard.number);
        numbers
            .map(|number| of_shard(number).flat_map(of_slice).collect())
            .collect()
    }

    /// Changes a stream as only resharding will.
    pub(crate) fn edit_stream(&self, name: &str, edit: impl FnOnce(&mut Stream)) {
        let mut edited = Stream::clone(self.catalog().stream(name).unwrap());
        edit(&mut edited);
        self.install(format!("c/s/{name}"), &edited);
    }

    /// Has a trigger exist, without anything that runs it.
    pub(crate) fn edit_trigger(&self, name: &str, settings: TriggerSettings) {
        let trigger = Trigger {
            name: name.try_into().unwrap(),
            id: 1,
            created: START,
            updated: START,
            settings,
            starts: BTreeMap::new(),
            tags: BTreeMap::new(),
        };
        self.install(format!("c/t/{name}"), &trigger);
    }

    /// Puts an entry beside the streams, as if it had been stored.
    fn install(&self, key: String, value: &impl serde::Serialize) {
        let mut entries = BTreeMap::new();
        for stream in self.catalog().streams() {
            let json = serde_json::to_vec(&**stream).unwrap();
            entries.insert(format!("c/s/{}", stream.name).into(), json.into());
        }
        entries.insert(key.into(), serde_json::to_vec(value).unwrap().into());
        self.state.lock().unwrap().catalog = Arc::new(Catalog::load(entries).unwrap());
    }
}

impl State {
    fn span(&self, shard: ShardNumber) -> Span {
        let slices = self.shards.get(&shard).map(Vec::as_slice);
        let (first, last) = slices
            .map(|slices| (slices.first(), slices.last()))
            .unwrap_or_default();
        let next = last.map_or(Position::new(self.epoch, 0), |slice| {
            let next = slice.next();
            Position::new(self.epoch, next.ordinal())
        });
        Span {
            first: first.map_or(next, Slice::first),
            next,
            last_arrival: last.map_or(Millis(0), |slice| slice.arrival),
        }
    }

    fn commit(&mut self, commit: Commit) -> Result<Vec<Appended>, CommitError> {
        if let Some(error) = &self.fail_commits {
            return Err(error.clone());
        }
        let mut appends = commit.appends.iter();
        if let Some(late) = appends.find(|append| self.closed.contains(&append.shard)) {
            return Err(CommitError::Closed(late.shard));
        }
        self.closed.extend(commit.closes);
        self.commits += 1;
        let mut appended = Vec::new();
        for append in commit.appends {
            let span = self.span(append.shard);
            let (base, arrival) = (span.next, now().max(span.last_arrival));
            self.shards.entry(append.shard).or_default().push(Slice {
                range: 0..append.block.len(),
                block: append.block,
                base,
                arrival,
            });
            appended.push(Appended {
                first: base,
                arrival,
            });
        }
        for put in commit.puts {
            match put.value {
                Some(value) => self.keys.insert(put.key, value),
                None => self.keys.remove(&put.key),
            };
        }
        for shard in commit.drops {
            self.shards.remove(&shard);
        }
        Ok(appended)
    }

    fn read(&self, shard: ShardNumber, from: Position, limits: ReadLimits) -> Page {
        let mut page = Page::default();
        let (mut records, mut bytes) = (limits.records, limits.bytes);
        for slice in self.shards.get(&shard).into_iter().flatten() {
            let mut part = slice.clone();
            while part.range.start < part.range.end && part.first() < from {
                part.range.start += 1;
            }
            let start = part.range.start;
            let mut end = start;
            while end < part.range.end && records > 0 {
                let size = part.block.payload(end..end + 1);
                let is_first = page.slices.is_empty() && end == start;
                if size > bytes && !is_first {
                    (records, bytes) = (0, 0);
                    break;
                }
                (records, bytes) = (records - 1, bytes.saturating_sub(size));
                end += 1;
            }
            part.range.end = end;
            if !part.range.is_empty() {
                page.slices.push(part);
            }
        }
        page
    }
}

fn ready<T: Send + 'static>(value: T) -> Later<'static, T> {
    Box::pin(std::future::ready(value))
}

impl Log for Model {
    #[expect(
        clippy::disallowed_methods,
        reason = "the model stands in for the log's writer"
    )]
    fn commit(
        &self,
        commit: Commit,
    ) -> Later<'static, Result<Durable<Vec<Appended>>, CommitError>> {
        let result = self.state.lock().unwrap().commit(commit);
        self.grown.send_replace(());
        ready(result.map(Durable::after_sync))
    }

    fn read(
        &self,
        shard: ShardNumber,
        from: Position,
        limits: ReadLimits,
    ) -> Later<'static, Result<Page, ReadError>> {
        let state = self.state.lock().unwrap();
        ready(match &state.fail_reads {
            Some(error) => Err(error.clone()),
            None => Ok(state.read(shard, from, limits)),
        })
    }

    fn locate(
        &self,
        shard: ShardNumber,
        at: Millis,
    ) -> Later<'static, Result<Position, ReadError>> {
        let state = self.state.lock().unwrap();
        if let Some(error) = &state.fail_reads {
            return ready(Err(error.clone()));
        }
        let mut slices = state.shards.get(&shard).into_iter().flatten();
        let found = slices.find(|slice| slice.arrival >= at).map(Slice::first);
        ready(Ok(found.unwrap_or(state.span(shard).next)))
    }

    fn span(&self, shard: ShardNumber) -> Span {
        self.state.lock().unwrap().span(shard)
    }

    fn volume(&self, shard: ShardNumber) -> Volume {
        let mut volume = Volume::default();
        let state = self.state.lock().unwrap();
        let slices = state.shards.get(&shard).into_iter().flatten();
        for slice in slices {
            volume.add(&slice.block);
        }
        volume
    }

    fn grown(&self, shard: ShardNumber, beyond: Position) -> Later<'static, Position> {
        let (model, mut grown) = (self.clone(), self.grown.subscribe());
        Box::pin(async move {
            loop {
                let next = model.span(shard).next;
                if next > beyond {
                    return next;
                }
                grown.changed().await.expect("the model holds the sender");
            }
        })
    }

    fn get_many(&self, keys: Vec<Bytes>) -> Later<'static, Result<Vec<Option<Bytes>>, ReadError>> {
        let state = self.state.lock().unwrap();
        ready(match &state.fail_reads {
            Some(error) => Err(error.clone()),
            None => Ok(keys.iter().map(|k| state.keys.get(k).cloned()).collect()),
        })
    }

    fn scan(&self, prefix: Bytes) -> Later<'static, Result<Vec<(Bytes, Bytes)>, ReadError>> {
        let state = self.state.lock().unwrap();
        let found = state.keys.range(prefix.clone()..);
        let found = found.take_while(|(key, _)| key.starts_with(&prefix));
        ready(Ok(found.map(|(k, v)| (k.clone(), v.clone())).collect()))
    }

    fn trim(&self, shard: ShardNumber, before: Millis) -> Later<'static, Result<u64, CommitError>> {
        let mut state = self.state.lock().unwrap();
        let slices = state.shards.entry(shard).or_default();
        let mut kept = slices.clone();
        kept.retain(|slice| slice.arrival >= before);
        let count = |slices: &[Slice]| slices.iter().map(Slice::count).sum::<usize>();
        let gone = count(slices) - count(&kept);
        if let (true, Some(mut last)) = (kept.is_empty(), slices.pop()) {
            // Without records, but it knows where the next one stands.
            last.range.start = last.range.end;
            kept.push(last);
        }
        *slices = kept;
        ready(Ok(gone as u64))
    }
}

impl Control for Model {
    fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.state.lock().unwrap().catalog)
    }

    fn changed(&self, seen: Arc<Catalog>) -> Later<'static, Arc<Catalog>> {
        let model = self.clone();
        Box::pin(async move {
            let mut changes = model.grown.subscribe();
            loop {
                let now = model.catalog();
                if !Arc::ptr_eq(&now, &seen) {
                    return now;
                }
                changes.changed().await.unwrap();
            }
        })
    }

    fn rules(&self) -> Rules {
        Rules::default()
    }

    fn current(&self) -> Later<'static, Arc<Catalog>> {
        ready(self.catalog())
    }

    fn apply(&self, request: Request) -> Later<'static, Result<Change, ControlError>> {
        let model = self.clone();
        Box::pin(async move {
            let change = model.catalog().decide(request, now(), &Rules::default())?;
            let _durable = Log::commit(&model, change.commit.clone()).await?;
            model.state.lock().unwrap().catalog = Arc::new(change.catalog.clone());
            model.grown.send_replace(());
            Ok(change)
        })
    }
}
