//! Following a stream: from where, in what order, how it ends.

use std::time::Duration;

use axum::{
    body::{Body, BodyDataStream},
    http::{Method, Request},
};
use futures_util::{FutureExt, StreamExt};
use millstream_api::native::health::Stage;
use millstream_core::{
    catalog::{Request as ChangeRequest, StreamChange, stream::reshard::Reshard},
    hash_key::HashKey,
    port::{Control, ReadError},
    position::{Position, ShardNumber},
    sequence::SequenceNumber,
};
use serde_json::Value;
use tower::ServiceExt;

use super::{
    client::{delete, get, post},
    world::World,
};
use crate::model::{START, set_clock};

/// One client's view of a tail.
struct Follower {
    body: BodyDataStream,
    text: String,
}

impl Follower {
    async fn of(world: &World, query: &str) -> Self {
        let request = Request::builder()
            .method(Method::GET)
            .uri(format!("/v1/streams/s/tail{query}"))
            .body(Body::empty())
            .unwrap();
        let response = world.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut follower = Self {
            body: response.into_body().into_data_stream(),
            text: String::new(),
        };
        assert_eq!(follower.message().await.as_deref(), Some(": following"));
        follower
    }

    /// The next event or comment; nothing at the end.
    async fn message(&mut self) -> Option<String> {
        loop {
            if let Some((message, rest)) = self.text.split_once("\n\n") {
                let (message, rest) = (message.to_owned(), rest.to_owned());
                self.text = rest;
                return Some(message);
            }
            let chunk = self.body.next().await?.unwrap();
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    async fn event(&mut self) -> Value {
        let message = self.message().await.expect("an event");
        let data = message.strip_prefix("data: ").expect("data");
        serde_json::from_str(data).unwrap()
    }

    async fn texts(&mut self, count: usize) -> Vec<String> {
        let mut texts = Vec::new();
        for _ in 0..count {
            texts.push(self.event().await["text"].as_str().unwrap().to_owned());
        }
        texts
    }

    /// Asserts that nothing more is there to be read at the moment.
    #[track_caller]
    fn expect_silence(&mut self) {
        assert!(self.text.is_empty() && self.body.next().now_or_never().is_none());
    }
}

async fn put(world: &World, body: &'static [u8]) {
    let path = "/v1/streams/s/records?format=lines&key=k";
    post(&world.router, path, body).await.expect(200);
}

#[tokio::test]
async fn an_event_tells_all_of_its_record() {
    let world = World::with_stream("s", 1).await;
    set_clock(1_500);
    put(&world, b"one \"two\"\n\xff\xfe").await;
    let mut follower = Follower::of(&world, "?from=TRIM_HORIZON").await;
    let (first, second) = (follower.event().await, follower.event().await);
    assert_eq!(first["shard_id"], "shardId-000000000000");
    assert_eq!(first["partition_key"], "k");
    assert_eq!(first["arrival_ms"], START.plus(1_500).0);
    assert_eq!(first["text"], "one \"two\"");
    assert!(first.get("data").is_none());
    assert_eq!(second["data"], "//4=");
    assert!(second.get("text").is_none());
    let number =
        |event: &Value| SequenceNumber::parse(event["sequence_number"].as_str().unwrap()).unwrap();
    assert_eq!(number(&first).position, Position::new(1, 0));
    assert_eq!(number(&second).position, Position::new(1, 1));
    assert_eq!(number(&first).arrival, START.plus(1_500).seconds());
}

#[tokio::test]
async fn latest_begins_after_what_is_there() {
    let world = World::with_stream("s", 1).await;
    put(&world, b"old").await;
    for query in ["", "?from=LATEST"] {
        let mut follower = Follower::of(&world, query).await;
        follower.expect_silence();
        put(&world, b"new").await;
        assert_eq!(follower.texts(1).await, ["new"]);
        follower.expect_silence();
    }
}

#[tokio::test]
async fn every_record_of_every_shard_comes_once_and_in_order() {
    let world = World::with_stream("s", 3).await;
    let lines = |from: usize| (from..from + 2_500).map(|i| format!("key{} {i}\n", i % 9));
    let path = "/v1/streams/s/records?format=lines&key_field=1";
    let body: String = lines(0).collect();
    post(&world.router, path, body).await.expect(200);
    let mut follower = Follower::of(&world, "?from=TRIM_HORIZON").await;
    let mut seen = follower.texts(2_500).await;
    let body: String = lines(2_500).collect();
    post(&world.router, path, body).await.expect(200);
    seen.extend(follower.texts(2_500).await);
    follower.expect_silence();
    for key in 0..9 {
        let of_key = seen.iter().filter_map(|text| {
            let (field, number) = text.split_once(' ')?;
            (field == format!("key{key}")).then(|| number.parse::<usize>().unwrap())
        });
        let expected: Vec<usize> = (0..5_000).filter(|i| i % 9 == key).collect();
        assert_eq!(of_key.collect::<Vec<_>>(), expected);
    }
}

#[tokio::test]
async fn one_shard_can_be_followed_alone() {
    let world = World::with_stream("s", 2).await;
    let path = "/v1/streams/s/records?format=lines&key_field=1";
    let body: String = (0..50).map(|i| format!("{i}\n")).collect();
    post(&world.router, path, body).await.expect(200);
    for id in ["shardId-000000000001", "1"] {
        let query = format!("?from=TRIM_HORIZON&shard={id}");
        let mut follower = Follower::of(&world, &query).await;
        let expected = world.model.records("s").remove(1);
        let texts = follower.texts(expected.len()).await;
        assert!(texts.iter().eq(expected.iter().map(|(key, _)| key)));
        follower.expect_silence();
    }
    let refused = get(
        &world.router,
        "/v1/streams/s/tail?shard=shardId-000000000002",
    )
    .await;
    refused.expect_error(400, "invalid_setting");
}

#[tokio::test]
async fn it_resumes_after_the_last_record_that_was_seen() {
    let world = World::with_stream("s", 2).await;
    put(&world, b"a\nb\nc").await;
    let mut follower = Follower::of(&world, "?from=TRIM_HORIZON").await;
    let event = follower.event().await;
    let text = |field: &str| event[field].as_str().unwrap();
    let (number, shard) = (text("sequence_number"), text("shard_id"));
    let query = format!("?from={number}&shard={shard}");
    let mut resumed = Follower::of(&world, &query).await;
    assert_eq!(resumed.texts(2).await, ["b", "c"]);
    let other = 1 - SequenceNumber::parse(number).unwrap().shard;
    for query in [
        format!("?from={number}"),
        format!("?from={number}&shard={other}"),
    ] {
        let path = format!("/v1/streams/s/tail{query}");
        get(&world.router, &path)
            .await
            .expect_error(400, "invalid_setting");
    }
}

#[tokio::test(start_paused = true)]
async fn positions_without_records_do_not_keep_it_awake() {
    let world = World::with_stream("s", 1).await;
    put(&world, b"a").await;
    let mut follower = Follower::of(&world, "?from=TRIM_HORIZON").await;
    assert_eq!(follower.texts(1).await, ["a"]);
    // The next record's position is now beyond what was read, and there is none.
    world.model.reopen();
    assert_eq!(follower.message().await.as_deref(), Some(":"));
    put(&world, b"b").await;
    assert_eq!(follower.texts(1).await, ["b"]);
}

#[tokio::test]
async fn it_ends_after_as_many_records_as_were_asked_for() {
    let world = World::with_stream("s", 2).await;
    put(&world, b"a\nb").await;
    let mut follower = Follower::of(&world, "?from=TRIM_HORIZON&max_records=3").await;
    assert_eq!(follower.texts(2).await, ["a", "b"]);
    put(&world, b"c\nd").await;
    assert_eq!(follower.texts(1).await, ["c"]);
    assert_eq!(follower.message().await, None);
}

#[tokio::test]
async fn a_query_that_makes_no_sense_is_refused() {
    let world = World::with_stream("s", 1).await;
    for (query, place) in [
        ("from=NOW", "from"),
        ("max_records=0", "max_records"),
        ("max_records=x", "max_records"),
        ("since=1", "since"),
    ] {
        let path = format!("/v1/streams/s/tail?{query}");
        let message = get(&world.router, &path)
            .await
            .expect_error(400, "bad_request");
        assert!(message.contains(place), "{query}: {message}");
    }
}

#[tokio::test(start_paused = true)]
async fn silence_is_broken_every_ten_seconds() {
    let world = World::with_stream("s", 2).await;
    let mut follower = Follower::of(&world, "").await;
    for _ in 0..3 {
        let before = tokio::time::Instant::now();
        assert_eq!(follower.message().await.as_deref(), Some(":"));
        assert_eq!(before.elapsed().as_secs(), 10);
    }
    put(&world, b"x").await;
    assert_eq!(follower.texts(1).await, ["x"]);
}

#[tokio::test]
async fn a_host_that_drains_ends_it() {
    let world = World::with_stream("s", 1).await;
    let mut follower = Follower::of(&world, "").await;
    follower.expect_silence();
    world.app.life.enter(Stage::Draining);
    let last = follower.message().await.unwrap();
    assert!(last.starts_with(": "), "{last}");
    assert_eq!(follower.message().await, None);
}

#[tokio::test]
async fn a_host_that_drains_ends_it_even_while_records_wait() {
    let world = World::with_stream("s", 1).await;
    put(&world, b"a").await;
    let mut follower = Follower::of(&world, "?from=TRIM_HORIZON").await;
    world.app.life.enter(Stage::Draining);
    let last = follower.message().await.unwrap();
    assert!(last.starts_with(": "), "{last}");
    assert_eq!(follower.message().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_stream_ends_it() {
    let world = World::with_stream("s", 1).await;
    let mut follower = Follower::of(&world, "").await;
    follower.expect_silence();
    delete(&world.router, "/v1/streams/s").await;
    world.model.create_stream("s", 1).await;
    let last = follower.message().await.unwrap();
    let data = last.strip_prefix("event: error\ndata: ").unwrap();
    let error: Value = serde_json::from_str(data).unwrap();
    assert_eq!(error["error"]["code"], "no_such_stream");
    assert_eq!(follower.message().await, None);
}

#[tokio::test]
async fn damage_is_told_and_not_passed_over() {
    let world = World::with_stream("s", 1).await;
    put(&world, b"x").await;
    world.model.fail_reads(ReadError::Corrupt {
        shard: ShardNumber(0),
        position: Position::new(1, 0),
        what: "checksum".into(),
    });
    let mut follower = Follower::of(&world, "?from=TRIM_HORIZON").await;
    let last = follower.message().await.unwrap();
    assert!(last.starts_with("event: error\ndata: "), "{last}");
    assert!(last.contains("\"corrupt\""), "{last}");
    assert_eq!(follower.message().await, None);
}

#[tokio::test]
async fn what_is_not_read_is_not_fetched() {
    let world = World::with_stream("s", 1).await;
    let mut follower = Follower::of(&world, "?from=TRIM_HORIZON").await;
    let line = "x".repeat(100_000);
    let path = "/v1/streams/s/records?format=lines&key=k";
    let body = format!("{line}\n").repeat(90);
    post(&world.router, path, body).await.expect(200);
    // One chunk is read, far less than the 9 MB that wait.
    let chunk = tokio::time::timeout(Duration::from_secs(60), follower.body.next()).await;
    let chunk = chunk.unwrap().unwrap().unwrap();
    assert!(chunk.len() < 1 << 20, "{}", chunk.len());
}

#[tokio::test]
async fn a_number_that_the_shard_has_not_given_out_is_refused() {
    let world = World::with_stream("s", 1).await;
    put(&world, b"a").await;
    let mut follower = Follower::of(&world, "?from=TRIM_HORIZON").await;
    let given = follower.event().await["sequence_number"].clone();
    let given = SequenceNumber::parse(given.as_str().unwrap()).unwrap();
    for position in [Position::new(1, 1), Position::new(9, 0), Position(u64::MAX)] {
        let number = SequenceNumber { position, ..given };
        let path = format!("/v1/streams/s/tail?shard=shardId-000000000000&from={number}");
        let answer = get(&world.router, &path).await;
        answer.expect_error(400, "invalid_setting");
    }
}

async fn split(world: &World, shard: u32, at: u128) {
    let at = HashKey(at);
    let change = Reshard::Split { shard, at };
    let request = ChangeRequest::ChangeStream {
        name: "s".try_into().unwrap(),
        change: StreamChange::Reshard(change),
    };
    world.model.apply(request).await.unwrap();
}

#[tokio::test]
async fn it_goes_on_where_shards_were_split_and_keeps_their_order() {
    let world = World::with_stream("s", 1).await;
    let mut live = Follower::of(&world, "?shard=0").await;
    put(&world, b"1\n2").await;
    assert_eq!(live.texts(2).await, ["1", "2"]);
    live.expect_silence();
    split(&world, 0, 1 << 100).await;
    put(&world, b"3").await;
    assert_eq!(live.texts(1).await, ["3"]);
    split(&world, 2, 1 << 127).await;
    let path = "/v1/streams/s/records?format=lines&key=other";
    post(&world.router, path, "4").await.expect(200);
    assert_eq!(live.texts(1).await, ["4"]);
    live.expect_silence();
    for query in ["?from=TRIM_HORIZON", "?from=TRIM_HORIZON&shard=0"] {
        let mut late = Follower::of(&world, query).await;
        let mut texts = late.texts(4).await;
        assert_eq!(texts[..2], ["1", "2"]);
        texts[2..].sort_unstable();
        assert_eq!(texts, ["1", "2", "3", "4"]);
        late.expect_silence();
    }
    let mut latest = Follower::of(&world, "?shard=0").await;
    latest.expect_silence();
}
