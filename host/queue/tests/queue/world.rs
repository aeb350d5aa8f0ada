//! A log in a directory of its own, a catalog with one stream and one queue, and the queues at work.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{SystemTime, UNIX_EPOCH},
};

use millstream_core::{
    block::BlockBuilder,
    catalog::{
        Catalog, Change, NewStream, Queue, Request, Rules, Shard, StartingPosition, Stream,
        queue::{self, Attributes, Start},
        stream::StreamMode,
    },
    port::{Append, Commit, Control, ControlError, Later, Log},
    position::ShardNumber,
    queue::entry,
    time::Millis,
};
use millstream_log::{Options, SqliteLog};
use millstream_queue::Desks;
use tempfile::TempDir;
use tokio::sync::watch;

fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Millis(since.as_millis() as u64)
}

pub(crate) struct World {
    home: TempDir,
    log: Arc<SqliteLog>,
    control: Arc<Plane>,
    pub(crate) desks: Arc<Desks>,
}

/// A catalog that changes without a log.
#[derive(Debug)]
struct Plane {
    catalog: Mutex<Arc<Catalog>>,
    changes: watch::Sender<()>,
}

impl World {
    /// A stream of `shards` shards, and a queue that reads it from its beginning.
    pub(crate) async fn new(shards: u32) -> Self {
        let catalog = Catalog::default();
        let control = Arc::new(Plane {
            catalog: Mutex::new(Arc::new(catalog)),
            changes: watch::Sender::new(()),
        });
        let stream = Request::CreateStream {
            name: "s".try_into().unwrap(),
            settings: NewStream {
                mode: StreamMode::OnDemand,
                ..NewStream::of(shards)
            },
        };
        control.apply(stream).await.unwrap();
        let queue = Request::Queue(queue::Request::Create {
            name: "q".try_into().unwrap(),
            stream: "s".try_into().unwrap(),
            start: Start {
                at: StartingPosition::TrimHorizon,
                asked: None,
                effective: now(),
            },
            starts: BTreeMap::new(),
            attributes: Attributes::default(),
            tags: BTreeMap::new(),
        });
        control.apply(queue).await.unwrap();
        Self::over(tempfile::tempdir().unwrap(), control)
    }

    fn over(home: TempDir, control: Arc<Plane>) -> Self {
        let log = Arc::new(SqliteLog::open(Options::new(home.path())).unwrap());
        Self {
            desks: Desks::new(log.clone(), control.clone(), now),
            home,
            log,
            control,
        }
    }

    /// Ends the log and all that runs over it, and opens it again.
    pub(crate) async fn restart(self) -> Self {
        let Self {
            home,
            log,
            control,
            desks,
        } = self;
        drop(desks);
        log.close();
        drop(log);
        Self::over(home, control)
    }

    pub(crate) fn queue(&self) -> Arc<Queue> {
        Arc::clone(self.control.catalog().queue("q").unwrap())
    }

    /// Puts records into the shard of that index.
    pub(crate) async fn put(&self, index: usize, records: &[String]) {
        let catalog = self.control.catalog();
        let shard = catalog.stream("s").unwrap().shards[index].number;
        self.put_into(shard, records).await;
    }

    pub(crate) async fn put_into(&self, shard: ShardNumber, records: &[String]) {
        let mut builder = BlockBuilder::default();
        for record in records {
            builder.push("k", record.as_bytes());
        }
        let block = builder.finish().unwrap();
        let commit = Commit {
            appends: vec![Append { shard, block }],
            ..Commit::default()
        };
        let _durable = self.log.commit(commit).await.unwrap();
    }

    /// How many keys the queue has.
    pub(crate) async fn stored(&self) -> usize {
        let stored = self.log.scan(entry::queue_of(self.queue().id)).await;
        stored.unwrap().len()
    }

    /// Gives the stream another shard, as resharding does.
    pub(crate) fn add_shard(&self) -> ShardNumber {
        let catalog = self.control.catalog();
        let mut stream = Stream::clone(catalog.stream("s").unwrap());
        let child = Shard {
            index: 9,
            number: ShardNumber(900),
            ..stream.shards[0].clone()
        };
        stream.shards.push(child);
        let json = |value| serde_json::to_vec(&value).unwrap().into();
        let queue = serde_json::to_value(&*self.queue()).unwrap();
        let entries = [
            ("c/s/s".into(), json(serde_json::to_value(&stream).unwrap())),
            ("c/q/q".into(), json(queue)),
        ];
        self.control.show(Catalog::load(entries).unwrap());
        ShardNumber(900)
    }
}

impl Plane {
    fn show(&self, catalog: Catalog) {
        *self.catalog.lock().unwrap() = Arc::new(catalog);
        self.changes.send_replace(());
    }
}

impl Control for Plane {
    fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.catalog.lock().unwrap())
    }

    fn rules(&self) -> Rules {
        Rules::default()
    }

    fn current(&self) -> Later<'static, Arc<Catalog>> {
        let catalog = self.catalog();
        Box::pin(async { catalog })
    }

    fn changed(&self, seen: Arc<Catalog>) -> Later<'static, Arc<Catalog>> {
        let mut changes = self.changes.subscribe();
        let now = self.catalog();
        Box::pin(async move {
            if Arc::ptr_eq(&now, &seen) {
                // A test changes the catalog once; what it is then is asked for anew.
                changes.changed().await.unwrap();
            }
            now
        })
    }

    fn apply(&self, request: Request) -> Later<'static, Result<Change, ControlError>> {
        let change = self.catalog().decide(request, now(), &Rules::default());
        if let Ok(change) = &change {
            self.show(change.catalog.clone());
        }
        Box::pin(async { Ok(change?) })
    }
}
