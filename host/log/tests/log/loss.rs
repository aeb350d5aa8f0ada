//! Damage and loss: never served, never silent.

use std::{
    fs::{self, File},
    path::Path,
    time::Duration,
};

use bytes::Bytes;
use millstream_core::{
    port::{Commit, Log as _, ReadError},
    position::{Position, ShardNumber},
};
use millstream_log::{OpenError, Options, SqliteLog, check};
use rusqlite::Connection;
use tokio::time::{sleep, timeout};

use crate::world::{ALL, World, contents, put, read_from, records};

const DEADLINE: Duration = Duration::from_secs(60);
const FILES: [&str; 3] = ["millstream.db", "millstream.db-wal", "watermark"];

/// What `kill -9` leaves of a log with ten records, once the watermark has caught up.
async fn crashed() -> World {
    let world = World::new();
    let log = world.open();
    for i in 0..10 {
        log.commit(records(1, &[i.to_string()]))
            .await
            .unwrap()
            .into_inner();
    }
    let commit = log.stats().commit_number;
    let caught_up = async {
        while check(world.dir()).unwrap().watermark < commit {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(DEADLINE, caught_up).await.unwrap();
    let copy = World::new();
    for file in FILES {
        fs::copy(world.dir().join(file), copy.dir().join(file)).unwrap();
    }
    copy
}

fn wal(world: &World) -> std::path::PathBuf {
    world.dir().join("millstream.db-wal")
}

fn shorten(path: &Path, by: u64) {
    let file = File::options().write(true).open(path).unwrap();
    let length = file.metadata().unwrap().len();
    file.set_len(length.saturating_sub(by)).unwrap();
}

#[tokio::test]
async fn a_crash_loses_nothing() {
    let world = crashed().await;
    let want: Vec<_> = (0..10).map(|i| i.to_string()).collect();
    assert_eq!(contents(&world.open(), 1).await, want);
}

#[tokio::test]
async fn a_log_that_lost_commits_is_refused_until_the_loss_is_accepted() {
    type Damage = fn(&World);
    let damages: [(&str, Damage); 4] = [
        ("the end is missing", |world| shorten(&wal(world), 20_000)),
        ("the write-ahead log is missing", |world| {
            fs::remove_file(wal(world)).unwrap()
        }),
        ("a bit is flipped", |world| {
            let mut bytes = fs::read(wal(world)).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(wal(world), bytes).unwrap();
        }),
        ("everything is missing", |world| {
            fs::remove_file(wal(world)).unwrap();
            fs::remove_file(world.database()).unwrap();
        }),
    ];
    for (what, damage) in damages {
        let world = crashed().await;
        damage(&world);
        let refused = SqliteLog::open(world.options()).unwrap_err();
        assert!(
            matches!(refused, OpenError::Lost { .. }),
            "{what}: {refused}"
        );
        assert!(refused.to_string().contains("--accept-loss"), "{refused}");
        if let Ok(report) = check(world.dir()) {
            assert!(
                report
                    .problems
                    .iter()
                    .any(|p| p.contains("write-ahead log")),
                "{report:?}"
            );
        }
        let accepting = Options {
            accept_loss: true,
            ..world.options()
        };
        let log = SqliteLog::open(accepting).unwrap();
        let kept = contents(&log, 1).await;
        assert!(kept.len() < 10, "{what}");
        let appended = log.commit(records(1, &["after"])).await.unwrap();
        let lost = Position::new(appended[0].first.epoch() - 1, u64::MAX >> 21);
        assert!(appended[0].first > lost, "no lost position is given again");
        log.close();
        assert_eq!(
            contents(&world.open(), 1).await.len(),
            kept.len() + 1,
            "{what}"
        );
    }
}

/// Three blocks in shard 1 and one in shard 2, closed.
async fn written() -> (World, Vec<Position>) {
    let world = World::new();
    let log = world.open();
    let mut positions = Vec::new();
    for i in 0..3 {
        let data = format!("record {i} {}", "x".repeat(30_000));
        let appended = log.commit(records(1, &[data])).await.unwrap();
        positions.push(appended[0].first);
    }
    let puts = vec![
        put("good", "value"),
        put("bad", "a value that is found in the file"),
    ];
    let commit = Commit {
        puts,
        ..records(2, &["other"])
    };
    log.commit(commit).await.unwrap().into_inner();
    log.close();
    (world, positions)
}

/// Flips one bit of the place where the database file holds `needle`.
fn flip(world: &World, needle: &[u8]) {
    let mut bytes = fs::read(world.database()).unwrap();
    let at = bytes
        .windows(needle.len())
        .position(|window| window == needle)
        .unwrap();
    bytes[at + needle.len() / 2] ^= 4;
    fs::write(world.database(), bytes).unwrap();
}

#[tokio::test]
async fn a_flipped_byte_is_not_served_and_other_records_are() {
    let (world, positions) = written().await;
    flip(&world, b"record 1 xxx");
    let log = world.open();
    let before = log
        .read(ShardNumber(1), Position::START, ALL)
        .await
        .unwrap();
    assert_eq!(before.count(), 1, "the page ends before the damage");
    let damaged = read_from(&log, 1, positions[1], ALL).await;
    let Err(ReadError::Corrupt {
        shard, position, ..
    }) = damaged
    else {
        panic!("{damaged:?}");
    };
    assert_eq!((shard, position.ordinal()), (ShardNumber(1), 1));
    assert_eq!(
        read_from(&log, 1, positions[2], ALL).await.unwrap().len(),
        1
    );
    assert_eq!(contents(&log, 2).await, ["other"]);
    let report = check(world.dir()).unwrap();
    assert!(
        report.problems.iter().any(|p| p.contains("checksum")),
        "{report:?}"
    );
}

#[tokio::test]
async fn a_missing_block_is_noticed() {
    let (world, positions) = written().await;
    let database = Connection::open(world.database()).unwrap();
    database
        .execute("DELETE FROM block WHERE id = (1 << 43) + 1", [])
        .unwrap();
    database.close().unwrap();
    let log = world.open();
    let gap = read_from(&log, 1, positions[1], ALL).await;
    assert!(matches!(gap, Err(ReadError::Corrupt { .. })), "{gap:?}");
    assert!(!check(world.dir()).unwrap().is_sound());
}

#[tokio::test]
async fn a_damaged_value_is_not_served() {
    let (world, _) = written().await;
    flip(&world, b"a value that is found in the file");
    let log = world.open();
    let error = log.get_many(vec![Bytes::from("bad")]).await.unwrap_err();
    assert!(error.to_string().contains("`bad`"), "{error}");
    let good = log.get_many(vec![Bytes::from("good")]).await.unwrap();
    assert_eq!(good, [Some(Bytes::from("value"))]);
    assert_eq!(check(world.dir()).unwrap().problem_count, 1);
}

#[tokio::test]
async fn a_sound_log_checks_as_sound_open_or_closed() {
    let (world, _) = written().await;
    let closed = check(world.dir()).unwrap();
    assert!(closed.is_sound(), "{closed:?}");
    assert_eq!(
        (closed.shards, closed.blocks, closed.records, closed.keys),
        (2, 4, 4, 2)
    );
    assert_eq!(closed.commit_number, closed.watermark);
    let log = world.open();
    log.commit(records(2, &["another"]))
        .await
        .unwrap()
        .into_inner();
    let open = check(world.dir()).unwrap();
    assert!(open.is_sound(), "{open:?}");
    assert_eq!(open.records, 5);
}
