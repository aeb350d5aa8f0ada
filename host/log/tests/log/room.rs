//! What a host that is killed on a full disk leaves there is enough to go on with.
//!
//! The bug: the reserve was given up to a full disk, and what was not used of it at once belonged to
//! whoever came first. The log's file was cut when the disk could be full, and with it went the room
//! in which records can be deleted. When others had taken that room between a kill and the next open,
//! nothing could be deleted any more; and what was deleted could not be written to as long as there
//! was no room for another reserve.

use std::time::{Duration, Instant};

use millstream_core::{
    port::{CommitError, Log as _},
    position::ShardNumber,
};
use millstream_log::{SqliteLog, check};
use tokio::time::{sleep, timeout};

use crate::{
    full::{Load, SmallDisk, ballast, killed, open, resumed, trimmed},
    world::records,
};

const DEADLINE: Duration = Duration::from_secs(20);
const ENDLESS: usize = usize::MAX;

/// Deletes everything and writes again; gives how many records went.
async fn goes_on(log: &SqliteLog, shards: u32) -> u64 {
    let mut gone = 0;
    for shard in 1..=shards {
        let trims = trimmed(log, ShardNumber(shard));
        gone += timeout(DEADLINE, trims).await.unwrap();
    }
    timeout(DEADLINE, resumed(log)).await.unwrap();
    gone
}

async fn survives(load: Load, kills: usize) {
    let Some(disk) = SmallDisk::mount() else {
        eprintln!("skipped: cannot mount a tmpfs here");
        return;
    };
    let data = disk.0.dir().join("data");
    let mut taken = 0;
    for _ in 0..kills {
        taken += killed(&data, load);
        ballast(disk.0.dir());
    }
    let log = open(disk.0.dir(), &disk.0);
    let began = Instant::now();
    assert_eq!(goes_on(&log, load.shards).await, taken, "{load:?}");
    println!("{load:?} after {kills}: went on in {:?}", began.elapsed());
    log.close();
    // A clean stop gives no room away either.
    ballast(disk.0.dir());
    let log = open(disk.0.dir(), &disk.0);
    assert_eq!(goes_on(&log, load.shards).await, 1);
    log.close();
    assert!(check(&data).unwrap().is_sound());
}

#[tokio::test]
async fn whoever_takes_the_room_after_a_kill_does_not_stop_the_log_for_good() {
    let loads = [
        (100_000, 1, 1),
        (20_000, 4, 2),
        (300_000, 2, 3),
        (300_000, 16, 1),
    ];
    for (bytes, shards, kills) in loads {
        let load = Load {
            times: ENDLESS,
            bytes,
            shards,
        };
        survives(load, kills).await;
    }
}

#[tokio::test]
async fn what_was_deleted_is_written_to_again_and_again_on_a_full_disk() {
    let Some(disk) = SmallDisk::mount() else {
        eprintln!("skipped: cannot mount a tmpfs here");
        return;
    };
    let load = Load {
        times: ENDLESS,
        bytes: 50_000,
        shards: 1,
    };
    killed(&disk.0.dir().join("data"), load);
    ballast(disk.0.dir());
    let log = open(disk.0.dir(), &disk.0);
    let data = "x".repeat(load.bytes);
    for _ in 0..3 {
        goes_on(&log, load.shards).await;
        // In all more than the write-ahead log's file holds.
        let until = Instant::now() + DEADLINE;
        let mut taken = 0;
        while taken < 80 {
            match log.commit(records(1, &[&data])).await {
                Ok(_) => taken += 1,
                Err(CommitError::Full) => sleep(Duration::from_millis(20)).await,
                Err(error) => panic!("{error}"),
            }
            assert!(Instant::now() < until, "stuck after {taken}");
        }
    }
}
