//! Functions' logs: what is kept, and following them.

use axum::{
    body::{Body, BodyDataStream},
    http::Request,
};
use futures_util::{FutureExt, StreamExt};
use millstream_api::native::health::Stage;
use millstream_core::port::{GuestError, Invoked, LogLine, Usage};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::{
    client::{get, post},
    world::World,
};
use crate::{logs::client::logged, model::START};

fn texts(lines: &Value) -> Vec<String> {
    let lines = lines.as_array().unwrap().iter();
    let text = |line: &Value| line["message"].as_str().unwrap().to_owned();
    lines.map(text).collect()
}

async fn shown(world: &World, query: &str) -> Vec<String> {
    let path = format!("/v1/functions/f/logs{query}");
    texts(&get(&world.router, &path).await.expect(200)["lines"])
}

/// One who follows `f`'s log.
struct Follower {
    body: BodyDataStream,
    text: String,
}

impl Follower {
    async fn of(world: &World, query: &str) -> Self {
        let path = format!("/v1/functions/f/logs?follow=true{query}");
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = world.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut follower = Self {
            body: response.into_body().into_data_stream(),
            text: String::new(),
        };
        assert_eq!(follower.next().await.as_deref(), Some(": following"));
        follower
    }

    async fn next(&mut self) -> Option<String> {
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

    async fn line(&mut self) -> String {
        let event = self.next().await.unwrap();
        let line: Value = serde_json::from_str(event.strip_prefix("data: ").unwrap()).unwrap();
        line["message"].as_str().unwrap().to_owned()
    }

    #[track_caller]
    fn expect_silence(&mut self) {
        assert!(self.text.is_empty() && self.body.next().now_or_never().is_none());
    }
}

#[tokio::test]
async fn a_dry_run_is_logged_under_the_id_that_it_tells() {
    let world = World::with_function("f").await;
    world.runtime.next(|_| {
        Ok(Invoked {
            result: Err(GuestError::Returned {
                message: "no room".into(),
            }),
            answer: None,
            logs: vec![LogLine {
                level: 3,
                message: "a line".into(),
            }],
            logs_dropped: 2,
            usage: Usage {
                time_us: 1_500,
                memory_bytes: 3 << 20,
            },
        })
    });
    let path = "/v1/functions/f/invoke";
    let answer = post(&world.router, path, "{\"records\": [{\"text\": \"x\"}]}").await;
    let id = answer.expect(200)["request_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let answer = get(&world.router, "/v1/functions/f/logs").await.expect(200);
    assert_eq!(answer["function"], "f");
    let line = |kind: &str, message: &str| {
        json!({
            "at_ms": START.0, "request_id": id, "version": "$LATEST", "kind": kind,
            "message": message,
        })
    };
    let mut own = line("line", "a line");
    own["level"] = "warn".into();
    let report = format!(
        "REPORT RequestId: {id}\tDuration: 1.50 ms\tBilled Duration: 2 ms\t\
         Memory Size: 128 MB\tMax Memory Used: 3 MB\tStatus: error\tError Type: Error\t"
    );
    assert_eq!(
        answer["lines"],
        json!([
            line("start", &format!("START RequestId: {id} Version: $LATEST")),
            line("failure", &format!("RequestId: {id} 2 log lines were cut")),
            own,
            line("failure", &format!("RequestId: {id} Error: no room")),
            line("failure", "Error"),
            line("end", &format!("END RequestId: {id}")),
            line("report", &report),
        ])
    );
}

#[tokio::test]
async fn the_newest_lines_are_shown_that_are_wanted() {
    let world = World::with_function("f").await;
    assert!(shown(&world, "").await.is_empty());
    for (at, line) in [(0, "alpha 1"), (1_000, "alpha 2"), (90_000, "beta 3")] {
        logged(&world, "f", at, &[line]).await;
    }
    assert_eq!(shown(&world, "?filter=alpha").await, ["alpha 1", "alpha 2"]);
    assert_eq!(shown(&world, "?filter=alpha&limit=1").await, ["alpha 2"]);
    assert_eq!(
        shown(&world, "?filter=?alpha+?beta&since=89s").await,
        ["alpha 2", "beta 3"]
    );
    let since = START.plus(1_001).0;
    assert_eq!(
        shown(&world, &format!("?filter=-Id&since={since}")).await,
        ["beta 3"]
    );
    assert_eq!(shown(&world, "?limit=0").await.len(), 0);
    assert_eq!(shown(&world, "").await.len(), 12);
}

#[tokio::test]
async fn settings_that_make_no_sense_are_refused() {
    let world = World::with_function("f").await;
    for query in ["since=soon", "filter=%5Ba%5D", "limit=10001"] {
        let path = format!("/v1/functions/f/logs?{query}");
        let refused = get(&world.router, &path).await;
        refused.expect_error(400, "invalid_setting");
    }
    let refused = get(&world.router, "/v1/functions/f/logs?tail=1").await;
    refused.expect_error(400, "bad_request");
    let refused = get(&world.router, "/v1/functions/g/logs").await;
    refused.expect_error(404, "no_such_function");
}

#[tokio::test]
async fn who_follows_sees_each_line_once() {
    let world = World::with_function("f").await;
    logged(&world, "f", 0, &["old"]).await;
    let mut all = Follower::of(&world, "&filter=-Id").await;
    let mut new = Follower::of(&world, "&filter=-Id&limit=0").await;
    assert_eq!(all.line().await, "old");
    all.expect_silence();
    new.expect_silence();
    logged(&world, "g", 1, &["of another function"]).await;
    for round in 0..300 {
        logged(&world, "f", 1, &[&format!("line {round}"), "and another"]).await;
    }
    for follower in [&mut all, &mut new] {
        for round in 0..300 {
            assert_eq!(follower.line().await, format!("line {round}"));
            assert_eq!(follower.line().await, "and another");
        }
        follower.expect_silence();
    }
    world.app.life.enter(Stage::Draining);
    assert_eq!(all.next().await.unwrap(), ": the host is shutting down");
    assert_eq!(all.next().await, None);
}
