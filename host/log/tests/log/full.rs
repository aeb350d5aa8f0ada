//! A full disk: commits are refused and may be tried again, reads go on, room can be made.

use std::{path::Path, process::Command, time::Duration};

use millstream_core::{
    port::{Commit, CommitError, Log as _},
    position::{Position, ShardNumber},
    time::Millis,
};
use millstream_log::{Options, SqliteLog, check};
use tokio::time::{sleep, timeout};

use crate::world::{ALL, World, put, read_from, records};

const SHARD: ShardNumber = ShardNumber(1);
const DEADLINE: Duration = Duration::from_secs(60);

/// Commits until the disk is full; gives how many records are in.
async fn fill(log: &SqliteLog) -> u64 {
    let data = "x".repeat(100_000);
    for count in 0.. {
        match log.commit(records(1, &[&data])).await {
            Ok(appended) => assert_eq!(appended[0].first.ordinal(), count),
            Err(CommitError::Full) => return count,
            Err(error) => panic!("{error}"),
        }
    }
    unreachable!("a disk has an end")
}

/// Commits until it succeeds.
async fn resumed(log: &SqliteLog) {
    let succeeds = async {
        loop {
            match log.commit(records(1, &["resumed"])).await {
                Ok(_) => return,
                Err(CommitError::Full) => sleep(Duration::from_millis(20)).await,
                Err(error) => panic!("{error}"),
            }
        }
    };
    timeout(DEADLINE, succeeds).await.unwrap();
}

#[tokio::test]
async fn what_does_not_fit_is_refused_whole_and_reads_go_on() {
    let world = World::new();
    let options = || Options {
        max_pages: Some(200),
        tail_bytes: 0,
        ..world.options()
    };
    let log = SqliteLog::open(options()).unwrap();
    let count = fill(&log).await;
    assert!(count > 10);
    let both = Commit {
        puts: vec![put("k", &"v".repeat(2_000_000))],
        ..records(1, &["x"])
    };
    assert_eq!(log.commit(both).await, Err(CommitError::Full));
    assert!(CommitError::Full.is_retriable());
    assert_eq!(
        read_from(&log, 1, Position::START, ALL)
            .await
            .unwrap()
            .len() as u64,
        count
    );
    assert!(log.scan("".into()).await.unwrap().is_empty());
    assert!(log.stats().full >= 2);
    while log.trim(SHARD, Millis(u64::MAX)).await.unwrap() > 0 {}
    resumed(&log).await;
    assert_eq!(
        log.span(SHARD).next.ordinal(),
        count + 1,
        "a refused commit takes no position"
    );
    log.close();
    let log = SqliteLog::open(options()).unwrap();
    assert_eq!(
        read_from(&log, 1, Position::START, ALL)
            .await
            .unwrap()
            .len(),
        1
    );
    assert!(check(world.dir()).unwrap().is_sound());
}

/// A file system of a few megabytes, unmounted with the test.
struct SmallDisk(World);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let world = World::new();
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", "size=24m", "tmpfs"])
            .arg(world.dir());
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        mounted.then_some(Self(world))
    }

    fn grow(&self) {
        let mut mount = Command::new("mount");
        mount.args(["-o", "remount,size=64m"]).arg(self.0.dir());
        assert!(mount.status().unwrap().success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount")
            .arg("--lazy")
            .arg(self.0.dir())
            .status();
        assert!(unmounted.is_ok_and(|status| status.success()));
    }
}

fn open(dir: &Path, world: &World) -> SqliteLog {
    let dir = dir.join("data");
    SqliteLog::open(Options {
        dir,
        tail_bytes: 0,
        ..world.options()
    })
    .unwrap()
}

#[tokio::test]
async fn writes_resume_when_the_disk_grows() {
    let Some(disk) = SmallDisk::mount() else {
        eprintln!("skipped: cannot mount a tmpfs here");
        return;
    };
    let log = open(disk.0.dir(), &disk.0);
    let count = fill(&log).await;
    assert_eq!(log.commit(records(1, &["x"])).await, Err(CommitError::Full));
    assert_eq!(
        read_from(&log, 1, Position::START, ALL)
            .await
            .unwrap()
            .len() as u64,
        count
    );
    disk.grow();
    resumed(&log).await;
    assert_eq!(log.span(SHARD).next.ordinal(), count + 1);
}

#[tokio::test]
async fn a_full_disk_still_has_room_for_deleting() {
    let Some(disk) = SmallDisk::mount() else {
        eprintln!("skipped: cannot mount a tmpfs here");
        return;
    };
    let log = open(disk.0.dir(), &disk.0);
    let count = fill(&log).await;
    let (mut gone, mut step) = (0, 1);
    while step > 0 {
        step = match log.trim(SHARD, Millis(u64::MAX)).await {
            Ok(step) => step,
            // A checkpoint may be using the room at this moment, and gives it back when it is done.
            Err(CommitError::Full) => {
                sleep(Duration::from_millis(20)).await;
                continue;
            }
            Err(error) => panic!("{error}"),
        };
        gone += step;
    }
    assert_eq!(gone, count);
    let drops = vec![ShardNumber(2)];
    log.commit(Commit {
        drops,
        ..Commit::default()
    })
    .await
    .unwrap()
    .into_inner();
    log.close();
    let log = open(disk.0.dir(), &disk.0);
    assert_eq!(log.span(SHARD).next.ordinal(), count);
    assert!(check(&disk.0.dir().join("data")).unwrap().is_sound());
}
