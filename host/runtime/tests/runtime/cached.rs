//! The cache: what was compiled is loaded again, and only if it is exactly that.

use std::{fs, path::PathBuf};

use millstream_core::port::{Invoke, Limits, ModuleError, Modules};
use millstream_runtime::Runtime;

use crate::support::{World, command, hostile, name, options, upload, world};

fn code(world: &World) -> PathBuf {
    let files = fs::read_dir(world.dir.path()).unwrap();
    let mut code = files
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "cwasm"));
    code.next().unwrap()
}

#[tokio::test]
async fn after_a_restart_binding_needs_no_compiler() {
    let world = world();
    let info = upload(&world.runtime, hostile(), 1).await;
    let mut options = options(world.dir.path());
    options.compiler = "/nowhere/at/all".into();
    let again = Runtime::new(options).unwrap();
    again
        .bind(name("hostile"), 1, info.hash.clone())
        .await
        .unwrap();
    again
        .call(command("pass out"))
        .await
        .unwrap()
        .result
        .unwrap();
    // The same upload is known already.
    assert_eq!(
        again.compile(hostile(), Limits::default()).await.unwrap(),
        info
    );
}

#[tokio::test]
async fn a_damaged_file_is_compiled_again_and_never_loaded() {
    let world = world();
    let info = upload(&world.runtime, hostile(), 1).await;
    let path = code(&world);
    let whole = fs::read(&path).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    let cut = whole[..whole.len() - 4096].to_vec();
    for damaged in [flipped, cut, Vec::new()] {
        // Another file under the name: what is loaded stays mapped from the old one.
        fs::remove_file(&path).unwrap();
        fs::write(&path, damaged).unwrap();
        let refused = world
            .runtime
            .bind(name("again"), 1, info.hash.clone())
            .await;
        match refused.unwrap_err() {
            ModuleError::Host { message } => {
                assert!(message.contains("must be compiled again"), "{message}");
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(
            world
                .runtime
                .compile(hostile(), Limits::default())
                .await
                .unwrap(),
            info
        );
        let bound = world.runtime.bind(name("again"), 1, info.hash.clone());
        bound.await.unwrap();
        assert_eq!(fs::read(&path).unwrap(), whole);
    }
    assert_eq!(world.runtime.stats().compiled, 4);
}

#[tokio::test]
async fn a_name_that_is_no_hash_opens_no_file() {
    for bad in ["", "../../etc/passwd", "abc"] {
        let refused = world().runtime.bind(name("hostile"), 1, bad.into()).await;
        assert!(
            matches!(refused, Err(ModuleError::Host { .. })),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn two_uploads_at_once_compile_once() {
    let world = world();
    let (one, two) = tokio::join!(
        world.runtime.compile(hostile(), Limits::default()),
        world.runtime.compile(hostile(), Limits::default())
    );
    assert_eq!(one.unwrap(), two.unwrap());
    assert_eq!(world.runtime.stats().compiled, 1);
}
