//! Opening: one process a directory, only data that is ours and whole, a new epoch each time.

use std::fs;

use millstream_core::{
    port::Log as _,
    position::{Position, ShardNumber},
};
use millstream_log::{OpenError, Options, SqliteLog};
use rusqlite::Connection;

use crate::world::{World, contents, records};

#[test]
fn a_second_opener_is_refused_and_the_first_undisturbed() {
    let world = World::new();
    let log = world.open();
    let refused = SqliteLog::open(world.options()).unwrap_err();
    assert!(matches!(refused, OpenError::Locked { .. }), "{refused}");
    assert!(
        refused
            .to_string()
            .contains(&world.dir().display().to_string())
    );
    drop(log);
    world.open();
}

#[tokio::test]
async fn data_of_a_newer_version_is_refused_and_left_alone() {
    let world = World::new();
    let log = world.open();
    log.commit(records(1, &["a"])).await.unwrap().into_inner();
    log.close();
    let raise = |version: u32| {
        let database = Connection::open(world.database()).unwrap();
        database
            .pragma_update(None, "user_version", version)
            .unwrap();
    };
    raise(999);
    let refused = SqliteLog::open(world.options()).unwrap_err();
    assert!(
        matches!(refused, OpenError::Newer { found: 999, .. }),
        "{refused}"
    );
    assert!(!refused.to_string().contains('\n'));
    raise(2);
    assert_eq!(contents(&world.open(), 1).await, ["a"]);
}

#[tokio::test]
async fn data_of_the_first_version_is_led_on_with_all_that_is_in_it() {
    let world = World::new();
    let log = world.open();
    for (shard, datum) in [(1, "a"), (2, "b"), (1, "c")] {
        log.commit(records(shard, &[datum]))
            .await
            .unwrap()
            .into_inner();
    }
    log.close();
    // As the first version had it: what the second added is gone.
    let database = Connection::open(world.database()).unwrap();
    let back = "ALTER TABLE shard DROP COLUMN closed; PRAGMA user_version = 1;";
    database.execute_batch(back).unwrap();
    drop(database);
    let log = world.open();
    assert_eq!(contents(&log, 1).await, ["a", "c"]);
    assert_eq!(contents(&log, 2).await, ["b"]);
    log.commit(records(2, &["d"])).await.unwrap().into_inner();
    log.close();
    assert_eq!(contents(&world.open_cold(), 2).await, ["b", "d"]);
    let report = millstream_log::check(world.dir()).unwrap();
    assert!(report.is_sound(), "{report:?}");
}

#[test]
fn a_database_of_another_program_is_refused() {
    let world = World::new();
    Connection::open(world.database())
        .unwrap()
        .execute_batch("CREATE TABLE t (a)")
        .unwrap();
    let refused = SqliteLog::open(world.options()).unwrap_err();
    assert!(matches!(refused, OpenError::Foreign { .. }), "{refused}");
    fs::write(world.database(), [7; 40_000]).unwrap();
    let refused = SqliteLog::open(world.options()).unwrap_err();
    assert!(matches!(refused, OpenError::Foreign { .. }), "{refused}");
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let world = World::new();
    let file = world.dir().join("file");
    fs::write(&file, "").unwrap();
    let refused = SqliteLog::open(Options::new(file.join("data"))).unwrap_err();
    assert!(refused.to_string().contains("file/data"), "{refused}");
}

#[tokio::test]
async fn each_open_raises_the_epoch_and_positions_with_it() {
    let world = World::new();
    let (mut epochs, mut positions) = (Vec::new(), Vec::new());
    for i in 0..4 {
        let log = world.open();
        epochs.push(log.stats().epoch);
        let next = log.span(ShardNumber(1)).next;
        let appended = log.commit(records(1, &[i.to_string()])).await.unwrap();
        assert!(appended[0].first >= next);
        positions.push(appended[0].first);
    }
    assert!(
        epochs.windows(2).all(|pair| pair[0] < pair[1]),
        "{epochs:?}"
    );
    let want: Vec<_> = (0..)
        .zip(&epochs)
        .map(|(i, e)| Position::new(*e, i))
        .collect();
    assert_eq!(positions, want);
    let log = world.open();
    assert_eq!(contents(&log, 1).await, ["0", "1", "2", "3"]);
    assert_eq!(log.span(ShardNumber(1)).next, positions[3].plus(1));
}

#[tokio::test]
async fn whoever_read_everything_has_nothing_to_read_after_a_reopen() {
    let world = World::new();
    let log = world.open();
    log.commit(records(1, &["a"])).await.unwrap().into_inner();
    let read_up_to = log.span(ShardNumber(1)).next;
    log.close();
    let log = world.open();
    let waiting = log.grown(ShardNumber(1), read_up_to);
    log.commit(records(1, &["b"])).await.unwrap().into_inner();
    assert_eq!(
        waiting.await.ordinal(),
        2,
        "it waited for the record, not for the epoch"
    );
}
