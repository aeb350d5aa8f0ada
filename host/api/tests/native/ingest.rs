//! Records in, over every format, at the edges of every limit.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use axum::{
    body::{Body, HttpBody},
    http::Method,
};
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use millstream_core::{
    hash_key::HashKey, limit::RECORD_BYTES, port::CommitError, position::Position,
    sequence::SequenceNumber,
};
use serde_json::{Value, json};

use super::{
    client::{get, post, send},
    world::World,
};

const LINES: &str = "/v1/streams/s/records?format=lines";

fn texts(world: &World) -> Vec<String> {
    let records = world.model.records("s").into_iter().flatten();
    records
        .map(|(_, data)| String::from_utf8(data).unwrap())
        .collect()
}

#[tokio::test]
async fn the_answer_tells_where_the_records_stand() {
    let world = World::with_stream("s", 1).await;
    post(&world.router, LINES, "before").await.expect(200);
    let taken = post(
        &world.router,
        &format!("{LINES}&key=k"),
        "one\ntwo\r\n\nthree",
    )
    .await;
    let taken = taken.expect(200);
    assert_eq!(
        (&taken["records"], &taken["bytes"]),
        (&json!(3), &json!(14))
    );
    let shard = &taken["shards"][0];
    assert_eq!(shard["shard_id"], "shardId-000000000000");
    assert_eq!(shard["records"], 3);
    let position = |field: &str| {
        let number = shard[field].as_str().unwrap();
        SequenceNumber::parse(number).unwrap().position
    };
    assert_eq!(position("first_sequence_number"), Position::new(1, 1));
    assert_eq!(position("last_sequence_number"), Position::new(1, 3));
    assert_eq!(texts(&world), ["before", "one", "two", "three"]);
    assert_eq!(world.model.records("s")[0][3].0, "k");
}

#[tokio::test]
async fn the_format_follows_the_content_type() {
    for (kind, expected) in [
        ("text/plain", 2),
        ("text/plain; charset=utf-8", 2),
        ("application/x-ndjson", 2),
        ("application/json", 1),
        ("application/x-www-form-urlencoded", 1),
    ] {
        let world = World::with_stream("s", 1).await;
        let headers = [("content-type", kind)];
        let path = "/v1/streams/s/records";
        let taken = send(&world.router, Method::POST, path, &headers, "1\n2\n").await;
        assert_eq!(taken.expect(200)["records"], expected, "{kind}");
    }
    let world = World::with_stream("s", 1).await;
    let headers = [("content-type", "text/plain")];
    let path = "/v1/streams/s/records?format=raw";
    let taken = send(&world.router, Method::POST, path, &headers, "1\n2\n").await;
    assert_eq!(taken.expect(200)["records"], 1, "the query rules");
}

#[tokio::test]
async fn records_go_to_the_shards_of_their_keys() {
    let world = World::with_stream("s", 4).await;
    let lines: String = (0..200).map(|i| format!("key{i} {i}\n")).collect();
    let path = format!("{LINES}&key_field=1");
    let taken = post(&world.router, &path, lines).await.expect(200);
    assert_eq!(
        world.model.commits(),
        2,
        "the stream, and one for all records"
    );
    let stream = world.app.control.catalog().stream("s").unwrap().clone();
    let mut seen = 0;
    for (shard, records) in stream.shards.iter().zip(world.model.records("s")) {
        let told = taken["shards"].as_array().unwrap().iter();
        let told: Vec<&Value> = told.filter(|told| told["shard_id"] == shard.id()).collect();
        assert_eq!(told.len(), 1);
        assert_eq!(told[0]["records"], records.len());
        let mut before = -1;
        for (key, data) in &records {
            assert!(shard.range.contains(HashKey::of(key.as_bytes())));
            let text = std::str::from_utf8(data).unwrap();
            let (field, number) = text.split_once(' ').unwrap();
            assert_eq!(field, key);
            let number: i32 = number.parse().unwrap();
            assert!(number > before, "in order within the shard");
            before = number;
        }
        seen += records.len();
    }
    assert_eq!(seen, 200);
}

#[tokio::test]
async fn a_pointer_finds_keys_in_ndjson() {
    let world = World::with_stream("s", 1).await;
    let body = "{\"user\":{\"id\":\"u1\"}}\n{\"user\":{\"id\":2}}\n{}\n";
    let path = "/v1/streams/s/records?format=ndjson&key_pointer=/user/id";
    post(&world.router, path, body).await.expect(200);
    let records = world.model.records("s").remove(0);
    assert_eq!((&*records[0].0, &*records[1].0), ("u1", "2"));
    assert_eq!(records[2].0.len(), 16, "a random key");
}

#[tokio::test]
async fn one_bad_line_refuses_the_whole_request() {
    let world = World::with_stream("s", 1).await;
    let path = "/v1/streams/s/records?format=ndjson";
    let refused = post(&world.router, path, "{}\n{\"a\":1}\n\n{\"a\":1\n{}\n").await;
    let message = refused.expect_error(400, "bad_request");
    assert!(message.starts_with("line 4: not JSON: EOF"), "{message}");
    assert_eq!(texts(&world), [""; 0]);
}

#[tokio::test]
async fn nothing_is_a_record_only_where_it_is_raw() {
    let world = World::with_stream("s", 1).await;
    for format in ["lines", "ndjson"] {
        let path = format!("/v1/streams/s/records?format={format}");
        let taken = post(&world.router, &path, "\n\r\n\n").await;
        let nothing = json!({"records": 0, "bytes": 0, "shards": []});
        assert_eq!(taken.expect(200), nothing);
    }
    assert_eq!(world.model.commits(), 1, "only the stream's creation");
    let path = "/v1/streams/s/records?format=raw&key=k";
    let taken = post(&world.router, path, Body::empty()).await.expect(200);
    assert_eq!((&taken["records"], &taken["bytes"]), (&json!(1), &json!(1)));
}

#[tokio::test]
async fn settings_that_do_not_go_together_are_refused() {
    let world = World::with_stream("s", 1).await;
    let long = format!("format=lines&key={}", "x".repeat(257));
    for (query, place) in [
        ("format=csv", "format"),
        ("key_field=0", "key_field"),
        ("format=lines&key=", "empty"),
        (&*long, "257"),
        ("format=lines&key=a&key_field=1", "exclude"),
        ("format=raw&key_field=1", "raw"),
        ("format=lines&key_pointer=/a", "ndjson"),
        ("format=ndjson&key_pointer=a", "`/`"),
        ("format=lines&keyfield=1", "keyfield"),
        ("format=lines&format=raw", "format"),
    ] {
        let path = format!("/v1/streams/s/records?{query}");
        let refused = post(&world.router, &path, "{}").await;
        let message = refused.expect_error(400, "bad_request");
        assert!(message.contains(place), "{query}: {message}");
    }
    assert_eq!(texts(&world), [""; 0]);
}

#[tokio::test]
async fn a_record_is_taken_up_to_its_limit() {
    let world = World::with_stream("s", 1).await;
    let path = format!("{LINES}&key=k");
    let mut line = vec![b'x'; RECORD_BYTES - 1];
    post(&world.router, &path, line.clone()).await.expect(200);
    line.push(b'x');
    let refused = post(&world.router, &path, line).await;
    let message = refused.expect_error(413, "too_large");
    assert!(message.contains("line 1"), "{message}");
}

#[tokio::test]
async fn a_body_is_taken_up_to_its_limit() {
    const MOST: usize = 10 << 20;
    let world = World::with_stream("s", 1).await;
    let path = format!("{LINES}&key=k");
    let mut body = [vec![b'x'; (1 << 20) - 2], vec![b'\n']].concat().repeat(10);
    body.resize(MOST, b'\n');
    let taken = post(&world.router, &path, body.clone()).await.expect(200);
    assert_eq!(taken["records"], 10);
    body.push(b'\n');
    let whole = post(&world.router, &path, body.clone()).await;
    whole.expect_error(413, "too_large");
    // In pieces, without a length.
    let pieces: Vec<_> = body
        .chunks(1 << 20)
        .map(|p| Ok::<_, String>(p.to_vec()))
        .collect();
    let stream = futures_util::stream::iter(pieces);
    let chunked = post(&world.router, &path, Body::from_stream(stream)).await;
    chunked.expect_error(413, "too_large");
}

#[tokio::test]
async fn a_body_that_is_announced_too_large_is_refused_before_it_comes() {
    let world = World::with_stream("s", 1).await;
    let refused = post(&world.router, LINES, Body::new(Announced((10 << 20) + 1))).await;
    refused.expect_error(413, "too_large");
}

/// A body of which only the length is known, and nothing ever comes.
struct Announced(u64);

impl HttpBody for Announced {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0)
    }
}

#[tokio::test]
async fn a_refused_client_can_send_its_body_to_the_end() {
    let world = World::with_stream("s", 1).await;
    for path in [
        "/v1/streams/s/records?format=csv",
        "/v1/streams/none/records",
        "/nowhere",
    ] {
        let (parts, body) = tokio::sync::mpsc::channel::<Result<Bytes, String>>(1);
        let body = Body::from_stream(tokio_stream::wrappers::ReceiverStream::new(body));
        // Refused at once: the format is wrong, or the place is.
        let refused = post(&world.router, path, body).await;
        assert!(refused.status.is_client_error(), "{refused:?}");
        for _ in 0..20 {
            let part = Bytes::from(vec![b'x'; 1_000_000]);
            parts.send(Ok(part)).await.expect("somebody takes it");
        }
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_leaves_nothing() {
    let world = World::with_stream("s", 1).await;
    let broken = futures_util::stream::iter([Ok("a\nb\n"), Err("connection reset")]);
    let refused = post(&world.router, LINES, Body::from_stream(broken)).await;
    let message = refused.expect_error(400, "bad_request");
    assert!(message.contains("connection reset"), "{message}");
    assert_eq!(texts(&world), [""; 0]);
}

#[tokio::test]
async fn a_commit_that_fails_is_never_a_success() {
    let world = World::with_stream("s", 1).await;
    for (error, status, code) in [
        (CommitError::Full, 503, "disk_full"),
        (CommitError::Busy, 503, "busy"),
        (
            CommitError::Unavailable("closed".into()),
            503,
            "unavailable",
        ),
        (CommitError::Ambiguous("lost".into()), 500, "internal"),
        (
            CommitError::TooLarge {
                operations: 901,
                bytes: 9,
            },
            413,
            "too_large",
        ),
    ] {
        world.model.fail_commits(error);
        post(&world.router, LINES, "x")
            .await
            .expect_error(status, code);
    }
    world.model.fail_commits(None);
    post(&world.router, LINES, "x").await.expect(200);
    let status = get(&world.router, "/v1/status").await.expect(200);
    assert_eq!(status["records_in"], 1, "only what is durable is counted");
}
