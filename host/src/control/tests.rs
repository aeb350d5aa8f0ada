//! The control plane over a real log, with a compiler that only takes notes.

use std::{
    collections::BTreeSet,
    sync::Mutex as StdMutex,
    time::{Duration, Instant},
};

use bytes::Bytes;
use millstream_core::{
    block::BlockBuilder,
    catalog::{
        NewStream, Rules, StartingPosition, StreamChange, TriggerSettings,
        stream::{StreamMode, reshard::Reshard},
    },
    hash_key::HashKey,
    name::StreamName,
    port::{Append, Call, Commit, Invoke, InvokeError, Invoked, Limits, ModuleInfo, Put},
    position::ShardNumber,
    time::Millis,
};
use millstream_log::{Options, SqliteLog};
use tempfile::TempDir;

use super::*;
use crate::{demand::Watch, housekeeping};

/// Notes what is bound, and refuses to bind the hash `bad`.
#[derive(Debug, Default)]
struct Notes(StdMutex<BTreeSet<(FunctionName, u64)>>);

impl Notes {
    fn bound(&self) -> Vec<u64> {
        self.0
            .lock()
            .unwrap()
            .iter()
            .map(|(_, version)| *version)
            .collect()
    }
}

impl Modules for Notes {
    fn compile(&self, _wasm: Bytes, _: Limits) -> Later<'static, Result<ModuleInfo, ModuleError>> {
        unreachable!("the control plane compiles nothing")
    }

    fn bind(
        &self,
        function: FunctionName,
        version: u64,
        hash: String,
    ) -> Later<'static, Result<(), ModuleError>> {
        let bound = if hash == "bad" {
            let message = "gone".to_owned();
            Err(ModuleError::Host { message })
        } else {
            self.0.lock().unwrap().insert((function, version));
            Ok(())
        };
        Box::pin(async { bound })
    }

    fn unbind(&self, function: &FunctionName, keep: &[u64]) {
        let stays = |entry: &(FunctionName, u64)| entry.0 != *function || keep.contains(&entry.1);
        self.0.lock().unwrap().retain(stays);
    }

    fn fault(&self, _function: &FunctionName, _version: u64) -> Option<String> {
        None
    }

    fn held(&self, limits: Limits) -> Limits {
        limits
    }
}

impl Invoke for Notes {
    fn call(&self, _call: Call) -> Later<'static, Result<Invoked, InvokeError>> {
        Box::pin(async { Err(InvokeError::Throttled) })
    }
}

struct World {
    plane: Plane,
    log: Arc<SqliteLog>,
    notes: Arc<Notes>,
    dir: TempDir,
}

impl World {
    fn new() -> Self {
        Self::with(Catalog::default())
    }

    fn with(catalog: Catalog) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let log = Arc::new(SqliteLog::open(Options::new(dir.path())).unwrap());
        let notes = Arc::new(Notes::default());
        let workers = Workers::new(
            log.clone(),
            notes.clone(),
            clock::now,
            millstream_worker::Options::default(),
        );
        let plane = Plane::new(
            log.clone(),
            notes.clone(),
            workers,
            catalog,
            Rules::default(),
        );
        Self {
            plane,
            log,
            notes,
            dir,
        }
    }

    async fn upload(&self, hash: &str) -> Result<Change, ControlError> {
        let module = ModuleInfo {
            hash: hash.to_owned(),
            size: 1,
            world: "handler".to_owned(),
            imports: Vec::new(),
        };
        let request = Request::PutFunction {
            name: "f".try_into().unwrap(),
            module,
            wasm: Bytes::from_static(b"x"),
            limits: Limits::default(),
            config: Default::default(),
        };
        self.plane.apply(request).await
    }

    async fn stream(&self, name: &str) -> Result<Change, ControlError> {
        let name = name.try_into().unwrap();
        self.plane
            .apply(Request::CreateStream {
                name,
                settings: NewStream::of(2),
            })
            .await
    }

    async fn trigger(&self) -> u64 {
        self.stream("s").await.unwrap();
        self.trigger_on_stream().await
    }

    async fn trigger_on_stream(&self) -> u64 {
        self.upload("a").await.unwrap();
        let settings = TriggerSettings {
            stream: "s".try_into().unwrap(),
            function: "f".try_into().unwrap(),
            qualifier: None,
            starting_position: StartingPosition::TrimHorizon,
            starting_position_timestamp: None,
            batch_size: 1,
            maximum_batching_window_in_seconds: 0,
            parallelization_factor: 1,
            tumbling_window_in_seconds: 0,
            maximum_retry_attempts: -1,
            bisect_batch_on_function_error: false,
            maximum_record_age_in_seconds: -1,
            filter_criteria: Default::default(),
            on_failure_stream: None,
            on_failure_destination: None,
            consumer: None,
            unpack_aggregated_records: false,
            function_response_types: Vec::new(),
            enabled: true,
        };
        let request = Request::PutTrigger {
            name: "t".try_into().unwrap(),
            settings,
            starts: Default::default(),
        };
        self.plane.apply(request).await.unwrap();
        self.plane.catalog().trigger("t").unwrap().id
    }

    /// What a trigger's function leaves behind: `count` values, under a lane's checkpoint.
    async fn leave(&self, trigger: u64, count: usize) {
        let put = |key: Bytes| Put {
            key,
            value: Some(Bytes::from_static(b"{}")),
        };
        let mut keys = vec![key::lane(trigger, ShardNumber(0))];
        let state = |i: usize| key::state(trigger, ShardNumber(0), &i.to_string());
        keys.extend((0..count).map(state));
        for some in keys.chunks(500) {
            let puts = some.iter().cloned().map(put).collect();
            let commit = Commit {
                puts,
                ..Commit::default()
            };
            let _durable = self.log.commit(commit).await.unwrap();
        }
    }

    async fn left(&self, trigger: u64) -> usize {
        let lanes = self.log.scan(key::lanes_of(trigger)).await.unwrap();
        let state = self.log.scan(key::states_of(trigger)).await.unwrap();
        lanes.len() + state.len()
    }
}

#[tokio::test]
async fn what_was_applied_is_there_after_a_restart() {
    let world = World::new();
    world.trigger().await;
    world.log.close();
    let log = SqliteLog::open(Options::new(world.dir.path())).unwrap();
    let entries = log.scan(key::CATALOG.into()).await.unwrap();
    let catalog = Catalog::load(entries).unwrap();
    assert_eq!(catalog.stream("s"), world.plane.catalog().stream("s"));
    assert_eq!(catalog.trigger("t"), world.plane.catalog().trigger("t"));
    assert_eq!(catalog.function("f"), world.plane.catalog().function("f"));
}

#[tokio::test]
async fn a_version_that_cannot_be_bound_changes_nothing() {
    let world = World::new();
    world.upload("a").await.unwrap();
    let refused = world.upload("bad").await.unwrap_err();
    assert!(matches!(refused, ControlError::Module(_)), "{refused}");
    let catalog = world.plane.catalog();
    assert_eq!(catalog.function("f").unwrap().module.hash, "a");
    assert_eq!(world.notes.bound(), [1]);
    let stored = world.log.get_many(vec![key::module("bad")]).await.unwrap();
    assert_eq!(stored, [None]);
}

#[tokio::test]
async fn a_new_version_takes_the_place_of_the_old_one() {
    let world = World::new();
    world.upload("a").await.unwrap();
    world.upload("b").await.unwrap();
    assert_eq!(world.notes.bound(), [2]);
    let name = "f".try_into().unwrap();
    world
        .plane
        .apply(Request::DeleteFunction { name })
        .await
        .unwrap();
    assert_eq!(world.notes.bound(), [0; 0]);
}

#[tokio::test]
async fn a_version_that_is_not_durable_is_forgotten() {
    let world = World::new();
    world.upload("a").await.unwrap();
    world.log.close();
    let failed = world.upload("b").await.unwrap_err();
    assert!(matches!(failed, ControlError::Commit(_)), "{failed}");
    assert_eq!(world.notes.bound(), [1]);
    assert_eq!(world.plane.catalog().function("f").unwrap().version, 1);
}

#[tokio::test]
async fn changes_that_come_at_once_happen_one_after_another() {
    let world = World::new();
    let names: Vec<String> = (0..20).map(|i| format!("s{i}")).collect();
    let changes: Vec<_> = names
        .iter()
        .map(|name| {
            let name = StreamName::try_from(name.as_str()).unwrap();
            tokio::spawn(world.plane.apply(Request::CreateStream {
                name,
                settings: NewStream::of(2),
            }))
        })
        .collect();
    for change in changes {
        change.await.unwrap().unwrap();
    }
    let catalog = world.plane.catalog();
    let shards: BTreeSet<_> = catalog
        .streams()
        .flat_map(|stream| stream.shards.iter().map(|shard| shard.number))
        .collect();
    assert_eq!(shards.len(), 40, "no shard's number is given twice");
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_no_change_unseen() {
    let world = World::new();
    let name = "s".try_into().unwrap();
    // Asked for, and never waited for.
    drop(world.plane.apply(Request::CreateStream {
        name,
        settings: NewStream::of(1),
    }));
    until(|| async { world.plane.catalog().stream("s").is_some() }).await;
    let again = world.stream("s").await.unwrap_err();
    assert!(matches!(again, ControlError::Refused(_)), "{again}");
}

#[tokio::test]
async fn what_a_deleted_trigger_left_goes_in_the_background() {
    let world = World::new();
    let id = world.trigger().await;
    world.leave(id, 2_000).await;
    let name = "t".try_into().unwrap();
    world
        .plane
        .apply(Request::DeleteTrigger { name })
        .await
        .unwrap();
    until(|| async { world.left(id).await == 0 }).await;
}

#[tokio::test]
async fn what_a_crash_left_of_a_deleted_trigger_goes_at_the_next_start() {
    let world = World::new();
    let id = world.trigger().await;
    let deleted = id + 1;
    world.leave(id, 3).await;
    world.leave(deleted, 3).await;
    let log: Arc<dyn Log> = world.log.clone();
    let orphans = sweep::orphans(log.as_ref(), &world.plane.catalog())
        .await
        .unwrap();
    sweep::remove(log, orphans).await;
    assert_eq!(world.left(deleted).await, 0);
    assert_eq!(world.left(id).await, 4);
}

/// A catalog with a stream `s` that was split some days ago.
fn split_long_ago() -> Catalog {
    let then = Millis(clock::now().0 - 3 * 24 * 3_600_000);
    let name = || StreamName::try_from("s").unwrap();
    let create = Request::CreateStream {
        name: name(),
        settings: NewStream::of(1),
    };
    let split = Request::ChangeStream {
        name: name(),
        change: StreamChange::Reshard(Reshard::Split {
            shard: 0,
            at: HashKey(1 << 100),
        }),
    };
    let after = |catalog: &Catalog, request| {
        let change = catalog.decide(request, then, &Rules::default());
        change.unwrap().catalog
    };
    after(&after(&Catalog::default(), create), split)
}

#[tokio::test]
async fn a_shard_whose_records_have_expired_goes_with_what_its_readers_kept() {
    let world = World::with(split_long_ago());
    let id = world.trigger_on_stream().await;
    world.leave(id, 30).await;
    assert_eq!(world.left(id).await, 31);
    housekeeping::expire(world.log.as_ref(), &world.plane).await;
    let catalog = world.plane.catalog();
    let shards = catalog.stream("s").unwrap().shards.iter();
    let indexes: Vec<_> = shards.map(|shard| shard.index).collect();
    assert_eq!(indexes, [1, 2]);
    until(|| async { world.left(id).await == 0 }).await;
}

#[tokio::test]
async fn what_a_crash_left_of_an_expired_shard_goes_at_the_next_start() {
    let world = World::new();
    let id = world.trigger().await;
    world.leave(id, 3).await;
    let shard = ShardNumber(77);
    let orphan = [key::lane(id, shard), key::state(id, shard, "k")];
    let puts = orphan.map(|key| Put {
        key,
        value: Some(Bytes::from_static(b"{}")),
    });
    let commit = Commit {
        puts: puts.into(),
        ..Commit::default()
    };
    let _durable = world.log.commit(commit).await.unwrap();
    let log: Arc<dyn Log> = world.log.clone();
    let orphans = sweep::orphans(log.as_ref(), &world.plane.catalog())
        .await
        .unwrap();
    sweep::remove(log, orphans).await;
    assert_eq!(world.left(id).await, 4);
}

#[tokio::test]
async fn an_on_demand_stream_gets_the_shards_that_it_needs() {
    let world = World::new();
    let name: StreamName = "s".try_into().unwrap();
    let settings = NewStream {
        mode: StreamMode::OnDemand,
        ..NewStream::of(2)
    };
    let create = Request::CreateStream { name, settings };
    world.plane.apply(create).await.unwrap();
    let mut watch = Watch::default();
    watch.look(world.log.as_ref(), &world.plane, 1_000).await;
    let mut block = BlockBuilder::default();
    for _ in 0..1_200 {
        block.push("k", b"d");
    }
    let commit = Commit {
        appends: vec![Append {
            shard: ShardNumber(1),
            block: block.finish().unwrap(),
        }],
        ..Commit::default()
    };
    let _durable = world.log.commit(commit).await.unwrap();
    watch.look(world.log.as_ref(), &world.plane, 1_000).await;
    let catalog = world.plane.catalog();
    let open = catalog.stream("s").unwrap().open_shards();
    let open: Vec<u32> = open.map(|shard| shard.index).collect();
    assert_eq!(open, [0, 2, 3]);
    watch.look(world.log.as_ref(), &world.plane, 1_000).await;
    assert_eq!(world.plane.catalog().stream("s").unwrap().shards.len(), 4);
}

async fn until<F: Future<Output = bool>>(holds: impl Fn() -> F) {
    let end = Instant::now() + Duration::from_secs(60);
    while !holds().await {
        assert!(Instant::now() < end, "it never came to hold");
        tokio::task::yield_now().await;
    }
}
