//! What a function answers comes back whole: outputs, state, failures, logs, figures.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use millstream_core::port::{Disposition, GuestError, Invoke, InvokeError, Limits};

use crate::support::{Broken, Stored, call, command, given, name, run, shared, verdict};

#[tokio::test]
async fn records_pass_through_unchanged() {
    let records = [("a", "pass out"), ("\u{e9}\u{e9}", ""), ("key", "data\0\n")];
    let verdict = verdict(call(&records)).await;
    let expected = records.map(|(key, data)| (key.to_owned(), data.to_owned()));
    assert_eq!(given(&verdict, "out"), expected);
    assert_eq!(verdict.outputs.len(), 1);
    assert!(verdict.writes.is_empty() && verdict.failures.is_empty());
}

#[tokio::test]
async fn ten_thousand_records_pass_through_unchanged() {
    let data: Vec<String> = (0..10_000).map(|i| format!("{i:0>100}")).collect();
    let mut records = vec![("first", "pass out")];
    records.extend(data.iter().map(|data| ("key", data.as_str())));
    let call = call(&records);
    let batch = Arc::clone(&call.batch);
    let verdict = verdict(call).await;
    let block = &verdict.outputs[0].block;
    assert_eq!(
        (block.keys(), block.data()),
        (&batch.keys[..], &batch.data[..])
    );
    assert!(block.key_ends().eq(batch.key_ends.iter().copied()));
    assert!(block.data_ends().eq(batch.data_ends.iter().copied()));
}

#[tokio::test]
async fn emitted_records_come_before_answered_ones() {
    let verdict = verdict(command("emit first second")).await;
    let streams: Vec<_> = verdict.outputs.iter().map(|o| o.stream.as_str()).collect();
    assert_eq!(streams, ["first", "second"]);
}

#[tokio::test]
async fn the_guest_sees_where_its_batch_comes_from() {
    let verdict = verdict(call(&[("k", "about"), ("l", "")])).await;
    assert_eq!(
        given(&verdict, "told")[0].1,
        "in shardId-000000000007 v1 #2 at [101, 102] [1000, 2000]"
    );
}

#[tokio::test]
async fn settings_are_read_by_name() {
    assert_eq!(
        given(&verdict(command("config color")).await, "told")[0].1,
        "blue"
    );
    assert_eq!(
        given(&verdict(command("config size")).await, "told")[0].1,
        "none"
    );
}

#[tokio::test]
async fn state_is_read_with_the_guests_own_writes_over_it() {
    let mut call = call(&[("a", "count"), ("b", ""), ("a", "")]);
    call.state = Arc::new(Stored(BTreeMap::from([("a".into(), Bytes::from("40"))])));
    let verdict = verdict(call).await;
    let expected =
        [("a", "42"), ("b", "1")].map(|(key, value)| (key.to_owned(), Some(Bytes::from(value))));
    assert_eq!(verdict.writes, BTreeMap::from(expected));
}

#[tokio::test]
async fn a_deleted_key_reads_as_absent() {
    let mut call = command("forget x");
    call.state = Arc::new(Stored(BTreeMap::from([("x".into(), Bytes::from("1"))])));
    let verdict = verdict(call).await;
    assert_eq!(
        given(&verdict, "told")[0].1,
        "[Some([49]), None, Some([49])] [None, None, None]"
    );
    assert_eq!(verdict.writes, BTreeMap::from([("x".to_owned(), None)]));
}

#[tokio::test]
async fn state_that_cannot_be_read_is_the_hosts_failure() {
    let mut call = command("forget x");
    call.state = Arc::new(Broken);
    match shared().await.call(call).await {
        Err(InvokeError::Host(message)) => assert!(message.contains("the disk is gone")),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn failures_come_in_rising_order() {
    let records = [
        ("k", "fail"),
        ("k", "reject"),
        ("k", "fine"),
        ("k", "retry"),
    ];
    let verdict = verdict(call(&records)).await;
    let seen: Vec<_> = verdict
        .failures
        .iter()
        .map(|f| (f.index, f.disposition, f.reason.as_str()))
        .collect();
    assert_eq!(
        seen,
        [
            (1, Disposition::Reject, "record 1"),
            (3, Disposition::Retry, "record 3")
        ]
    );
}

#[tokio::test]
async fn an_invalid_answer_is_called_that() {
    for (what, why) in [
        ("fail-beyond", "failure of record 1"),
        ("crooked", "key ends"),
    ] {
        match run(command(what)).await.result {
            Err(GuestError::Invalid { message }) => assert!(message.contains(why), "{message}"),
            other => panic!("{what}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_returned_error_is_told_and_cut() {
    match run(command("error no")).await.result {
        Err(GuestError::Returned { message }) => assert_eq!(message, "no".repeat(2_048)),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_is_logged_or_printed_becomes_log_lines() {
    let invoked = run(command("say")).await;
    let lines: Vec<_> = invoked
        .logs
        .iter()
        .map(|l| (l.level, l.message.as_str()))
        .collect();
    assert_eq!(
        lines,
        [
            (0, "logged"),
            (1, "logged"),
            (2, "logged"),
            (3, "logged"),
            (4, "logged"),
            (4, "logged"),
            (2, "printed"),
            (4, "warned"),
        ]
    );
    assert_eq!(invoked.logs_dropped, 0);
}

#[tokio::test]
async fn figures_say_what_a_call_took() {
    let small = run(command("pass out")).await.usage;
    assert!(small.time_us > 0);
    assert!(
        (64 << 10..16 << 20).contains(&small.memory_bytes),
        "{small:?}"
    );
    let mut call = command("allocate 50000000");
    call.limits.memory_bytes = 64 << 20;
    let large = run(call).await.usage;
    assert!(
        (50_000_000..=64 << 20).contains(&large.memory_bytes),
        "{large:?}"
    );
}

#[tokio::test]
async fn a_guest_may_cope_with_what_it_is_refused() {
    let told = given(&verdict(command("cope")).await, "told").remove(0).1;
    assert!(told.starts_with("refused true, emit Err("), "{told}");
    assert!(told.contains("stream name has '/'"), "{told}");
}

#[tokio::test]
async fn a_guest_sees_nothing_of_the_machine() {
    let told = given(&verdict(command("look")).await, "told").remove(0).1;
    assert_eq!(
        told,
        "variables 0 arguments 0 file false directory false network Err(PermissionDenied)"
    );
}

#[tokio::test]
async fn every_call_has_an_instance_of_its_own() {
    let before = run(command("pass out")).await.usage.memory_bytes;
    run(command("allocate 30000000")).await;
    assert_eq!(run(command("pass out")).await.usage.memory_bytes, before);
}

#[tokio::test]
async fn what_is_not_bound_is_not_ready() {
    let runtime = shared().await;
    let mut wrong_version = command("pass out");
    wrong_version.version = 99;
    let mut wrong_name = command("pass out");
    wrong_name.function = name("other");
    for call in [wrong_version, wrong_name] {
        let refused = runtime.call(call).await;
        assert!(
            matches!(refused, Err(InvokeError::NotReady(..))),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn an_empty_batch_is_a_batch() {
    let invoked = run(call(&[])).await;
    assert!(matches!(invoked.result, Err(GuestError::Returned { .. })));
}

#[tokio::test]
async fn a_limit_above_the_hosts_own_is_held_at_the_hosts() {
    let mut call = command("allocate 300000000");
    call.limits = Limits {
        memory_bytes: 1 << 40,
        ..Limits::default()
    };
    match run(call).await.result {
        Err(GuestError::Limit { limit, message }) => {
            assert_eq!(limit, "memory_bytes");
            assert!(message.contains("268435456 are allowed"), "{message}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn limits_without_bound_are_no_trouble() {
    let mut call = command("say");
    call.limits = Limits {
        memory_bytes: u64::MAX,
        time_ms: u64::MAX,
        table_elements: u64::MAX,
        output_records: u64::MAX,
        output_bytes: u64::MAX,
        state_entries: u64::MAX,
        state_bytes: u64::MAX,
        log_bytes: u64::MAX,
        call_bytes: u64::MAX,
        random_bytes: u64::MAX,
        handles: u64::MAX,
    };
    assert_eq!(run(call).await.logs.len(), 8);
}
