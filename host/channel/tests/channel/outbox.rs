//! Failure records over a real log, to a queue that answers as it is told.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use millstream_channel::{Aws, OutboxOptions, Outboxes};
use millstream_core::{
    catalog::{Catalog, Trigger, key},
    port::{Commit, Log, Outbox, OutboxStatus, Put},
    position::{Position, ShardNumber},
    time::Millis,
    trigger::outbox::Entry,
};
use millstream_log::{Options, SqliteLog};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

use crate::world::now;

const TRIGGER: u64 = 7;
const QUEUE: &str = "arn:aws:sqs:us-east-1:123456789012:q";
const OTHER: &str = "arn:aws:sqs:us-east-1:123456789012:other";
const GONE: &str = r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"gone"}"#;

/// A service that answers what it is told to, then that all is well, and notes what it was asked.
#[derive(Debug, Clone, Default)]
struct Service {
    answers: Arc<Mutex<VecDeque<(u16, &'static str)>>>,
    asked: Arc<Mutex<Vec<Value>>>,
}

impl Service {
    async fn start(answers: &[(u16, &'static str)]) -> Result<(Self, String)> {
        let service = Self::default();
        locked(&service.answers).extend(answers);
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let serving = service.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serving.clone().serve(stream));
            }
        });
        Ok((service, url))
    }

    /// What was asked so far: the queue and the message, of each request.
    fn asked(&self) -> Vec<(String, String)> {
        let asked = locked(&self.asked);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let queue = |body: &Value| {
            text(&body["QueueUrl"])
                .rsplit('/')
                .next()
                .map(str::to_owned)
        };
        asked
            .iter()
            .map(|body| (queue(body).unwrap_or_default(), text(&body["MessageBody"])))
            .collect()
    }

    async fn serve(self, stream: TcpStream) -> Result<()> {
        let mut stream = BufReader::new(stream);
        loop {
            let mut length = 0;
            loop {
                let mut line = String::new();
                ensure!(stream.read_line(&mut line).await? > 0, "the client went");
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse()?;
                }
                if line.trim().is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).await?;
            locked(&self.asked).push(serde_json::from_slice(&body)?);
            let (status, text) = locked(&self.answers).pop_front().unwrap_or((200, "{}"));
            let length = text.len();
            let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n\r\n{text}");
            stream.write_all(answer.as_bytes()).await?;
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

struct World {
    log: Arc<SqliteLog>,
    outboxes: Arc<Outboxes>,
    url: String,
    _home: TempDir,
}

impl World {
    fn new(url: &str) -> Result<Self> {
        let home = tempfile::tempdir()?;
        let log = Arc::new(SqliteLog::open(Options::new(home.path()))?);
        let outboxes = outboxes(&log, url);
        Ok(Self {
            log,
            outboxes,
            url: url.to_owned(),
            _home: home,
        })
    }

    /// Makes failure records durable that tell of as many records as they are called.
    async fn hand_over(&self, entries: &[Entry]) -> Result<Vec<Bytes>> {
        let put = |(at, entry): (usize, &Entry)| {
            let value = entry.encode();
            let first = Position(at as u64);
            Put {
                key: key::outbox(TRIGGER, ShardNumber(0), first, value.len()),
                value: Some(value),
            }
        };
        let puts: Vec<Put> = entries.iter().enumerate().map(put).collect();
        let keys = puts.iter().map(|put| put.key.clone()).collect();
        let commit = Commit {
            puts,
            ..Commit::default()
        };
        let _durable = self.log.commit(commit).await?;
        Ok(keys)
    }

    /// Waits until what became of the trigger's failure records is as wanted.
    async fn until(&self, wanted: impl Fn(&OutboxStatus) -> bool) -> Result<OutboxStatus> {
        let seen = async {
            loop {
                let status = self.outboxes.status(TRIGGER).unwrap_or_default();
                if wanted(&status) {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let seen = tokio::time::timeout(Duration::from_secs(60), seen).await;
        seen.with_context(|| format!("it never was: {:?}", self.outboxes.status(TRIGGER)))
    }

    async fn left(&self) -> Result<usize> {
        Ok(self.log.scan(key::OUTBOX.into()).await?.len())
    }

    async fn restart(&mut self) -> Result<()> {
        self.outboxes.drain().await;
        self.outboxes = outboxes(&self.log, &self.url);
        self.outboxes.begin(&Arc::default()).await?;
        Ok(())
    }
}

fn outboxes(log: &Arc<SqliteLog>, url: &str) -> Arc<Outboxes> {
    let aws = Aws {
        sqs: Some(url.to_owned()),
        ..Aws::default()
    };
    let options = OutboxOptions {
        aws,
        ..OutboxOptions::default()
    };
    Outboxes::new(Arc::<SqliteLog>::clone(log), now, options)
}

fn entry(text: &str, expires: Millis) -> Result<Entry> {
    let entry = json!({
        "trigger": "t", "mapping": "m", "destination": QUEUE, "shard_id": "shardId-000000000000",
        "first": text, "last": text, "records": 1, "failed": now(), "expires": expires,
        "body": {"text": text},
    });
    Ok(Entry::decode(entry.to_string().as_bytes())?)
}

fn later() -> Millis {
    now().plus(3_600_000)
}

fn message(text: &str) -> String {
    json!({"text": text}).to_string()
}

#[tokio::test]
async fn failure_records_go_in_order_and_are_tried_until_they_are_taken() -> Result<()> {
    let (service, url) = Service::start(&[(503, ""), (429, "")]).await?;
    let world = World::new(&url)?;
    let keys = world
        .hand_over(&[entry("a", later())?, entry("b", later())?])
        .await?;
    world.outboxes.filled(keys);
    let seen = world.until(|status| status.delivered_records == 2).await?;
    assert_eq!((seen.failed_attempts, seen.waiting), (2, 0));
    assert_eq!((seen.failed_records, seen.last_error), (0, None));
    let messages: Vec<_> = service.asked().into_iter().map(|(_, text)| text).collect();
    let expected = ["a", "a", "a", "b"].map(message);
    assert_eq!(messages, expected);
    assert_eq!(world.left().await?, 0);
    Ok(())
}

#[tokio::test]
async fn what_is_refused_for_good_is_given_up_and_the_next_one_goes() -> Result<()> {
    let (service, url) = Service::start(&[(400, GONE)]).await?;
    let world = World::new(&url)?;
    let keys = world
        .hand_over(&[entry("a", later())?, entry("b", later())?])
        .await?;
    world.outboxes.filled(keys);
    let seen = world.until(|status| status.delivered_records == 1).await?;
    assert_eq!((seen.failed_records, seen.failed_attempts), (1, 0));
    assert_eq!(service.asked().len(), 2);
    assert_eq!(world.left().await?, 0);
    Ok(())
}

#[tokio::test]
async fn what_expired_is_given_up_without_being_sent() -> Result<()> {
    let (service, url) = Service::start(&[]).await?;
    let world = World::new(&url)?;
    let keys = world
        .hand_over(&[entry("a", now())?, entry("b", later())?])
        .await?;
    world.outboxes.filled(keys);
    let seen = world.until(|status| status.delivered_records == 1).await?;
    assert_eq!(seen.failed_records, 1);
    assert_eq!(service.asked(), [("q".to_owned(), message("b"))]);
    Ok(())
}

#[tokio::test]
async fn a_start_goes_on_with_what_waits() -> Result<()> {
    let (service, url) = Service::start(&[(503, "")]).await?;
    let mut world = World::new(&url)?;
    // Nobody was told of them: the host ended right after the commit.
    world
        .hand_over(&[entry("a", later())?, entry("b", later())?])
        .await?;
    world.restart().await?;
    world.until(|status| status.delivered_records == 2).await?;
    assert_eq!(service.asked().len(), 3);
    assert_eq!(world.left().await?, 0);
    world.restart().await?;
    assert_eq!(world.outboxes.status(TRIGGER), None);
    Ok(())
}

#[tokio::test]
async fn a_commit_that_did_not_happen_leaves_nothing_to_send() -> Result<()> {
    let (service, url) = Service::start(&[]).await?;
    let world = World::new(&url)?;
    let absent = key::outbox(TRIGGER, ShardNumber(0), Position(9), 100);
    world.outboxes.filled(vec![absent]);
    world.until(|status| status.waiting == 0).await?;
    assert_eq!(service.asked(), []);
    Ok(())
}

/// A catalog whose one trigger has that destination.
fn catalog(destination: &str) -> Result<Arc<Catalog>> {
    let trigger: Trigger = serde_json::from_value(json!({
        "name": "t", "id": TRIGGER, "created": 0, "updated": 0, "starts": {},
        "settings": {"stream": "s", "function": "f", "starting_position": "LATEST",
            "on_failure_destination": destination},
    }))?;
    let key = key::CatalogKey::Trigger(trigger.name.clone()).bytes();
    Ok(Arc::new(Catalog::load([(
        key,
        serde_json::to_vec(&trigger)?.into(),
    )])?))
}

#[tokio::test]
async fn what_waits_goes_to_where_the_trigger_says_now() -> Result<()> {
    let (service, url) = Service::start(&[]).await?;
    let world = World::new(&url)?;
    world.hand_over(&[entry("a", later())?]).await?;
    world.outboxes.begin(&catalog(OTHER)?).await?;
    world.until(|status| status.delivered_records == 1).await?;
    assert_eq!(service.asked(), [("other".to_owned(), message("a"))]);
    let mut samples = String::new();
    world.outboxes.samples(&mut samples);
    let delivered = "millstream_trigger_destination_delivered_records_total{trigger=\"t\"} 1\n";
    assert!(samples.contains(delivered), "{samples}");
    Ok(())
}

#[tokio::test]
async fn a_service_that_is_not_there_is_a_reason_to_wait() -> Result<()> {
    let closed = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
    let world = World::new(&format!("http://{closed}"))?;
    let keys = world.hand_over(&[entry("a", later())?]).await?;
    world.outboxes.filled(keys);
    let seen = world.until(|status| status.failed_attempts > 1).await?;
    assert_eq!((seen.waiting, seen.failed_records), (1, 0));
    let error = seen.last_error.context("no error")?;
    assert!(error.contains(&closed.to_string()), "{error}");
    assert_eq!(world.left().await?, 1);
    world.outboxes.drain().await;
    Ok(())
}
