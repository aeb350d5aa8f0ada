//! Uploads that are refused, each with a reason that a person can act on.

use bytes::Bytes;
use millstream_core::port::{Limits, ModuleError, Modules};

use crate::support::{hostile, shared};

async fn refusal(wasm: impl Into<Bytes>) -> ModuleError {
    shared()
        .await
        .compile(wasm.into(), Limits::default())
        .await
        .unwrap_err()
}

#[tokio::test]
async fn bytes_of_another_kind_are_refused_as_what_they_are() {
    for (bytes, what) in [
        (&b""[..], "empty"),
        (b"<html>", "not WebAssembly"),
        (b"(module)", "WebAssembly text"),
        (b"\x7fELF\x02\x01\x01", "precompiled"),
    ] {
        match refusal(bytes).await {
            ModuleError::NotAModule { message } => {
                assert!(message.contains(what), "{message}");
                assert!(
                    message.contains("expected is a WebAssembly component"),
                    "{message}"
                );
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_truncated_upload_is_refused_with_the_place() {
    let whole = hostile();
    for length in [6, 9, 100, whole.len() / 2, whole.len() - 1] {
        match refusal(whole.slice(..length)).await {
            ModuleError::NotAModule { message } => {
                assert!(message.contains("truncated at byte"), "{length}: {message}");
            }
            other => panic!("{length}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn damaged_bytes_never_pass_as_a_module_that_traps_the_host() {
    let whole = hostile();
    for at in (10..whole.len()).step_by(whole.len() / 12) {
        let mut damaged = whole.to_vec();
        damaged[at] ^= 0xff;
        // Some changes are harmless to the format; none may be more than an error.
        let _ = shared()
            .await
            .compile(damaged.into(), Limits::default())
            .await;
    }
}

#[tokio::test]
async fn a_component_for_another_world_is_refused_with_all_that_is_missing() {
    let text = r#"(component
        (import "wasi:http/outgoing-handler@0.2.0" (instance))
        (import "acme:db/query" (instance))
        (core module $m (func (export "f")))
        (core instance $i (instantiate $m))
        (func (export "run") (canon lift (core func $i "f"))))"#;
    match refusal(wat::parse_str(text).unwrap()).await {
        ModuleError::NoWorld { message } => {
            for part in [
                "`handle`",
                "exports run",
                "wasi:http/outgoing-handler@0.2.0",
                "acme:db",
            ] {
                assert!(message.contains(part), "{message}");
            }
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_import_of_a_known_name_with_another_shape_is_refused() {
    let text = r#"(component
        (import "wasi:cli/exit@0.2.0" (instance (export "leave" (func))))
        (core module $m (func (export "f")))
        (core instance $i (instantiate $m))
        (func (export "handle") (canon lift (core func $i "f"))))"#;
    match refusal(wat::parse_str(text).unwrap()).await {
        ModuleError::NoWorld { message } => {
            assert!(message.contains("wasi:cli/exit"), "{message}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn code_that_does_not_validate_is_refused_with_the_place() {
    let text = r#"(component
        (core module $m (func (export "f") i32.add drop))
        (core instance $i (instantiate $m))
        (func (export "handle") (canon lift (core func $i "f"))))"#;
    match refusal(wat::parse_str(text).unwrap()).await {
        ModuleError::NotAModule { message } => assert!(message.contains("offset"), "{message}"),
        other => panic!("{other:?}"),
    }
}
