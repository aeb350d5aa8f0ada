//! Every attack is stopped by its limit, by name, and nobody else notices.

use std::{
    collections::BTreeMap,
    sync::Arc,
    task::{Context, Waker},
    time::Duration,
};

use bytes::Bytes;
use millstream_core::port::{GuestError, Invoke, InvokeError, Limits, Modules};
use tokio::time::timeout;

use crate::support::{
    Stored, Stuck, command, hostile, limit, name, run, shared, upload, verdict, world_with,
};

/// Far beyond every time limit that a test sets: whoever waits this long waits forever.
const FOREVER: Duration = Duration::from_secs(60);

#[tokio::test]
async fn endless_guests_are_stopped_by_the_clock() {
    for attack in ["loop", "log-loop", "get-loop", "sleep"] {
        let mut call = command(attack);
        call.limits.time_ms = 100;
        let invoked = timeout(FOREVER, run(call)).await.unwrap();
        assert_eq!(limit(&invoked), "time_ms", "{attack}");
        assert!(
            invoked.usage.time_us >= 100_000,
            "{attack}: {:?}",
            invoked.usage
        );
    }
}

#[tokio::test]
async fn a_guest_that_waits_for_its_host_is_stopped_by_the_clock() {
    let mut call = command("forget x");
    call.limits.time_ms = 100;
    call.state = Arc::new(Stuck);
    let invoked = timeout(FOREVER, run(call)).await.unwrap();
    assert_eq!(limit(&invoked), "time_ms");
}

#[tokio::test]
async fn growth_is_stopped_and_named_though_the_guest_aborts() {
    let mut call = command("grow");
    call.limits.memory_bytes = 32 << 20;
    let invoked = run(call).await;
    assert_eq!(limit(&invoked), "memory_bytes");
    assert!(invoked.usage.memory_bytes <= 32 << 20);
}

#[tokio::test]
async fn an_instance_that_begins_too_big_is_named_too() {
    let mut call = command("pass out");
    call.limits.memory_bytes = 64 << 10;
    assert_eq!(limit(&run(call).await), "memory_bytes");
}

#[tokio::test]
async fn floods_of_effects_are_stopped_by_their_budgets() {
    for (attack, budget) in [
        ("emit-flood", "output_records"),
        ("emit-huge", "output_bytes"),
        ("state-flood", "state_entries"),
        ("state-huge", "state_bytes"),
        ("call-huge", "call_bytes"),
        ("random-huge", "random_bytes"),
        ("hold", "handles"),
    ] {
        let mut call = command(attack);
        call.limits.output_records = 10_000;
        // None of these is a matter of time, however slow the machine.
        call.limits.time_ms = 60_000;
        assert_eq!(limit(&run(call).await), budget, "{attack}");
    }
}

#[tokio::test]
async fn handles_and_random_bytes_are_given_up_to_the_limits_of_the_call() {
    for (attack, handles, random_bytes, hit) in [
        ("hold 100", 64, 0, Some("handles")),
        // The host holds two entries for a timer.
        ("hold 300", 700, 0, None),
        ("random-huge", 64, (2 << 20) - 1, Some("random_bytes")),
        ("random-huge", 64, 2 << 20, None),
    ] {
        let mut call = command(attack);
        call.limits.handles = handles;
        call.limits.random_bytes = random_bytes;
        call.limits.time_ms = 60_000;
        let invoked = run(call).await;
        match hit {
            Some(name) => assert_eq!(limit(&invoked), name, "{attack}"),
            // The guest answers that it survived.
            None => assert!(
                matches!(invoked.result, Err(GuestError::Returned { .. })),
                "{attack}: {:?}",
                invoked.result
            ),
        }
    }
}

#[tokio::test]
async fn a_batch_that_passes_through_counts_against_the_output_budget() {
    let mut call = command("pass out");
    call.limits.output_bytes = 8;
    assert_eq!(limit(&run(call).await), "output_bytes");
}

#[tokio::test]
async fn one_value_cannot_be_read_a_hundred_thousand_times_at_once() {
    let mut call = command("get-flood big");
    let big = Bytes::from(vec![0; 1 << 20]);
    call.state = Arc::new(Stored(BTreeMap::from([("big".into(), big)])));
    assert_eq!(limit(&run(call).await), "call_bytes");
}

#[tokio::test]
async fn log_floods_are_cut_and_counted_and_no_error() {
    for attack in ["log-flood", "print-flood", "log-line"] {
        let mut call = command(attack);
        call.limits.log_bytes = 1_000;
        call.limits.time_ms = 60_000;
        let invoked = run(call).await;
        // The guest answers that it survived.
        assert!(
            matches!(invoked.result, Err(GuestError::Returned { .. })),
            "{attack}"
        );
        let kept: usize = invoked.logs.iter().map(|line| line.message.len()).sum();
        assert!((1..=1_000).contains(&kept), "{attack}: {kept}");
        assert!(invoked.logs_dropped > 0, "{attack}");
    }
}

#[tokio::test]
async fn traps_say_what_happened() {
    for (attack, what) in [
        ("trap", "unreachable"),
        ("panic", "this is the guest's panic"),
        ("panic", "attack.rs:"),
    ] {
        match run(command(attack)).await.result {
            Err(GuestError::Trapped { message }) => assert!(message.contains(what), "{message}"),
            other => panic!("{attack}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn an_exit_is_told_with_its_status() {
    for (attack, told) in [("exit 0", 0), ("exit 3", 1)] {
        match run(command(attack)).await.result {
            Err(GuestError::Exited { status, message }) => {
                assert_eq!(status, told);
                let expected = format!("exited with status {told}");
                assert!(message.contains(&expected), "{message}");
            }
            other => panic!("{attack}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn recursion_ends_at_the_limit_of_the_stack() {
    let invoked = run(command("recurse")).await;
    assert_eq!(limit(&invoked), "guest_stack_bytes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_calls_go_on_beside_endless_ones() {
    let runtime = shared().await;
    let mut endless = Vec::new();
    for _ in 0..6 {
        let mut call = command("loop");
        call.limits.time_ms = 600_000;
        endless.push(tokio::spawn(runtime.call(call)));
    }
    while runtime.stats().running < 6 {
        tokio::task::yield_now().await;
    }
    for _ in 0..20 {
        let mut call = command("pass out");
        call.limits.time_ms = 60_000;
        timeout(FOREVER, verdict(call)).await.unwrap();
    }
    for call in &endless {
        assert!(!call.is_finished());
        call.abort();
    }
    // A call that nobody waits for any more ends and gives its instance back.
    for call in endless {
        assert!(
            timeout(FOREVER, call)
                .await
                .unwrap()
                .unwrap_err()
                .is_cancelled()
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_waits_its_turn_and_is_refused_when_that_takes_too_long() {
    let world = world_with(|options| {
        options.instances = 1;
        options.admission_wait = Duration::from_millis(500);
    });
    let runtime = &world.runtime;
    upload(runtime, hostile(), 1).await;
    let mut long = command("sleep");
    long.limits.time_ms = 600_000;
    let long = tokio::spawn(runtime.call(long));
    while runtime.stats().running == 0 {
        tokio::task::yield_now().await;
    }
    let refused = runtime.call(command("pass out")).await;
    assert!(
        matches!(refused, Err(InvokeError::Throttled)),
        "{refused:?}"
    );
    assert_eq!(runtime.stats().throttled, 1);
    long.abort();
    assert!(long.await.unwrap_err().is_cancelled());
    // It ends on a thread of its own.
    while runtime.stats().running > 0 {
        tokio::task::yield_now().await;
    }
    runtime
        .call(command("pass out"))
        .await
        .unwrap()
        .result
        .unwrap();
}

/// All shards of a stream whose function looped took all instances, and everybody else's calls were
/// refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_that_takes_all_it_gets_leaves_room_for_others() {
    let world = world_with(|options| {
        options.instances = 4;
        options.function_instances = 2;
        options.dry_runs = 1;
        options.admission_wait = FOREVER;
    });
    let runtime = &world.runtime;
    let info = upload(runtime, hostile(), 1).await;
    // A second version does not get a second share.
    for (function, version) in [("hostile", 2), ("other", 1)] {
        let bound = runtime.bind(name(function), version, info.hash.clone());
        bound.await.unwrap();
    }
    let mut greedy = Vec::new();
    for i in 0..4 {
        let mut call = command("sleep");
        call.version = 1 + i % 2;
        call.limits.time_ms = 600_000;
        greedy.push(tokio::spawn(runtime.call(call)));
    }
    while runtime.stats().running < 2 {
        tokio::task::yield_now().await;
    }
    let mut other = command("pass out");
    other.function = name("other");
    other.limits.time_ms = 60_000;
    let both = [runtime.call(other), runtime.dry_run(command("pass out"))];
    for call in both {
        let invoked = timeout(FOREVER, call).await.unwrap().unwrap();
        invoked.result.unwrap();
    }
    let tried = timeout(FOREVER, runtime.compile(hostile(), Limits::default()))
        .await
        .unwrap();
    tried.unwrap();
    assert_eq!(runtime.stats().running, 2);
    for call in greedy {
        call.abort();
    }
}

/// A guest that computed held the thread of whoever called it, and with it all that ran there.
#[tokio::test]
async fn a_guest_that_computes_runs_though_its_caller_does_not() {
    let world = world_with(|_| {});
    let runtime = &world.runtime;
    upload(runtime, hostile(), 1).await;
    let mut endless = command("loop");
    endless.limits.time_ms = 600_000;
    let mut endless = runtime.call(endless);
    // Polled once: from then on the guest needs this thread no more.
    let waker = &mut Context::from_waker(Waker::noop());
    assert!(endless.as_mut().poll(waker).is_pending());
    while runtime.stats().running == 0 {
        std::thread::yield_now();
    }
    drop(endless);
    while runtime.stats().running > 0 {
        std::thread::yield_now();
    }
}

#[tokio::test]
async fn many_traps_leave_nothing_behind() {
    let runtime = shared().await;
    for _ in 0..200 {
        for attack in ["trap", "exit 1"] {
            let invoked = runtime.call(command(attack)).await.unwrap();
            let error = invoked.result.unwrap_err();
            let trapped = matches!(
                error,
                GuestError::Trapped { .. } | GuestError::Exited { .. }
            );
            assert!(trapped, "{error}");
        }
    }
    verdict(command("pass out")).await;
}
