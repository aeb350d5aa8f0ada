//! Modules against the slots that instances live in, and against the limits of their own calls.

use bytes::Bytes;
use millstream_core::port::{Invoke, InvokeError, Limits, ModuleError, Modules};

use crate::support::{World, call, hostile, name, options, upload, world, world_with};

/// A component of our world that has `more` core modules, each once.
fn with_modules(more: &[String]) -> Bytes {
    let mut text = String::from("(component ");
    for (i, module) in more.iter().enumerate() {
        text.push_str(&format!("(core module $m{i} {module}) "));
        text.push_str(&format!("(core instance (instantiate $m{i})) "));
    }
    text.push_str(
        r#"(core module $f (func (export "f")))
        (core instance $i (instantiate $f))
        (func (export "handle") (canon lift (core func $i "f"))))"#,
    );
    wat::parse_str(text).unwrap().into()
}

fn files(world: &World) -> usize {
    std::fs::read_dir(world.dir.path()).unwrap().count()
}

#[tokio::test]
async fn what_no_slot_has_room_for_is_refused_by_the_name_of_the_limit() {
    let world = world();
    let module = |text: &str| vec![text.to_owned()];
    for (modules, expected, numbers) in [
        (vec![String::new(); 20], "core_instances", ["21", "20"]),
        (vec!["(memory 1)".to_owned(); 5], "memories", ["5", "4"]),
        (module(&"(memory 1)".repeat(2)), "memories", ["2", "1"]),
        (module(&"(table 1 funcref)".repeat(2)), "tables", ["2", "1"]),
        (
            module("(memory 4097)"),
            "memory_bytes",
            ["268500992", "268435456"],
        ),
        (
            module("(table 100001 funcref)"),
            "table_elements",
            ["100001", "100000"],
        ),
    ] {
        let compiled = world
            .runtime
            .compile(with_modules(&modules), Limits::default());
        match compiled.await.unwrap_err() {
            ModuleError::Limit { limit, message } => {
                assert_eq!(limit, expected, "{message}");
                for number in numbers {
                    assert!(message.contains(number), "{message}");
                }
            }
            other => panic!("{expected}: {other:?}"),
        }
        assert_eq!(files(&world), 0, "machine code of no use is kept");
    }
}

/// They were tried out under the default limits, whatever those of their calls.
#[tokio::test]
async fn an_upload_is_tried_out_under_the_limits_of_its_calls() {
    let world = world();
    let small = Limits {
        memory_bytes: 64 << 10,
        ..Limits::default()
    };
    match world.runtime.compile(hostile(), small).await.unwrap_err() {
        ModuleError::Limit { limit, .. } => assert_eq!(limit, "memory_bytes"),
        other => panic!("{other:?}"),
    }
    world
        .runtime
        .compile(hostile(), Limits::default())
        .await
        .unwrap();
}

/// It showed as callable, and every call failed.
#[tokio::test]
async fn a_version_that_a_smaller_host_has_no_room_for_has_a_fault() {
    let before = world();
    let info = upload(&before.runtime, hostile(), 1).await;
    assert_eq!(before.runtime.fault(&name("hostile"), 1), None);
    let small = world_with(|smaller| {
        *smaller = options(before.dir.path());
        smaller.memory_bytes_max = 64 << 10;
    });
    let bound = small.runtime.bind(name("hostile"), 1, info.hash.clone());
    assert!(matches!(bound.await, Err(ModuleError::Limit { .. })));
    let fault = small.runtime.fault(&name("hostile"), 1).unwrap();
    assert!(fault.contains("memory_bytes"), "{fault}");
    match small.runtime.call(call(&[])).await {
        Err(InvokeError::NotReady(_, why)) => assert!(why.contains("memory_bytes"), "{why}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(small.runtime.held(Limits::default()).memory_bytes, 64 << 10);
    assert_eq!(small.runtime.stats().functions, 0);
    // The larger host finds what it compiled.
    let bound = before.runtime.bind(name("again"), 1, info.hash.clone());
    bound.await.unwrap();
    assert_eq!(before.runtime.stats().compiled, 1);
}
