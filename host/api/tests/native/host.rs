//! The host as a whole: life, metrics, status, backup.

use std::collections::BTreeMap;

use millstream_api::native::{
    health::Stage,
    metrics::{Kind, family, sample},
};
use serde_json::json;

use super::{
    client::{get, post},
    world::World,
};
use crate::model::START;

#[tokio::test]
async fn readiness_follows_the_stage_and_liveness_does_not() {
    let world = World::new();
    let ready = get(&world.router, "/readyz").await;
    assert_eq!((ready.status.as_u16(), &*ready.text), (200, "ready"));
    world
        .app
        .life
        .enter(Stage::Starting("functions are loaded"));
    let starting = get(&world.router, "/readyz").await;
    assert_eq!(starting.status.as_u16(), 503);
    assert_eq!(starting.text, "functions are loaded");
    world.app.life.enter(Stage::Draining);
    assert_eq!(get(&world.router, "/readyz").await.status.as_u16(), 503);
    let alive = get(&world.router, "/livez").await;
    assert_eq!((alive.status.as_u16(), &*alive.text), (200, "ok"));
}

#[tokio::test]
async fn status_counts_what_there_is() {
    let world = World::with_stream("s", 1).await;
    post(&world.router, "/v1/streams/s/records?key=k", "abc")
        .await
        .expect(200);
    let status = get(&world.router, "/v1/status").await.expect(200);
    let expected = json!({
        "version": env!("CARGO_PKG_VERSION"), "started_ms": START, "streams": 1, "functions": 0,
        "triggers": 0, "records_in": 1, "bytes_in": 4, "wal_bytes": 77,
    });
    assert_eq!(status, expected);
}

#[tokio::test]
async fn a_backup_goes_where_nothing_is() {
    let world = World::new();
    let backup = async |path: &str| {
        let body = json!({ "path": path }).to_string();
        post(&world.router, "/v1/backup", body).await
    };
    let done = backup("/free").await.expect(200);
    assert_eq!(done, json!({"path": "/free", "bytes": 4096}));
    backup("/there").await.expect_error(409, "already_exists");
    backup("/full").await.expect_error(503, "disk_full");
    backup("/dev/null/directory")
        .await
        .expect_error(400, "invalid_setting");
    backup("/no/such/directory")
        .await
        .expect_error(500, "internal");
    backup("relative")
        .await
        .expect_error(400, "invalid_setting");
    let empty = post(&world.router, "/v1/backup", "").await;
    let message = empty.expect_error(400, "bad_request");
    assert!(message.contains("path"), "{message}");
}

#[tokio::test]
async fn metrics_are_valid_and_hold_what_others_add() {
    let world = World::with_stream("s", 2).await;
    world.app.metrics.add_source(Box::new(|out| {
        family(out, "others_total", Kind::Counter, "Of others.");
        sample(out, "others_total", &[("name", "a\"b\\c\nd")], 3.0);
    }));
    let path = "/v1/streams/s/records?format=lines&key=k";
    post(&world.router, path, "a\nb").await.expect(200);
    get(&world.router, "/v1/streams/none").await;
    get(&world.router, "/nowhere").await;
    let answer = get(&world.router, "/metrics").await;
    assert_eq!(
        answer.headers["content-type"],
        "text/plain; version=0.0.4; charset=utf-8"
    );
    let samples = parse(&answer.text);
    let value = |name: &str| samples.get(name).copied();
    assert_eq!(value("millstream_records_in_total"), Some(2.0));
    assert_eq!(value("millstream_bytes_in_total"), Some(4.0));
    assert_eq!(value("millstream_put_seconds_count"), Some(1.0));
    assert_eq!(value(r#"others_total{name="a\"b\\c\nd"}"#), Some(3.0));
    for (route, status) in [
        ("/v1/streams/{name}/records", "2xx"),
        ("/v1/streams/{name}", "4xx"),
        ("unmatched", "4xx"),
    ] {
        let name = "millstream_http_requests_total";
        let sample = format!(r#"{name}{{route="{route}",status="{status}"}}"#);
        assert_eq!(value(&sample), Some(1.0), "{sample} in {}", answer.text);
    }
}

/// Reads the text format strictly: each family once, with help and type, its samples after it.
fn parse(text: &str) -> BTreeMap<String, f64> {
    let mut families = BTreeMap::new();
    let mut samples = BTreeMap::new();
    let mut current = (String::new(), String::new());
    assert!(text.ends_with('\n'));
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, _) = help.split_once(' ').expect("a help text");
            let kind = lines.next().and_then(|line| line.strip_prefix("# TYPE "));
            let (typed, kind) = kind
                .expect("a type after the help")
                .split_once(' ')
                .unwrap();
            assert_eq!(typed, name);
            assert!(["counter", "gauge", "histogram"].contains(&kind));
            assert!(
                families.insert(name.to_owned(), ()).is_none(),
                "{name} twice"
            );
            current = (name.to_owned(), kind.to_owned());
            continue;
        }
        let (series, value) = line.rsplit_once(' ').expect("a value");
        let name = series.split('{').next().unwrap();
        let rest = name
            .strip_prefix(&*current.0)
            .expect("a sample of its family");
        let suffixes: &[&str] = match &*current.1 {
            "histogram" => &["_bucket", "_sum", "_count"],
            _ => &[""],
        };
        assert!(suffixes.contains(&rest), "{line}");
        let value = value.parse().expect("a number");
        assert!(
            samples.insert(series.to_owned(), value).is_none(),
            "{series} twice"
        );
    }
    samples
}
