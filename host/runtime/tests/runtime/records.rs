//! The world without an SDK, and core modules that carry their interface.

use bytes::Bytes;
use millstream_core::port::{Disposition, GuestError, Invoke, Limits};
use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::support::{World, call, limit, upload, world};

/// A core module for world `record-handler`, as a C compiler with wit-bindgen would leave it.
/// `body` answers the pointer of a response; `$events` and `$count` are its parameters.
fn record_handler(body: &str) -> Bytes {
    let text = format!(
        r#"(module
            (memory (export "memory") 2)
            (table $t 1 funcref)
            (global $free (mut i32) (i32.const 4096))
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                (local $at i32)
                (local.set $at (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
                (global.set $free (i32.add (local.get $at) (local.get 3)))
                (local.get $at))
            (func $deeper (call $deeper) (call $deeper))
            (func (export "handle-records") (param $events i32) (param $count i32) (result i32)
                {body}))"#
    );
    let mut core = wat::parse_str(text).unwrap();
    let mut wit = Resolve::default();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit");
    let (package, _) = wit.push_path(path).unwrap();
    let world = wit
        .select_world(&[package], Some("record-handler"))
        .unwrap();
    embed_component_metadata(&mut core, &wit, world, StringEncoding::UTF8).unwrap();
    core.into()
}

/// Rejects the last event, with its key as the reason: `ok({ outputs: [], failures: [that] })`.
const REJECT_LAST: &str = r#"
    (local $last i32)
    (local.set $last
        (i32.add (local.get $events)
            (i32.mul (i32.const 32) (i32.sub (local.get $count) (i32.const 1)))))
    (i32.store (i32.const 1024) (i32.sub (local.get $count) (i32.const 1)))
    (i32.store8 (i32.const 1028) (i32.const 1))
    (i32.store (i32.const 1032) (i32.load (local.get $last)))
    (i32.store (i32.const 1036) (i32.load offset=4 (local.get $last)))
    (i32.store (i32.const 2060) (i32.const 1024))
    (i32.store (i32.const 2064) (i32.const 1))
    (i32.const 2048)"#;

async fn with(body: &str) -> World {
    let world = world();
    let info = upload(&world.runtime, record_handler(body), 1).await;
    assert_eq!(info.world, "record-handler");
    world
}

#[tokio::test]
async fn events_arrive_whole_and_failures_come_back() {
    let world = with(REJECT_LAST).await;
    let call = call(&[("first", "1"), ("last one", "2")]);
    let verdict = world.runtime.call(call).await.unwrap().result.unwrap();
    let failure = &verdict.failures[0];
    assert_eq!(
        (failure.index, failure.disposition),
        (1, Disposition::Reject)
    );
    assert_eq!(failure.reason, "last one");
}

#[tokio::test]
async fn tables_grow_to_their_limit() {
    let grow = "(if (i32.eq (table.grow $t (ref.null func) (i32.const 1000)) (i32.const -1))
            (then unreachable))
        (i32.const 2048)";
    let world = with(grow).await;
    let mut call = call(&[("k", "")]);
    world
        .runtime
        .call(call.clone())
        .await
        .unwrap()
        .result
        .unwrap();
    call.limits = Limits {
        table_elements: 1_000,
        ..Limits::default()
    };
    let invoked = world.runtime.call(call).await.unwrap();
    assert_eq!(limit(&invoked), "table_elements");
}

#[tokio::test]
async fn recursion_is_told_as_an_exhausted_stack() {
    let world = with("(call $deeper) (i32.const 2048)").await;
    let invoked = world.runtime.call(call(&[("k", "")])).await.unwrap();
    match invoked.result {
        Err(GuestError::Limit { limit, message }) => {
            assert_eq!(limit, "guest_stack_bytes");
            assert!(message.contains("call stack exhausted"), "{message}");
            assert!(message.contains("524288 bytes"), "{message}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn pointers_that_lie_are_an_invalid_answer() {
    for body in ["(i32.const -4)", "(i32.const 2049)"] {
        let world = with(body).await;
        let invoked = world.runtime.call(call(&[("k", "")])).await.unwrap();
        assert!(
            matches!(invoked.result, Err(GuestError::Invalid { .. })),
            "{:?}",
            invoked.result
        );
    }
}
