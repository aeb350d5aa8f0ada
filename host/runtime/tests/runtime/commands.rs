//! Functions that are programs: an event in, an answer out, under the same limits as all others.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use millstream_core::{
    event::{Event, Fault},
    journal::RequestId,
    limit::{EVENT_ANSWER_BYTES, EVENT_BYTES},
    port::{
        COMMAND_WORLD, Call, Disposition, EventCall, EventInvoked, GuestError, Invoke, InvokeError,
        Invoked, Limits,
    },
};
use millstream_runtime::Runtime;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::support::{self, call, event, hostile, limit, name, options, world};

/// A runtime that these tests share, with `guests/event` as `hostile`@1.
async fn shared() -> Arc<Runtime> {
    static SHARED: OnceCell<Arc<Runtime>> = OnceCell::const_new();
    let runtime = SHARED.get_or_init(async || {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("commands-cache");
        let runtime = Runtime::new(options(&dir)).unwrap();
        let info = support::upload(&runtime, event(), 1).await;
        assert_eq!(info.world, COMMAND_WORLD);
        runtime
    });
    Arc::clone(runtime.await)
}

async fn run(call: Call) -> Invoked {
    shared().await.call(call).await.unwrap()
}

async fn of(command: &str) -> Invoked {
    run(call(&[("k", command)])).await
}

fn answer(invoked: &Invoked) -> &str {
    std::str::from_utf8(invoked.answer.as_ref().unwrap()).unwrap()
}

#[tokio::test]
async fn the_event_comes_to_the_byte() {
    let records = [("k", "event"), ("\u{e9}\"", "\0\n"), ("", "")];
    let call = call(&records);
    let expected = Event {
        origin: &call.origin,
        columns: &call.batch,
        window: None,
    };
    let expected = String::from_utf8(expected.write()).unwrap();
    let invoked = run(call).await;
    assert_eq!(answer(&invoked), expected);
    assert!(invoked.result.unwrap().failures.is_empty());
    let event: Value = serde_json::from_str(&expected).unwrap();
    let arn = "arn:aws:kinesis:us-east-1:123456789012:stream/in";
    assert_eq!(event["Records"][2]["eventSourceARN"], arn);
}

#[tokio::test]
async fn an_event_as_large_as_any_comes_whole() {
    let data = "x".repeat(4_700_000);
    let mut call = call(&[("k", "event"), ("k", &data)]);
    call.limits.output_bytes = 64 << 20;
    call.limits.time_ms = 60_000;
    let invoked = run(call).await;
    let length = answer(&invoked).len();
    assert!((6_260_000..=EVENT_BYTES).contains(&length), "{length}");
}

#[tokio::test]
async fn an_event_that_is_too_large_is_not_handed_over() {
    let data = "x".repeat(4_720_000);
    let invoked = run(call(&[("k", &data)])).await;
    assert_eq!(limit(&invoked), "event_bytes");
}

#[tokio::test]
async fn what_is_reported_is_tried_again_from_the_lowest_on() {
    let records = [("k", "a"), ("k", "poison 1"), ("k", "b"), ("k", "poison 2")];
    let invoked = run(call(&records)).await;
    let said: Value = serde_json::from_str(answer(&invoked)).unwrap();
    assert_eq!(said["batchItemFailures"].as_array().unwrap().len(), 2);
    let failures = invoked.result.unwrap().failures;
    let [failure] = &failures[..] else {
        panic!("{failures:?}");
    };
    assert_eq!(
        (failure.index, failure.disposition),
        (1, Disposition::Retry)
    );
    let mut ignored = call(&records);
    ignored.reports = false;
    assert!(run(ignored).await.result.unwrap().failures.is_empty());
}

#[tokio::test]
async fn an_answer_that_is_not_valid_fails_the_batch_where_it_is_looked_into() {
    for text in ["answer not JSON", "answer {\"batchItemFailures\":[{}]}"] {
        match of(text).await.result {
            Err(GuestError::Invalid { .. }) => {}
            other => panic!("{text}: {other:?}"),
        }
        let mut ignored = call(&[("k", text)]);
        ignored.reports = false;
        let invoked = run(ignored).await;
        assert!(text.ends_with(answer(&invoked)));
        invoked.result.unwrap();
    }
}

#[tokio::test]
async fn who_exits_with_zero_has_answered() {
    let invoked = of("answer {}").await;
    assert_eq!(answer(&invoked), "{}");
    invoked.result.unwrap();
    assert_eq!(answer(&of("exit 0").await), "");
}

#[tokio::test]
async fn another_status_is_a_failure_with_the_last_line() {
    for (command, told) in [
        ("exit 3", "it exited with status 1"),
        ("error no table", "it exited with status 1: no table"),
    ] {
        let invoked = of(command).await;
        assert_eq!(invoked.answer, None);
        match invoked.result {
            Err(GuestError::Exited { status: 1, message }) => assert_eq!(message, told),
            other => panic!("{command}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_panic_is_a_trap_that_says_what_happened() {
    match of("panic").await.result {
        Err(GuestError::Trapped { message }) => {
            assert!(message.contains("this is the guest's panic"), "{message}");
            assert!(message.contains("attack.rs:"), "{message}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn time_and_memory_are_limited() {
    for command in ["loop", "sleep"] {
        let mut call = call(&[("k", command)]);
        call.limits.time_ms = 300;
        let begin = Instant::now();
        assert_eq!(limit(&run(call).await), "time_ms", "{command}");
        // Lenient: the machine may be loaded by more than this test.
        assert!(begin.elapsed() < Duration::from_secs(30));
    }
    let mut call = call(&[("k", "grow")]);
    call.limits.memory_bytes = 32 << 20;
    let invoked = run(call).await;
    assert_eq!(limit(&invoked), "memory_bytes");
    assert!(invoked.usage.memory_bytes <= 32 << 20);
}

#[tokio::test]
async fn a_flood_on_standard_output_ends_the_call_by_name() {
    let mut call = call(&[("k", "out-flood")]);
    call.limits.time_ms = 60_000;
    let invoked = run(call.clone()).await;
    assert_eq!(limit(&invoked), "output_bytes");
    let message = invoked.result.unwrap_err().to_string();
    assert!(message.contains("6291556 are allowed"), "{message}");
    assert_eq!(invoked.answer, None);
    call.limits.output_bytes = 5_000;
    let message = run(call).await.result.unwrap_err().to_string();
    assert!(message.contains("5000 are allowed"), "{message}");
}

#[tokio::test]
async fn an_answer_may_be_as_long_as_lambdas() {
    for (length, fits) in [(EVENT_ANSWER_BYTES, true), (EVENT_ANSWER_BYTES + 1, false)] {
        let mut call = call(&[("k", &format!("out {length}"))]);
        (call.limits.time_ms, call.reports) = (60_000, false);
        assert_eq!(run(call).await.result.is_ok(), fits, "{length}");
    }
}

#[tokio::test]
async fn a_flood_on_standard_error_is_cut_and_counted() {
    let mut call = call(&[("k", "err-flood 10000")]);
    (call.limits.time_ms, call.limits.log_bytes) = (60_000, 10_000);
    let invoked = run(call).await;
    let kept: usize = invoked.logs.iter().map(|line| line.message.len()).sum();
    assert!((5_000..=10_000).contains(&kept), "{kept}");
    assert!(invoked.logs_dropped > 9_000, "{}", invoked.logs_dropped);
    invoked.result.unwrap();
}

#[tokio::test]
async fn standard_error_is_the_log() {
    let invoked = of("say").await;
    let lines: Vec<_> = invoked
        .logs
        .iter()
        .map(|l| (l.level, l.message.as_str()))
        .collect();
    assert_eq!(lines, [(2, "one"), (2, "two")]);
    assert_eq!(answer(&invoked), "{\"batchItemFailures\":[]}");
}

#[tokio::test]
async fn the_settings_are_the_environment_and_there_is_nothing_else() {
    let invoked = of("look").await;
    let seen: Value = serde_json::from_str(answer(&invoked)).unwrap();
    let expected = json!({
        "variables": ["color=blue"], "arguments": ["hostile"], "file": false, "directory": false,
        "network": false, "clock": true,
    });
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_program_for_preview_1_is_made_one_for_preview_2() {
    let text = r#"(module
        (import "wasi_snapshot_preview1" "fd_write"
            (func $write (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1)
        (data (i32.const 0) "\08\00\00\00\02\00\00\00{}")
        (func (export "_start")
            (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))
            (call $exit (i32.const STATUS))))"#;
    let world = world();
    for (status, version) in [(0, 1), (2, 2)] {
        let core = wat::parse_str(text.replace("STATUS", &status.to_string())).unwrap();
        let info = support::upload(&world.runtime, core.into(), version).await;
        assert_eq!(info.world, COMMAND_WORLD);
        let mut call = call(&[("k", "")]);
        call.version = version;
        let invoked = world.runtime.call(call).await.unwrap();
        match (status, &invoked.result) {
            (0, Ok(_)) => assert_eq!(answer(&invoked), "{}"),
            (_, Err(GuestError::Exited { status: 1, .. })) => {}
            other => panic!("{other:?}"),
        }
    }
}

fn asked(event: impl Into<Bytes>) -> EventCall {
    EventCall {
        request: RequestId::following(&[]),
        function: name("hostile"),
        version: 1,
        number: None,
        event: event.into(),
        limits: Limits::default(),
        config: Arc::default(),
    }
}

fn with(command: &str) -> String {
    json!({"Records": [{"kinesis": {
        "partitionKey": "k", "sequenceNumber": "1", "approximateArrivalTimestamp": 1.0,
        "data": base64_simd::STANDARD.encode_to_string(command),
    }}]})
    .to_string()
}

async fn event_of(call: EventCall) -> EventInvoked {
    shared().await.event(call).await.unwrap()
}

#[tokio::test]
async fn any_event_can_be_handed_over() {
    let invoked = event_of(asked("{\"any\": [1, \"thing\"]}")).await;
    // It has no records, so none is reported.
    assert_eq!(invoked.result.unwrap(), "{\"batchItemFailures\":[]}");
    let invoked = event_of(asked(with("event"))).await;
    assert_eq!(invoked.result.unwrap(), with("event"));
    assert!(invoked.usage.memory_bytes > 0 && invoked.usage.time_us > 0);
    let invoked = event_of(asked(with("say"))).await;
    assert_eq!((invoked.logs.len(), invoked.logs_dropped), (2, 0));
    // Whatever it writes is the answer, JSON or not.
    assert_eq!(
        event_of(asked(with("answer hi"))).await.result.unwrap(),
        "hi"
    );
}

#[tokio::test]
async fn failures_of_an_event_are_told_in_lambdas_words() {
    let mut slow = asked(with("loop"));
    slow.limits.time_ms = 200;
    let mut flood = asked(with("out-flood"));
    flood.limits.time_ms = 60_000;
    for (call, kind, message) in [
        (
            asked(with("exit 1")),
            "Runtime.ExitError",
            "RequestId: r Error: Runtime exited with error: exit status 1",
        ),
        (
            slow,
            "Sandbox.Timedout",
            "RequestId: r Error: Task timed out after 0.20 seconds",
        ),
        (
            flood,
            "Function.ResponseSizeTooLarge",
            "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
        ),
    ] {
        let time_ms = call.limits.time_ms;
        let error = event_of(call).await.result.unwrap_err();
        let fault = Fault::of(&error, "r", time_ms);
        assert_eq!((fault.kind, fault.message.as_str()), (kind, message));
    }
}

#[tokio::test]
async fn only_programs_take_events() {
    let world = world();
    support::upload(&world.runtime, hostile(), 1).await;
    let refused = world.runtime.event(asked("{}")).await;
    assert!(
        matches!(refused, Err(InvokeError::NoEvents(_, "handler"))),
        "{refused:?}"
    );
    let unknown = EventCall {
        version: 9,
        ..asked("{}")
    };
    let refused = shared().await.event(unknown).await;
    assert!(
        matches!(refused, Err(InvokeError::NotReady(..))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn an_event_beyond_lambdas_limit_is_refused() {
    let event = event_of(asked(vec![b' '; EVENT_BYTES + 1])).await;
    match event.result {
        Err(GuestError::Limit { limit, .. }) => assert_eq!(limit, "event_bytes"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn calls_with_events_are_counted() {
    let world = world();
    support::upload(&world.runtime, event(), 1).await;
    world
        .runtime
        .event(asked(with("exit 1")))
        .await
        .unwrap()
        .result
        .unwrap_err();
    world
        .runtime
        .event(asked("{}"))
        .await
        .unwrap()
        .result
        .unwrap();
    let stats = world.runtime.stats();
    assert_eq!((stats.calls, stats.failed, stats.running), (2, 1, 0));
}
