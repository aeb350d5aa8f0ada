//! Several workers of one consumer, while shards split and merge, a worker is killed, and the host.
//! Whatever was acknowledged to the producer must come out of one of them.

use std::{
    path::PathBuf,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use support::{
    Api, Host, host,
    wait::{self, PATIENCE},
};
use tempfile::TempDir;

use crate::worker::{Seen, Worker};

const STREAM: &str = "relay";
const BATCH: usize = 20;
/// How many records come through between two disturbances.
const STRETCH: usize = 200;
/// A dead worker's leases live for a while, by the consumers' own rules.
const TAKEOVER: Duration = Duration::from_secs(180);

/// What a worker is told.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) url: String,
    pub(crate) stream: String,
    pub(crate) folder: PathBuf,
}

/// A host with a stream of two shards.
#[derive(Debug)]
pub(crate) struct Relay {
    host: Host,
    home: TempDir,
    place: Place,
    seen: Seen,
}

impl Relay {
    pub(crate) fn start() -> Result<Self> {
        let home = host::folder()?;
        let host = Host::start_on(&home.path().join("data"), &[])?;
        host.api.stream(STREAM, 2)?;
        active(&host.api)?;
        let place = Place {
            url: host.api.url.clone(),
            stream: STREAM.to_owned(),
            folder: home.path().to_owned(),
        };
        Ok(Self {
            host,
            home,
            place,
            seen: Seen::default(),
        })
    }

    /// The whole of it, with workers as `command` makes them.
    pub(crate) fn run(mut self, command: impl Fn(&Place, &str) -> Result<Command>) -> Result<()> {
        let producer = Producer::start(&self.host.api);
        // Alone at first: some consumers cannot set up their leases at the same time.
        let doomed = self.hire("one", &command)?;
        self.stretch("the first records")?;
        let mut workers = vec![self.hire("two", &command)?, self.hire("three", &command)?];
        self.split()?;
        self.stretch("records after a split")?;
        drop(doomed);
        self.merge()?;
        self.stretch("records after a merge and a worker's death")?;
        self = self.crash()?;
        workers.push(self.hire("four", &command)?);
        self.stretch("records after the host's death")?;
        self.scale(4)?;
        self.stretch("records after the shards were doubled")?;
        self.finish(producer, workers)
    }

    fn hire(
        &self,
        name: &str,
        command: &impl Fn(&Place, &str) -> Result<Command>,
    ) -> Result<Worker> {
        let complaints = self.home.path().join(format!("{name}.log"));
        let mut command = command(&self.place, name)?;
        command.env("MILLSTREAM_URL", &self.place.url);
        Worker::start(&mut command, &self.seen, &complaints)
    }

    fn finish(self, producer: Producer, workers: Vec<Worker>) -> Result<()> {
        let acknowledged = producer.stop()?;
        self.all_of(acknowledged)?;
        for mut worker in workers {
            ensure!(worker.alive()?, "a worker gave up: {}", self.complaints());
        }
        ensure!(self.host.stop()?.success(), "the host did not end well");
        Ok(())
    }

    /// Waits until a good many more records have come through.
    fn stretch(&self, what: &str) -> Result<()> {
        let enough = self.seen.count() + STRETCH;
        let seen = || Ok((self.seen.count() >= enough).then_some(()));
        wait::within(TAKEOVER, what, seen).with_context(|| self.complaints())
    }

    fn all_of(&self, acknowledged: usize) -> Result<()> {
        let missing = || (0..acknowledged).filter(|n| !self.seen.has(&format!("record {n}")));
        let all = wait::within(TAKEOVER, "the last records", || {
            Ok(missing().next().is_none().then_some(()))
        });
        all.with_context(|| {
            let lost: Vec<_> = missing().collect();
            let shown = &lost[..lost.len().min(20)];
            format!(
                "{} of {acknowledged} are lost, {shown:?}: {}",
                lost.len(),
                self.complaints()
            )
        })
    }

    fn split(&self) -> Result<()> {
        let (id, low, high) = self.open_shards()?.remove(0);
        let middle = low + (high - low) / 2;
        let asked = json!({
            "StreamName": STREAM, "ShardToSplit": id, "NewStartingHashKey": middle.to_string(),
        });
        self.changed("SplitShard", &asked)
    }

    fn merge(&self) -> Result<()> {
        let shards = self.open_shards()?;
        let asked = json!({
            "StreamName": STREAM, "ShardToMerge": shards[1].0, "AdjacentShardToMerge": shards[2].0,
        });
        self.changed("MergeShards", &asked)
    }

    fn scale(&self, shards: usize) -> Result<()> {
        let asked = json!({
            "StreamName": STREAM, "TargetShardCount": shards, "ScalingType": "UNIFORM_SCALING",
        });
        self.changed("UpdateShardCount", &asked)
    }

    /// Changes the stream and waits until it is active again.
    fn changed(&self, action: &str, asked: &Value) -> Result<()> {
        let api = &self.host.api;
        api.kinesis(action, asked)?
            .ok()
            .context(action.to_owned())?;
        active(api)
    }

    /// The open shards in the order of their hash keys: name, first and last key.
    fn open_shards(&self) -> Result<Vec<(String, u128, u128)>> {
        let listed = json!({ "StreamName": STREAM, "ShardFilter": { "Type": "AT_LATEST" } });
        let listed = self.host.api.kinesis("ListShards", &listed)?.ok()?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut shards = Vec::new();
        for shard in listed["Shards"].as_array().context("no shards")? {
            let range = &shard["HashKeyRange"];
            let low = text(&range["StartingHashKey"]).parse()?;
            let high = text(&range["EndingHashKey"]).parse()?;
            shards.push((text(&shard["ShardId"]), low, high));
        }
        shards.sort_by_key(|shard| shard.1);
        Ok(shards)
    }

    /// Ends the host without a warning and starts it again where its clients look for it.
    fn crash(self) -> Result<Self> {
        let address = self.host.api.address().to_owned();
        let data = self.host.data().to_owned();
        self.host.kill()?;
        let host = Host::start_at(&address, &data, &[])?;
        Ok(Self { host, ..self })
    }

    /// What the workers wrote to stderr, its last part.
    fn complaints(&self) -> String {
        let mut all = String::new();
        for name in ["one", "two", "three", "four"] {
            let log = self.home.path().join(format!("{name}.log"));
            let said = std::fs::read_to_string(log).unwrap_or_default();
            let tail: Vec<_> = said.lines().rev().take(15).collect();
            all.push_str(&format!("\n{name}:"));
            for line in tail.into_iter().rev() {
                all.push_str(&format!("\n  {line}"));
            }
        }
        all
    }
}

/// Waits until the stream takes records and changes.
fn active(api: &Api) -> Result<()> {
    wait::until("the stream to become active", || {
        let summary = json!({ "StreamName": STREAM });
        let summary = api.kinesis("DescribeStreamSummary", &summary)?.ok()?;
        let status = &summary["StreamDescriptionSummary"]["StreamStatus"];
        Ok((status == "ACTIVE").then_some(()))
    })
}

/// Puts numbered records one batch after another, each until it is acknowledged.
struct Producer {
    ending: Arc<AtomicBool>,
    acknowledged: Arc<AtomicUsize>,
    thread: JoinHandle<Result<()>>,
}

impl Producer {
    fn start(api: &Api) -> Self {
        let (api, ending) = (api.clone(), Arc::new(AtomicBool::new(false)));
        let acknowledged = Arc::new(AtomicUsize::new(0));
        let (ended, count) = (Arc::clone(&ending), Arc::clone(&acknowledged));
        let thread = thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                let from = count.load(Ordering::Relaxed);
                put(&api, from)?;
                count.store(from + BATCH, Ordering::Relaxed);
                // A steady trickle, so that every disturbance finds records under way.
                thread::sleep(Duration::from_millis(40));
            }
            Ok(())
        });
        Self {
            ending,
            acknowledged,
            thread,
        }
    }

    /// Ends it; how many records were acknowledged.
    fn stop(self) -> Result<usize> {
        self.ending.store(true, Ordering::Relaxed);
        match self.thread.join() {
            Ok(put) => put?,
            Err(_) => bail!("the producer panicked"),
        }
        Ok(self.acknowledged.load(Ordering::Relaxed))
    }
}

/// Puts a batch; what fails is put again, all of it, so that some records come twice.
fn put(api: &Api, from: usize) -> Result<()> {
    let entries: Vec<_> = (from..from + BATCH)
        .map(|n| {
            let data = base64_simd::STANDARD.encode_to_string(format!("record {n}"));
            json!({ "PartitionKey": format!("key-{}", n % 50), "Data": data })
        })
        .collect();
    let asked = json!({ "StreamName": STREAM, "Records": entries });
    wait::within(PATIENCE, "a put to be acknowledged", || {
        // While the host is down there is no answer at all.
        let Ok(answer) = api.kinesis("PutRecords", &asked) else {
            return Ok(None);
        };
        if answer.status >= 500 {
            return Ok(None);
        }
        Ok((answer.ok()?["FailedRecordCount"] == 0).then_some(()))
    })
}
