//! Invoke: events handed over, and what comes back.

use axum::{body::Body, http::Request};
use millstream_core::port::{EventInvoked, GuestError, InvokeError, LogLine, Usage};
use serde_json::{Value, json};

use super::client::{FUNCTIONS, Reply, function_arn, send, with_function};
use crate::native::world::World;

async fn invoke(world: &World, name: &str, headers: &[(&str, &str)], body: &str) -> Reply {
    let mut request = Request::post(format!("{FUNCTIONS}/{name}/invocations"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send(world, request.body(Body::from(body.to_owned())).unwrap()).await
}

fn invoked(result: Result<&'static str, GuestError>) -> EventInvoked {
    EventInvoked {
        result: result.map(|answer| answer.as_bytes().into()),
        logs: vec![LogLine {
            level: 2,
            message: "a line".into(),
        }],
        logs_dropped: 0,
        usage: Usage {
            time_us: 1_500,
            memory_bytes: 3 << 20,
        },
    }
}

#[tokio::test]
async fn the_answer_is_the_functions_own() {
    let world = with_function("f").await;
    world.runtime.next_event(|call| {
        assert_eq!(&call.event[..], b"{\"a\": 1}");
        Ok(invoked(Ok("[2]")))
    });
    let answer = invoke(&world, "f", &[("x-amz-log-type", "Tail")], "{\"a\": 1}").await;
    assert_eq!(answer.ok(200), json!([2]));
    assert_eq!(answer.headers["x-amz-executed-version"], "$LATEST");
    let id = answer.headers["x-amzn-requestid"]
        .to_str()
        .unwrap()
        .to_owned();
    let log = answer.headers["x-amz-log-result"].as_bytes();
    let log = base64_simd::STANDARD.decode_to_vec(log).unwrap();
    assert_eq!(
        String::from_utf8(log).unwrap(),
        format!(
            "START RequestId: {id} Version: $LATEST\na line\nEND RequestId: {id}\n\
             REPORT RequestId: {id}\tDuration: 1.50 ms\tBilled Duration: 2 ms\t\
             Memory Size: 128 MB\tMax Memory Used: 3 MB\t\n"
        )
    );
    world.runtime.next_event(|call| {
        assert_eq!(&call.event[..], b"{}");
        Ok(invoked(Ok("")))
    });
    assert_eq!(invoke(&world, "f", &[], "").await.text, "null");
}

#[tokio::test]
async fn a_function_that_fails_is_a_success_that_says_so() {
    let world = with_function("f").await;
    world.runtime.next_event(|_| {
        Ok(invoked(Err(GuestError::Exited {
            status: 3,
            message: "it exited".into(),
        })))
    });
    let answer = invoke(&world, "f", &[], "1").await;
    let id = answer.headers["x-amzn-requestid"].to_str().unwrap();
    assert_eq!(answer.headers["x-amz-function-error"], "Unhandled");
    let message = format!("RequestId: {id} Error: Runtime exited with error: exit status 3");
    let expected = json!({"errorType": "Runtime.ExitError", "errorMessage": message});
    assert_eq!(answer.ok(200), expected);
}

#[tokio::test]
async fn an_event_is_handed_over_while_nobody_waits() {
    let world = with_function("f").await;
    let (tell, told) = tokio::sync::oneshot::channel();
    world.runtime.next_event(|call| {
        tell.send(call.event.clone()).unwrap();
        Ok(invoked(Ok("1")))
    });
    let later = [("x-amz-invocation-type", "Event")];
    let answer = invoke(&world, "f", &later, "[7]").await;
    assert_eq!((answer.ok(202), answer.text.as_str()), (Value::Null, ""));
    assert_eq!(&told.await.unwrap()[..], b"[7]");
    let long = format!("\"{}\"", "x".repeat(1 << 20));
    let answer = invoke(&world, "f", &later, &long).await;
    assert_eq!(
        answer.headers["x-amzn-errortype"],
        "RequestTooLargeException"
    );
}

#[tokio::test]
async fn what_an_event_logs_is_found_under_the_id_of_the_answer() {
    let world = with_function("f").await;
    let late = || {
        Ok(invoked(Err(GuestError::Limit {
            limit: "time_ms",
            message: "stopped".into(),
        })))
    };
    for (headers, status) in [
        ([("x-amz-log-type", "Tail")], 200),
        ([("x-amz-invocation-type", "Event")], 202),
    ] {
        world.runtime.next_event(move |_| late());
        let answer = invoke(&world, "f", &headers, "1").await;
        answer.ok(status);
        let id = answer.headers["x-amzn-requestid"].to_str().unwrap();
        let start = format!("START RequestId: {id} Version: $LATEST");
        let path = format!("/v1/functions/f/logs?filter=%22{id}%22");
        let lines = loop {
            let logs = crate::native::client::get(&world.router, &path).await;
            let lines = logs.expect(200)["lines"].as_array().unwrap().clone();
            if !lines.is_empty() {
                break lines;
            }
            tokio::task::yield_now().await;
        };
        assert_eq!(lines[0]["message"], start);
        let late = lines[1]["message"].as_str().unwrap();
        assert_eq!(
            late,
            format!("2023-11-14T22:13:20.000Z {id} Task timed out after 3.00 seconds")
        );
        if status == 200 {
            let tail = answer.headers["x-amz-log-result"].as_bytes();
            let tail = base64_simd::STANDARD.decode_to_vec(tail).unwrap();
            let tail = String::from_utf8(tail).unwrap();
            assert!(
                tail.starts_with(&format!("{start}\na line\n{late}\nEND ")),
                "{tail}"
            );
            assert!(tail.ends_with("\tStatus: timeout\t\n"), "{tail}");
        }
    }
}

#[tokio::test]
async fn a_dry_run_tells_whether_a_function_is_there() {
    let world = with_function("f").await;
    let dry = [("x-amz-invocation-type", "DryRun")];
    invoke(&world, "f", &dry, "[1]").await.ok(204);
    let missing = format!("Function not found: {}", function_arn("absent"));
    let answer = invoke(&world, "absent", &dry, "").await;
    answer.is(404, "ResourceNotFoundException", &missing);
    let other = [("x-amz-invocation-type", "Other")];
    let answer = invoke(&world, "f", &other, "").await;
    assert_eq!(answer.headers["x-amzn-errortype"], "ValidationException");
    let answer = invoke(&world, "f", &dry, "{").await;
    assert_eq!(
        answer.headers["x-amzn-errortype"],
        "InvalidRequestContentException"
    );
}

#[tokio::test]
async fn what_keeps_a_function_from_being_called_is_told() {
    let world = with_function("f").await;
    for (error, status, name) in [
        (
            InvokeError::NoEvents("f".try_into().unwrap(), "handler"),
            400,
            "InvalidParameterValueException",
        ),
        (InvokeError::Throttled, 429, "TooManyRequestsException"),
        (
            InvokeError::NotReady("f".try_into().unwrap(), "no".into()),
            502,
            "ResourceNotReadyException",
        ),
        (
            InvokeError::Host("it broke".into()),
            500,
            "ServiceException",
        ),
    ] {
        world.runtime.next_event(|_| Err(error));
        let answer = invoke(&world, "f", &[], "").await;
        assert_eq!(answer.status.as_u16(), status);
        assert_eq!(answer.headers["x-amzn-errortype"], name);
    }
}
