//! Dry runs: what the function gets, and what is told of its answer.

use std::collections::BTreeMap;

use bytes::Bytes;
use millstream_core::{
    batch::Output,
    block::BlockBuilder,
    port::{
        Call, Disposition, GuestError, InvokeError, Invoked, LogLine, RecordFailure, Usage, Verdict,
    },
};
use serde_json::{Value, json};

use super::{
    client::{Answer, post, put},
    world::World,
};
use crate::model::START;

const PATH: &str = "/v1/functions/f/invoke";

async fn invoke(world: &World, body: &Value) -> Answer {
    post(&world.router, PATH, body.to_string()).await
}

fn invoked(result: Result<Verdict, GuestError>) -> Invoked {
    Invoked {
        result,
        answer: None,
        logs: Vec::new(),
        logs_dropped: 0,
        usage: Usage::default(),
    }
}

fn nothing(_: &Call) -> Result<Invoked, InvokeError> {
    Ok(invoked(Ok(Verdict::default())))
}

#[tokio::test]
async fn the_function_gets_what_was_given() {
    let world = World::new();
    let path = "/v1/functions/f?time_ms=7&config.a=b";
    put(&world.router, path, "good").await.expect(201);
    world.runtime.next(nothing);
    let body = json!({
        "records": [
            {"partition_key": "k", "text": "t\u{e9}"}, {"partition_key": "k", "data": "/wA="},
            {"json": {"b": 1, "a": [null]}}, {"json": null},
        ],
        "stream": "clicks", "state": {"seen": "3"},
    });
    invoke(&world, &body).await.expect(200);
    let call = world.runtime.called();
    assert_eq!((call.function.as_str(), call.version), ("f", 1));
    assert_eq!((call.stream.as_str(), call.attempt), ("clicks", 1));
    assert_eq!(call.shard_id, "shardId-000000000000");
    assert_eq!((call.limits.time_ms, &*call.config["a"]), (7, "b"));
    let batch = &call.batch;
    let record = |i| (batch.key(i), batch.datum(i));
    assert_eq!(batch.len(), 4);
    assert_eq!(record(0), ("k", "t\u{e9}".as_bytes()));
    assert_eq!(record(1), ("k", &b"\xff\x00"[..]));
    let value: Value = serde_json::from_slice(record(2).1).unwrap();
    assert_eq!(value, json!({"a": [null], "b": 1}));
    assert_eq!(record(3), ("dry-run", &b"null"[..]));
    assert!(batch.positions.is_sorted_by(|a, b| a < b));
    assert_eq!(batch.arrival_ms, [START.0; 4]);
    let asked = call.state.get_many(vec!["seen".into(), "other".into()]);
    assert_eq!(asked.await, Ok(vec![Some(Bytes::from("3")), None]));
}

#[tokio::test]
async fn a_function_that_takes_events_is_told_where_they_come_from_and_its_answer_is_shown() {
    let world = World::with_function("f").await;
    let answered = |answer: &'static [u8]| {
        move |_: &Call| {
            Ok(Invoked {
                answer: Some(Bytes::from_static(answer)),
                ..invoked(Ok(Verdict::default()))
            })
        }
    };
    world.runtime.next(answered(b"{}"));
    let body = json!({
        "records": [{"text": "x"}], "stream": "clicks",
        "function_response_types": ["ReportBatchItemFailures"],
    });
    let shown = invoke(&world, &body).await.expect(200);
    assert_eq!(shown["answer"], json!({"text": "{}"}));
    let call = world.runtime.called();
    let arn = "arn:aws:kinesis:us-east-1:123456789012:stream/clicks";
    assert_eq!(call.origin.stream_arn(), arn);
    assert!(call.reports);

    world.runtime.next(answered(b"\xff"));
    let shown = invoke(&world, &json!({"records": [{"text": "x"}]}))
        .await
        .expect(200);
    assert_eq!(shown["answer"], json!({"data": "/w=="}));
    assert!(!world.runtime.called().reports);

    let other = json!({"records": [{"text": "x"}], "function_response_types": ["Other"]});
    invoke(&world, &other).await.expect(400);
}

#[tokio::test]
async fn the_answer_shows_all_that_would_change() {
    let world = World::with_function("f").await;
    world.runtime.next(|_| {
        let mut block = BlockBuilder::default();
        block.push("k1", b"text");
        block.push("k2", b"\xff");
        let output = Output {
            stream: "events".try_into().unwrap(),
            block: block.finish().unwrap(),
        };
        let failure = |index, disposition| RecordFailure {
            index,
            disposition,
            reason: "no".into(),
        };
        let verdict = Verdict {
            outputs: vec![output],
            writes: BTreeMap::from([
                ("a".into(), Some("1".into())),
                ("b".into(), Some(Bytes::from_static(b"\xff"))),
                ("c".into(), None),
            ]),
            failures: vec![
                failure(0, Disposition::Reject),
                failure(1, Disposition::Retry),
            ],
            ..Verdict::default()
        };
        let log = |level| LogLine {
            level,
            message: "hello".into(),
        };
        Ok(Invoked {
            logs: vec![log(0), log(2), log(4)],
            logs_dropped: 5,
            usage: Usage {
                time_us: 12,
                memory_bytes: 65_536,
            },
            ..invoked(Ok(verdict))
        })
    });
    let commits = world.model.commits();
    let answer = invoke(&world, &json!({"records": [{"text": "x"}, {"text": "y"}]})).await;
    let shown = answer.expect(200);
    let request_id = shown["request_id"].as_str().unwrap();
    assert_eq!(request_id.len(), 36);
    let expected = json!({
        "function": "f", "version": 1, "request_id": request_id,
        "outputs": [{"stream": "events", "records": [
            {"partition_key": "k1", "text": "text"}, {"partition_key": "k2", "data": "/w=="},
        ]}],
        "state": [
            {"key": "a", "text": "1"}, {"key": "b", "data": "/w=="}, {"key": "c", "deleted": true},
        ],
        "failures": [
            {"index": 0, "disposition": "reject", "reason": "no"},
            {"index": 1, "disposition": "retry", "reason": "no"},
        ],
        "error": null,
        "logs": [
            {"level": "trace", "message": "hello"}, {"level": "info", "message": "hello"},
            {"level": "error", "message": "hello"},
        ],
        "logs_dropped": 5, "memory_bytes": 65536, "time_us": 12,
    });
    assert_eq!(shown, expected);
    assert_eq!(world.model.commits(), commits, "nothing is committed");
}

#[tokio::test]
async fn a_guest_that_fails_is_an_answer() {
    let world = World::with_function("f").await;
    let message = || "m".to_owned();
    for (error, expected) in [
        (
            GuestError::Returned { message: message() },
            json!({"kind": "returned", "message": "m"}),
        ),
        (
            GuestError::Trapped { message: message() },
            json!({"kind": "trapped", "message": "m"}),
        ),
        (
            GuestError::Limit {
                limit: "time_ms",
                message: message(),
            },
            json!({"kind": "limit", "limit": "time_ms", "message": "m"}),
        ),
        (
            GuestError::Invalid { message: message() },
            json!({"kind": "invalid", "message": "m"}),
        ),
    ] {
        world.runtime.next(|_| Ok(invoked(Err(error))));
        let answer = invoke(&world, &json!({"records": [{"text": "x"}]})).await;
        let answer = answer.expect(200);
        assert_eq!(answer["error"], expected);
        assert_eq!(answer["outputs"], json!([]));
    }
}

#[tokio::test]
async fn a_host_that_cannot_call_says_so() {
    let world = World::with_function("f").await;
    let name = || "f".try_into().unwrap();
    for (error, status, code) in [
        (InvokeError::Throttled, 503, "busy"),
        (
            InvokeError::NotReady(name(), "compiling".into()),
            503,
            "unavailable",
        ),
        (InvokeError::Host("no memory".into()), 500, "internal"),
    ] {
        world.runtime.next(|_| Err(error));
        let answer = invoke(&world, &json!({"records": [{"text": "x"}]})).await;
        answer.expect_error(status, code);
    }
}

#[tokio::test]
async fn records_that_cannot_be_are_named() {
    let world = World::with_function("f").await;
    let good = json!({"text": "x"});
    for (record, place) in [
        (json!({}), "records[1]: exactly one"),
        (json!({"text": "x", "data": ""}), "records[1]: exactly one"),
        (json!({"data": "?"}), "records[1]: data is not base64"),
        (json!({"text": 5}), "`records[1].text`"),
        (json!({"txt": "x"}), "txt"),
        (
            json!({"text": "x", "partition_key": ""}),
            "records[1]: the partition key is empty",
        ),
    ] {
        let answer = invoke(&world, &json!({"records": [good, record]})).await;
        let message = answer.expect_error(400, "bad_request");
        assert!(message.contains(place), "{record}: {message}");
    }
    for body in [
        json!({}),
        json!({"records": []}),
        json!({"records": [good], "stata": {}}),
    ] {
        invoke(&world, &body).await.expect_error(400, "bad_request");
    }
    let bad_name = json!({"records": [good], "stream": "a/b"});
    let message = invoke(&world, &bad_name)
        .await
        .expect_error(400, "bad_request");
    assert!(message.contains("`stream`"), "{message}");
}

#[tokio::test]
async fn a_batch_is_taken_up_to_its_limits() {
    let world = World::with_function("f").await;
    let records = |n: usize| json!({"records": vec![json!({"text": ""}); n]});
    world.runtime.next(nothing);
    invoke(&world, &records(10_000)).await.expect(200);
    invoke(&world, &records(10_001))
        .await
        .expect_error(413, "too_large");
    let bytes = |n: usize| json!({"records": [{"partition_key": "k", "text": "x".repeat(n)}]});
    world.runtime.next(nothing);
    invoke(&world, &bytes(4_718_591)).await.expect(200);
    invoke(&world, &bytes(4_718_592))
        .await
        .expect_error(413, "too_large");
}

#[tokio::test]
async fn only_a_function_can_be_called() {
    let world = World::new();
    let answer = invoke(&world, &json!({"records": [{"text": "x"}]})).await;
    answer.expect_error(404, "no_such_function");
}
