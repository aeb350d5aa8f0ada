//! What a step of a redrive is asked for over HTTP, and how it answers.

use std::sync::Arc;

use millstream_core::{
    port::{
        CommitError,
        redrive::{RedriveError, Redriven, Target},
    },
    position::Position,
    time::Millis,
    trigger::redrive::{Cursor, Letter},
};
use serde_json::{Value, json};

use super::{
    client::{Answer, post},
    world::World,
};

const PATH: &str = "/v1/triggers/t/redrive";

async fn asked(world: &World, body: Value, answer: Result<Redriven, RedriveError>) -> Answer {
    world.lanes.1.lock().unwrap().answer = Some(answer);
    post(&world.router, PATH, body.to_string()).await
}

fn nothing() -> Redriven {
    Redriven::nothing_of("dead".try_into().unwrap())
}

fn letter() -> Arc<Letter> {
    Arc::new(Letter {
        reason: "Rejected".to_owned(),
        error: "no".to_owned(),
        attempts: 2,
        trigger: "t".to_owned(),
        stream: "s".to_owned(),
        shard_id: "shardId-000000000000".to_owned(),
        shard_created: 5,
        sequence_number: "49".to_owned(),
        position: Position(7),
        arrival: Millis(1),
        failed: Millis(2),
        partition_key: "k".to_owned(),
        data: b"x".to_vec(),
    })
}

#[tokio::test]
async fn a_step_is_asked_for_as_the_body_says() {
    let world = World::new();
    let answer = asked(&world, json!({}), Ok(nothing())).await.expect(200);
    let expected = json!({
        "letters": "dead", "read": 0, "selected": 0, "redriven": 0, "redriven_before": 0,
        "failed": 0, "failures": [], "cursor": null,
    });
    assert_eq!(answer, expected);
    let body = json!({
        "to": "function", "letters": "old", "reasons": ["Rejected"], "error": "x",
        "shard_id": "shardId-000000000001", "partition_key": "k", "since_ms": 5, "until_ms": 9,
        "pattern": {"data": {"n": [1]}}, "again": true, "dry_run": true, "batch_size": 7,
        "cursor": "5-0.9",
    });
    asked(&world, body, Ok(nothing())).await.expect(200);
    let asked = world.lanes.1.lock().unwrap().asked.clone();
    let [plain, full] = &asked[..] else {
        panic!("{asked:?}")
    };
    assert_eq!(
        (plain.to, plain.again, plain.dry_run),
        (Target::Stream, false, false)
    );
    assert_eq!((plain.batch_size, &plain.cursor), (None, &None));
    assert_eq!(
        (full.to, full.again, full.dry_run),
        (Target::Function, true, true)
    );
    assert_eq!(full.letters.as_ref().unwrap().as_str(), "old");
    assert_eq!(full.batch_size, Some(7));
    assert_eq!(full.selection.since, Some(Millis(5)));
    assert_eq!(full.selection.until, Some(Millis(9)));
    assert!(full.selection.pattern.is_some());
    let cursor = full.cursor.as_ref().unwrap();
    assert_eq!(
        (cursor.next, &cursor.ends[..]),
        (Position(5), &[(0, Position(9))][..])
    );
}

#[tokio::test]
async fn an_answer_tells_what_failed_and_where_to_go_on() {
    let world = World::new();
    let done = Redriven {
        read: 9,
        selected: 3,
        redriven: 2,
        before: 4,
        failed: vec![(letter(), "still no".into())],
        shown: Vec::new(),
        cursor: Some(Cursor {
            next: Position(5),
            ends: vec![(1, Position(9))],
        }),
        stopped: Some(RedriveError::Commit(CommitError::Full)),
        ..nothing()
    };
    let answer = asked(&world, json!({}), Ok(done)).await.expect(200);
    assert_eq!(
        (&answer["redriven"], &answer["failed"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(answer["cursor"], "5-1.9");
    assert_eq!(answer["stopped"]["code"], "disk_full");
    let failure = json!({
        "shard_id": "shardId-000000000000", "sequence_number": "49", "partition_key": "k",
        "reason": "Rejected", "error": "still no", "attempts": 2, "failed_ms": 2, "text": "x",
    });
    assert_eq!(answer["failures"], json!([failure]));
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_the_reason() {
    let world = World::new();
    for (body, code) in [
        (json!({"pattern": "{"}), "invalid_setting"),
        (json!({"pattern": {"a": 1}}), "invalid_setting"),
        (json!({"cursor": "5"}), "invalid_setting"),
        (json!({"batch_size": 0}), "invalid_setting"),
        (json!({"to": "nowhere"}), "bad_request"),
        (json!({"more": 1}), "bad_request"),
        (json!({"letters": "a b"}), "bad_request"),
    ] {
        let answer = post(&world.router, PATH, body.to_string()).await;
        answer.expect_error(400, code);
    }
    assert!(world.lanes.1.lock().unwrap().asked.is_empty());
    let name = || "t".try_into().unwrap();
    for (error, status, code) in [
        (RedriveError::NoTrigger(name()), 404, "no_such_trigger"),
        (RedriveError::NoLetters(name()), 400, "invalid_setting"),
        (RedriveError::Paused(name()), 409, "paused"),
        (RedriveError::NotNow("later".to_owned()), 503, "busy"),
        (RedriveError::Commit(CommitError::Full), 503, "disk_full"),
    ] {
        let answer = asked(&world, json!({}), Err(error)).await;
        answer.expect_error(status, code);
    }
}
