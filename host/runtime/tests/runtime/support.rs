//! The smallest world around a runtime: a directory, the hostile guest, and calls of it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, LazyLock},
};

use bytes::Bytes;
use millstream_core::{
    batch::Columns,
    event::{Identity, Origin},
    journal::RequestId,
    name::{FunctionName, StreamName},
    port::{
        Call, GuestError, Invoke, Invoked, Later, Limits, ModuleInfo, Modules, ReadError, State,
        Verdict,
    },
    time::Millis,
};
use millstream_runtime::{Runtime, RuntimeOptions};
use tempfile::TempDir;
use tokio::sync::OnceCell;

/// The component of `guests/hostile`, built once a run.
static HOSTILE: LazyLock<Bytes> = LazyLock::new(|| built("hostile"));
/// The same of `guests/event`.
static EVENT: LazyLock<Bytes> = LazyLock::new(|| built("event"));

fn built(guest: &str) -> Bytes {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    // A directory of its own: the one of this build is locked.
    let target = root.join("target/guests");
    let status = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()))
        .args(["build", "--package", &format!("guest-{guest}"), "--quiet"])
        .args([
            "--target",
            "wasm32-wasip2",
            "--profile",
            "guest",
            "--target-dir",
        ])
        .arg(&target)
        .current_dir(&root)
        .status()
        .unwrap();
    assert!(status.success(), "the guest does not build");
    let wasm = target.join(format!("wasm32-wasip2/guest/guest_{guest}.wasm"));
    std::fs::read(wasm).unwrap().into()
}

/// The component of `guests/hostile`.
pub(crate) fn hostile() -> Bytes {
    HOSTILE.clone()
}

/// The component of `guests/event`.
pub(crate) fn event() -> Bytes {
    EVENT.clone()
}

/// Options for tests, with `dir` for compiled components.
pub(crate) fn options(dir: &Path) -> RuntimeOptions {
    let mut options = RuntimeOptions::new(dir).unwrap();
    options.compiler = PathBuf::from(env!("CARGO_BIN_EXE_millstream-compile"));
    options
}

/// A runtime with a directory of its own.
pub(crate) struct World {
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) dir: TempDir,
}

pub(crate) fn world() -> World {
    world_with(|_| {})
}

pub(crate) fn world_with(set: impl FnOnce(&mut RuntimeOptions)) -> World {
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(dir.path());
    set(&mut options);
    let runtime = Runtime::new(options).unwrap();
    World { runtime, dir }
}

/// A runtime that most tests share, with the hostile guest as `hostile`@1.
pub(crate) async fn shared() -> Arc<Runtime> {
    static SHARED: OnceCell<Arc<Runtime>> = OnceCell::const_new();
    let runtime = SHARED.get_or_init(async || {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("shared-cache");
        let runtime = Runtime::new(options(&dir)).unwrap();
        upload(&runtime, hostile(), 1).await;
        runtime
    });
    Arc::clone(runtime.await)
}

/// Compiles and binds `wasm` as `hostile`@`version`.
pub(crate) async fn upload(runtime: &Runtime, wasm: Bytes, version: u64) -> ModuleInfo {
    let info = runtime.compile(wasm, Limits::default()).await.unwrap();
    let bound = runtime.bind(name("hostile"), version, info.hash.clone());
    bound.await.unwrap();
    info
}

pub(crate) fn name(text: &str) -> FunctionName {
    FunctionName::try_from(text).unwrap()
}

/// Columns of records, with rising positions and arrivals.
pub(crate) fn columns(records: &[(&str, &str)]) -> Columns {
    let mut columns = Columns::default();
    for (i, (key, data)) in (1u64..).zip(records) {
        columns.positions.push(100 + i);
        columns.arrival_ms.push(1_000 * i);
        columns.keys.extend_from_slice(key.as_bytes());
        columns.key_ends.push(columns.keys.len() as u32);
        columns.data.extend_from_slice(data.as_bytes());
        columns.data_ends.push(columns.data.len() as u32);
    }
    columns
}

/// Where the records of these calls come from.
pub(crate) fn origin() -> Origin {
    let stream = StreamName::try_from("in").unwrap();
    Origin::supposed(
        &Identity::default(),
        &stream,
        &name("hostile"),
        Millis(5_000),
    )
}

/// A call of `hostile`@1 with these records and the default limits.
pub(crate) fn call(records: &[(&str, &str)]) -> Call {
    Call {
        request: RequestId::following(&[]),
        function: name("hostile"),
        version: 1,
        number: None,
        stream: StreamName::try_from("in").unwrap(),
        shard_id: "shardId-000000000007".into(),
        attempt: 2,
        batch: Arc::new(columns(records)),
        origin: Arc::new(origin()),
        reports: true,
        window: None,
        state: Arc::new(Stored::default()),
        limits: Limits::default(),
        config: Arc::new(BTreeMap::from([("color".into(), "blue".into())])),
    }
}

/// A call whose one record is `command`.
pub(crate) fn command(command: &str) -> Call {
    call(&[("k", command)])
}

/// Runs a call on the shared runtime.
pub(crate) async fn run(call: Call) -> Invoked {
    shared().await.call(call).await.unwrap()
}

/// What a successful call gave.
pub(crate) async fn verdict(call: Call) -> Verdict {
    run(call).await.result.unwrap()
}

/// The records that the guest gave to `stream`.
pub(crate) fn given(verdict: &Verdict, stream: &str) -> Vec<(String, String)> {
    let outputs = verdict
        .outputs
        .iter()
        .filter(|o| o.stream.as_str() == stream);
    outputs
        .flat_map(|output| {
            (0..output.block.len()).map(|i| {
                let data = String::from_utf8_lossy(output.block.datum(i));
                (output.block.key(i).to_owned(), data.into_owned())
            })
        })
        .collect()
}

/// The name of the limit that stopped a call.
pub(crate) fn limit(invoked: &Invoked) -> &'static str {
    match &invoked.result {
        Err(GuestError::Limit { limit, .. }) => limit,
        other => panic!("no limit stopped it: {other:?}"),
    }
}

/// State in memory.
#[derive(Debug, Default)]
pub(crate) struct Stored(pub(crate) BTreeMap<String, Bytes>);

impl State for Stored {
    fn get_many(&self, keys: Vec<String>) -> Later<'static, Result<Vec<Option<Bytes>>, ReadError>> {
        let values = keys.iter().map(|key| self.0.get(key).cloned()).collect();
        Box::pin(async move { Ok(values) })
    }
}

/// State whose answer never comes.
#[derive(Debug)]
pub(crate) struct Stuck;

impl State for Stuck {
    fn get_many(&self, _: Vec<String>) -> Later<'static, Result<Vec<Option<Bytes>>, ReadError>> {
        Box::pin(std::future::pending())
    }
}

/// State that cannot be read.
#[derive(Debug)]
pub(crate) struct Broken;

impl State for Broken {
    fn get_many(&self, _: Vec<String>) -> Later<'static, Result<Vec<Option<Bytes>>, ReadError>> {
        Box::pin(async { Err(ReadError::Unavailable("the disk is gone".into())) })
    }
}
