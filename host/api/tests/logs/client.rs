//! Functions that log what a test says, and requests as an SDK makes them.

use axum::{body::Body, http::Request};
use millstream_core::{
    journal::RequestId,
    port::{EventCall, EventInvoked, Limits, LogLine, Usage},
};
use serde_json::{Value, json};
use tower::ServiceExt as _;

pub(crate) use crate::kinesis::client::Reply;
use crate::{model::set_clock, native::world::World};

/// The name of `f`'s log group.
pub(crate) const GROUP: &str = "/aws/lambda/f";
/// The name of its log stream on the first day.
pub(crate) const STREAM: &str = "2023/11/14/[$LATEST]000000000000000000000000000000ab";

/// The request of an operation.
pub(crate) fn request(operation: &str, body: &Value) -> Request<Body> {
    Request::post("/")
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", format!("Logs_20140328.{operation}"))
        .body(body.to_string().into())
        .unwrap()
}

/// Calls an operation.
pub(crate) async fn call(world: &World, operation: &str, body: Value) -> Reply {
    let response = world.router.clone().oneshot(request(operation, &body));
    Reply::of(response.await.unwrap()).await
}

/// Calls `function`, which logs `lines`, so that the call ends `ms` after the start of the test.
pub(crate) async fn logged(world: &World, function: &str, ms: u64, lines: &[&str]) {
    version_logged(world, function, None, ms, lines).await;
}

/// As [`logged`], by a published version.
pub(crate) async fn version_logged(
    world: &World,
    function: &str,
    number: Option<u64>,
    ms: u64,
    lines: &[&str],
) {
    set_clock(ms);
    let line = |message: &&str| LogLine {
        level: 2,
        message: (*message).to_owned(),
    };
    let invoked = EventInvoked {
        result: Ok("1".into()),
        logs: lines.iter().map(line).collect(),
        logs_dropped: 0,
        usage: Usage::default(),
    };
    world.runtime.next_event(|_| Ok(invoked));
    let call = EventCall {
        request: RequestId::random(ms.into()),
        number,
        function: function.try_into().unwrap(),
        version: 1,
        event: "{}".into(),
        limits: Limits::default(),
        config: Default::default(),
    };
    world.app.invoke.event(call).await.unwrap();
}

/// The messages of an answer's events that are the function's own, without their ends.
pub(crate) fn own(answer: &Value) -> Vec<String> {
    let mut all = messages(answer);
    all.retain(|text| !text.contains("RequestId: "));
    all
}

/// The messages of an answer's events, without their ends.
pub(crate) fn messages(answer: &Value) -> Vec<String> {
    let events = answer["events"].as_array().unwrap();
    let message = |event: &Value| {
        let text = event["message"].as_str().unwrap();
        text.strip_suffix('\n').unwrap().to_owned()
    };
    events.iter().map(message).collect()
}

/// What names `f`'s group, and something more.
pub(crate) fn of_group(more: Value) -> Value {
    let mut body = json!({"logGroupName": GROUP});
    let fields = more.as_object().unwrap().clone();
    body.as_object_mut().unwrap().extend(fields);
    body
}
