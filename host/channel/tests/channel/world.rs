//! A log, a catalog that changes, and a directory with buckets.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use anyhow::{Context, Result, ensure};
use millstream_channel::{Deliveries, Destination, Options};
use millstream_core::{
    block::BlockBuilder,
    catalog::{
        Catalog, Change, NewStream, Request, Rules,
        channel::{self, Bucket, LoggingUpdate, NewChannel, StorageClass},
        stream::{StreamMode, Tags},
    },
    channel::{Compression, RecordFormat},
    port::{Append, Commit, Control, ControlError, Later, Log},
    time::Millis,
};
use millstream_log::SqliteLog;
use tempfile::TempDir;
use tokio::{sync::watch, task::JoinHandle};

/// Everything here takes milliseconds; a loaded machine gets this long.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn now() -> Millis {
    let since = SystemTime::UNIX_EPOCH.elapsed();
    let since = since.expect("the clock stands after 1970");
    Millis(since.as_millis() as u64)
}

/// A control plane that keeps nothing.
#[derive(Debug, Clone)]
pub(crate) struct Plane(watch::Sender<Arc<Catalog>>);

impl Plane {
    fn new() -> Self {
        Self(watch::Sender::new(Arc::default()))
    }

    pub(crate) fn decide(&self, request: Request) -> Result<Change, ControlError> {
        let change = self.catalog().decide(request, now(), &self.rules())?;
        self.0.send_replace(Arc::new(change.catalog.clone()));
        Ok(change)
    }
}

impl Control for Plane {
    fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.0.borrow())
    }

    fn rules(&self) -> Rules {
        Rules::default()
    }

    fn current(&self) -> Later<'static, Arc<Catalog>> {
        let catalog = self.catalog();
        Box::pin(async { catalog })
    }

    fn changed(&self, seen: Arc<Catalog>) -> Later<'static, Arc<Catalog>> {
        let mut changes = self.0.subscribe();
        Box::pin(async move {
            let new = changes.wait_for(|now| !Arc::ptr_eq(now, &seen)).await;
            new.map(|catalog| Arc::clone(&catalog)).unwrap_or(seen)
        })
    }

    fn apply(&self, request: Request) -> Later<'static, Result<Change, ControlError>> {
        let applied = self.decide(request);
        Box::pin(async { applied })
    }
}

#[derive(Debug)]
pub(crate) struct World {
    home: TempDir,
    pub(crate) plane: Plane,
    pub(crate) log: Arc<SqliteLog>,
    pub(crate) running: Option<Running>,
}

/// The deliveries of one life of a host.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) deliveries: Arc<Deliveries>,
    follows: JoinHandle<()>,
}

impl World {
    /// With the stream `clicks` of two shards, and nothing that delivers.
    pub(crate) fn new() -> Result<Self> {
        let home = TempDir::new()?;
        let options = millstream_log::Options::new(home.path().join("data"));
        let log = Arc::new(SqliteLog::open(options)?);
        let plane = Plane::new();
        let settings = NewStream {
            mode: StreamMode::OnDemand,
            ..NewStream::of(2)
        };
        let name = "clicks".try_into()?;
        plane.decide(Request::CreateStream { name, settings })?;
        Ok(Self {
            home,
            plane,
            log,
            running: None,
        })
    }

    /// Begins to deliver, after a moment's wait for records.
    pub(crate) fn start(&mut self) -> Arc<Deliveries> {
        self.start_after(Duration::ZERO)
    }

    /// Begins to deliver records that have waited for `freshness`.
    pub(crate) fn start_after(&mut self, freshness: Duration) -> Arc<Deliveries> {
        let options = Options {
            destination: Destination::Directory(self.buckets()),
            freshness_ms_max: Some(freshness.as_millis() as u64),
            ..Options::default()
        };
        let deliveries = Deliveries::new(self.log.clone(), now, options);
        let plane: Arc<dyn Control> = Arc::new(self.plane.clone());
        let follows = tokio::spawn(Arc::clone(&deliveries).follow(plane));
        self.running = Some(Running {
            deliveries: Arc::clone(&deliveries),
            follows,
        });
        deliveries
    }

    /// Stops whatever is under way, as a host does that stops.
    pub(crate) async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.follows.abort();
            running.deliveries.drain().await;
        }
    }

    /// Opens the log anew, as a host does that starts again.
    pub(crate) async fn reopen(&mut self) -> Result<()> {
        self.stop().await;
        self.log.close();
        let options = millstream_log::Options::new(self.home.path().join("data"));
        self.log = Arc::new(SqliteLog::open(options)?);
        Ok(())
    }

    pub(crate) fn buckets(&self) -> PathBuf {
        self.home.path().join("buckets")
    }

    /// Puts records into the shard of that index.
    pub(crate) async fn put(&self, shard: usize, records: &[&str]) -> Result<()> {
        let mut builder = BlockBuilder::default();
        for data in records {
            builder.push("key", data.as_bytes());
        }
        let catalog = self.plane.catalog();
        let stream = catalog.stream("clicks").context("the stream")?;
        let append = Append {
            shard: stream.shards[shard].number,
            block: builder.finish().context("no record")?,
        };
        let commit = Commit {
            appends: vec![append],
            ..Commit::default()
        };
        let _durable = self.log.commit(commit).await?;
        Ok(())
    }

    /// Creates the channel `archive` from here on.
    pub(crate) fn create(&self, format: RecordFormat, compression: Compression) -> Result<()> {
        self.create_as("archive", format, compression)
    }

    /// As [`World::create`], of a channel of that name.
    pub(crate) fn create_as(
        &self,
        name: &str,
        format: RecordFormat,
        compression: Compression,
    ) -> Result<()> {
        let catalog = self.plane.catalog();
        let stream = catalog.stream("clicks").context("the stream")?;
        let starts = stream.shards.iter().map(|shard| {
            let next = self.log.span(shard.number).next;
            (shard.number, next)
        });
        let new = Box::new(NewChannel {
            stream: stream.name.clone(),
            format,
            schema: None,
            role: "arn:aws:iam::123456789012:role/r".to_owned(),
            bucket: Bucket {
                arn: "arn:aws:s3:::records".to_owned(),
                owner: "123456789012".to_owned(),
            },
            template: Some("x/!{channel-name}!{extension}".to_owned()),
            storage_class: StorageClass::default(),
            compression,
            freshness_seconds: None,
            dead_letters: None,
            error_prefix: Some("bad/".to_owned()),
            encryption_key: None,
            logging: LoggingUpdate::default(),
            tags: Tags::new(),
            starts: starts.collect::<BTreeMap<_, _>>(),
        });
        let name = name.try_into()?;
        let request = channel::Request::Create { name, new };
        self.plane.decide(Request::Channel(request))?;
        Ok(())
    }

    /// The files below a prefix of the bucket, by key.
    pub(crate) fn objects(&self, prefix: &str) -> Result<BTreeMap<String, Vec<u8>>> {
        let root = self.buckets().join("records");
        let mut objects = BTreeMap::new();
        collect(&root, &root.join(prefix), &mut objects)?;
        Ok(objects)
    }

    /// Waits until `lines` lines have been delivered uncompressed; gives them in the order of keys.
    pub(crate) async fn lines(&self, lines: usize) -> Result<Vec<String>> {
        let mut found = Vec::new();
        eventually(|| {
            let objects = self.objects("x")?;
            let text = objects.into_values().map(String::from_utf8);
            let text: Vec<String> = text.collect::<Result<_, _>>()?;
            found = text
                .iter()
                .flat_map(|text| text.lines())
                .map(str::to_owned)
                .collect();
            Ok(found.len() >= lines)
        })
        .await?;
        Ok(found)
    }
}

fn collect(root: &Path, at: &Path, objects: &mut BTreeMap<String, Vec<u8>>) -> Result<()> {
    if !at.exists() {
        return Ok(());
    }
    for entry in fs::read_dir(at)? {
        let path = entry?.path();
        let key = path.strip_prefix(root)?.to_string_lossy().into_owned();
        if path.is_dir() {
            collect(root, &path, objects)?;
        } else if !key.contains('#') {
            // With a hash, it is still being written.
            objects.insert(key, fs::read(&path)?);
        }
    }
    Ok(())
}

/// Waits until something holds.
pub(crate) async fn eventually(mut holds: impl FnMut() -> Result<bool>) -> Result<()> {
    let begin = tokio::time::Instant::now();
    while !holds()? {
        ensure!(begin.elapsed() < PATIENCE, "it never came to be");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}
