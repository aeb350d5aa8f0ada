//! Copies of a running log: consistent, complete, and never at odds with the original's positions.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use millstream_core::{
    port::{Commit, Log as _},
    position::{Position, ShardNumber},
};
use millstream_log::{BackupError, Options, SqliteLog, check};

use crate::world::{ALL, World, contents, put, read_from, records};

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_taken_under_load_is_a_consistent_prefix() {
    let (world, target) = (World::new(), World::new());
    let log = Arc::new(world.open());
    let stop = Arc::new(AtomicBool::new(false));
    let load = tokio::spawn({
        let (log, stop) = (log.clone(), stop.clone());
        async move {
            let mut count = 0_u64;
            while !stop.load(Ordering::Relaxed) {
                let data = format!("{count} {}", "x".repeat(2_000));
                let puts = vec![put("count", &(count + 1).to_string())];
                let commit = Commit {
                    puts,
                    ..records(1, &[data])
                };
                log.commit(commit).await.unwrap().into_inner();
                count += 1;
            }
            count
        }
    });
    log.grown(ShardNumber(1), Position::new(0, 50)).await;
    let before = log.span(ShardNumber(1)).next.ordinal();
    let copier = log.clone();
    let to = target.dir().join("copy");
    let report = tokio::task::spawn_blocking(move || copier.backup(&to, |_, _| ()));
    let report = report.await.unwrap().unwrap();
    stop.store(true, Ordering::Relaxed);
    let count = load.await.unwrap();
    assert!(check(&report.path).unwrap().is_sound());
    let copy = SqliteLog::open(Options {
        dir: report.path,
        ..world.options()
    })
    .unwrap();
    let copied = contents(&copy, 1).await;
    assert!(
        (before..=count).contains(&(copied.len() as u64)),
        "{before} {} {count}",
        copied.len()
    );
    assert!(
        (0..)
            .zip(&copied)
            .all(|(i, data)| data.starts_with(&format!("{i} ")))
    );
    let counted = copy.get_many(vec![Bytes::from("count")]).await.unwrap();
    assert_eq!(
        counted,
        [Some(Bytes::from(copied.len().to_string()))],
        "as of one commit"
    );
}

#[tokio::test]
async fn a_restored_copy_never_gives_a_position_of_the_original_again() {
    let (world, target) = (World::new(), World::new());
    let log = world.open();
    let shared = log.commit(records(1, &["shared"])).await.unwrap()[0].first;
    let to = target.dir().join("copy");
    log.backup(&to, |_, _| ()).unwrap();
    let mut lost = vec![log.commit(records(1, &["lost"])).await.unwrap()[0].first];
    log.close();
    for _ in 0..20 {
        let log = world.open();
        lost.push(log.commit(records(1, &["lost"])).await.unwrap()[0].first);
    }
    let copy = SqliteLog::open(Options {
        dir: to,
        ..world.options()
    })
    .unwrap();
    let new = copy.commit(records(1, &["new"])).await.unwrap()[0].first;
    assert_eq!(
        new.ordinal(),
        shared.ordinal() + 1,
        "ordinals are counted again"
    );
    assert!(
        lost.iter().all(|position| *position < new),
        "{lost:?} {new:?}"
    );
    // Whoever followed the original finds what came instead, and nothing twice.
    for from in lost {
        let found = read_from(&copy, 1, from, ALL).await.unwrap();
        assert_eq!(found, [(new, "new".to_owned())]);
    }
}

#[test]
fn a_copy_overwrites_nothing() {
    let world = World::new();
    let log = world.open();
    let taken = world.dir().join("taken");
    fs::create_dir(&taken).unwrap();
    fs::write(taken.join("file"), "mine").unwrap();
    let refused = log.backup(&taken, |_, _| ()).unwrap_err();
    assert!(matches!(refused, BackupError::Occupied(_)), "{refused}");
    assert_eq!(fs::read_dir(&taken).unwrap().count(), 1);
}
