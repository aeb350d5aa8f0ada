//! Compiling happens in a child, and the child's limits hold.

use std::{fmt::Write, time::Duration};

use bytes::Bytes;
use millstream_core::port::{Limits, ModuleError, Modules};

use crate::support::{World, hostile, name, upload, world, world_with};

/// A component whose one function takes a register allocator very long: loops within each other,
/// every local alive across all of them.
fn bomb() -> Bytes {
    const LOCALS: usize = 3_000;
    const LOOPS: usize = 150;
    let mut body = format!("(local{})", " i64".repeat(LOCALS));
    for i in 0..LOOPS {
        write!(body, "loop $l{i} ").unwrap();
    }
    for i in 0..LOCALS {
        let other = (i * 7 + 1) % LOCALS;
        write!(
            body,
            "(local.set {i} (i64.add (local.get {other}) (local.get {i})))"
        )
        .unwrap();
    }
    for i in (0..LOOPS).rev() {
        write!(body, "(br_if $l{i} (i64.eqz (local.get {i}))) end ").unwrap();
    }
    component(&body)
}

/// A component that exports `handle`, though not with the type of ours.
fn component(body: &str) -> Bytes {
    let text = format!(
        r#"(component
            (core module $m (func (export "f") {body}))
            (core instance $i (instantiate $m))
            (func (export "handle") (canon lift (core func $i "f"))))"#
    );
    wat::parse_str(text).unwrap().into()
}

async fn hit(world: &World, wasm: Bytes) -> String {
    match world.runtime.compile(wasm, Limits::default()).await {
        Err(ModuleError::Limit { limit, .. }) => limit,
        other => panic!("{other:?}"),
    }
}

fn files(world: &World) -> usize {
    std::fs::read_dir(world.dir.path()).unwrap().count()
}

#[tokio::test]
async fn a_compile_bomb_is_stopped_by_processor_time() {
    let world = world_with(|options| options.compile.cpu_seconds = 1);
    assert_eq!(hit(&world, bomb()).await, "cpu_seconds");
    assert_eq!(files(&world), 0);
}

#[tokio::test]
async fn a_compile_bomb_is_stopped_by_the_clock() {
    let world = world_with(|options| options.compile.wall = Duration::from_millis(300));
    assert_eq!(hit(&world, bomb()).await, "wall");
    assert_eq!(files(&world), 0);
}

#[tokio::test]
async fn a_compiler_without_memory_is_told_as_that() {
    let world = world_with(|options| options.compile.address_space_bytes = 1 << 20);
    assert_eq!(hit(&world, hostile()).await, "address_space_bytes");
    assert_eq!(files(&world), 0);
}

/// What makes a component of a core module once ran in the host itself.
#[tokio::test]
async fn an_upload_is_taken_apart_under_the_limits_of_the_compiler() {
    let liar = r#"(module (@custom "component-type:x" "\00\01\02"))"#;
    let liar = Bytes::from(wat::parse_str(liar).unwrap());
    let too_many = format!("(module {})", "(func)".repeat(100_001));
    let too_many = Bytes::from(wat::parse_str(too_many).unwrap());
    let ample = world();
    match ample.runtime.compile(liar, Limits::default()).await {
        Err(ModuleError::NotAModule { message }) => {
            assert!(message.contains("no component can be made"), "{message}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(hit(&ample, too_many.clone()).await, "functions");
    let tight = world_with(|options| options.compile.address_space_bytes = 1 << 20);
    assert_eq!(hit(&tight, too_many).await, "address_space_bytes");
}

#[tokio::test]
async fn after_a_bomb_the_next_module_compiles() {
    let world = world_with(|options| options.compile.cpu_seconds = 4);
    assert_eq!(hit(&world, bomb()).await, "cpu_seconds");
    let info = upload(&world.runtime, hostile(), 1).await;
    assert_eq!(
        (info.world.as_str(), info.size),
        ("handler", hostile().len() as u64)
    );
    assert!(
        info.imports
            .iter()
            .any(|i| i == "millstream:function/runtime@0.1.0")
    );
    assert!(info.imports.is_sorted());
    assert_eq!(world.runtime.stats().compiled, 1);
}

#[tokio::test]
async fn an_upload_too_big_is_not_looked_at() {
    let wasm = Bytes::from(vec![0; 33 << 20]);
    assert_eq!(hit(&world(), wasm).await, "module_bytes");
}

#[tokio::test]
async fn a_compiler_that_is_not_there_is_the_hosts_failure() {
    let world = world_with(|options| options.compiler = "/nowhere/at/all".into());
    let error = world
        .runtime
        .compile(hostile(), Limits::default())
        .await
        .unwrap_err();
    assert!(matches!(error, ModuleError::Host { .. }), "{error}");
}

#[tokio::test]
async fn an_export_of_another_type_is_refused_with_what_differs() {
    let world = world();
    let compiled = world.runtime.compile(component(""), Limits::default());
    match compiled.await.unwrap_err() {
        ModuleError::NoWorld { message } => assert!(message.contains("handle"), "{message}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(files(&world), 0, "machine code of no use is kept");
}

/// A compile bomb once held up even the uploads that need no compiler.
#[tokio::test]
async fn what_is_compiled_already_does_not_wait_behind_a_bomb() {
    let world = world_with(|options| options.compile.wall = Duration::from_secs(600));
    let known = upload(&world.runtime, hostile(), 1).await;
    let mut bomb = world.runtime.compile(bomb(), Limits::default());
    tokio::select! {
        ended = &mut bomb => panic!("{ended:?}"),
        again = world.runtime.compile(hostile(), Limits::default()) => {
            assert_eq!(again.unwrap(), known);
        }
    }
}

#[tokio::test]
async fn an_unbound_version_is_gone_and_the_kept_one_is_not() {
    let world = world();
    let info = upload(&world.runtime, hostile(), 1).await;
    let bind = |function, version| {
        world
            .runtime
            .bind(name(function), version, info.hash.clone())
    };
    bind("hostile", 2).await.unwrap();
    bind("other", 1).await.unwrap();
    world.runtime.unbind(&name("hostile"), &[2]);
    assert_eq!(world.runtime.stats().functions, 2);
    world.runtime.unbind(&name("hostile"), &[]);
    assert_eq!(world.runtime.stats().functions, 1);
    assert_eq!(world.runtime.stats().compiled, 1);
}
