//! A full disk: commits are refused and may be tried again, reads go on, room can be made.

use std::{
    env,
    fs::File,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

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
async fn accepted(log: &SqliteLog, commit: Commit) {
    loop {
        match log.commit(commit.clone()).await {
            Ok(_) => return,
            Err(CommitError::Full) => sleep(Duration::from_millis(20)).await,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Appends until it succeeds.
pub(crate) async fn resumed(log: &SqliteLog) {
    let succeeds = accepted(log, records(1, &["resumed"]));
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
pub(crate) struct SmallDisk(pub(crate) World);

impl SmallDisk {
    pub(crate) fn mount() -> Option<Self> {
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

pub(crate) fn open(dir: &Path, world: &World) -> SqliteLog {
    SqliteLog::open(Options {
        dir: dir.join("data"),
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
    assert_eq!(trimmed(&log, SHARD).await, count);
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

const FILL: &str = "MILLSTREAM_LOG_TEST_FILL";

/// What a host commits before it is killed: so many records, or as many as there is room for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) times: usize,
    pub(crate) bytes: usize,
    pub(crate) shards: u32,
}

/// Commits what the environment says, tells how much of it was taken, and waits to be killed. Does
/// nothing without an environment.
#[tokio::test]
async fn child() {
    let Some(dir) = env::var_os(FILL) else {
        return;
    };
    let number = |name| env::var(name).unwrap().parse::<usize>().unwrap();
    let log = SqliteLog::open(Options::new(dir)).unwrap();
    let data = "x".repeat(number("BYTES"));
    let (times, mut shards, mut taken) = (number("TIMES"), (1..).take(number("SHARDS")).cycle(), 0);
    while taken < times {
        match log.commit(records(shards.next().unwrap(), &[&data])).await {
            Ok(_) => taken += 1,
            Err(CommitError::Full) => break,
            Err(error) => panic!("{error}"),
        }
    }
    std::io::stdout()
        .write_all(format!("taken {taken}\n").as_bytes())
        .unwrap();
    std::future::pending::<()>().await;
}

/// A host that commits, if there is room, and is killed; gives how often it did.
pub(crate) fn killed(dir: &Path, load: Load) -> u64 {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["full::child", "--exact", "--nocapture", "--test-threads=1"]);
    command.env(FILL, dir).env("TIMES", load.times.to_string());
    command.env("BYTES", load.bytes.to_string());
    command.env("SHARDS", load.shards.to_string());
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let taken = lines.find_map(|line| {
        let line = line.unwrap();
        let (_, taken) = line.split_once("taken ")?;
        Some(taken.parse().unwrap())
    });
    child.kill().unwrap();
    child.wait().unwrap();
    taken.expect("the child committed")
}

/// Takes every free byte of the disk.
pub(crate) fn ballast(disk: &Path) {
    let mut file = File::create(disk.join("ballast")).unwrap();
    for piece in [1 << 20, 4096, 1] {
        while file.write_all(&vec![0; piece]).is_ok() {}
    }
    file.sync_all().unwrap();
}

/// Trims all of a shard; gives how many records went.
pub(crate) async fn trimmed(log: &SqliteLog, shard: ShardNumber) -> u64 {
    let (mut gone, mut step) = (0, 1);
    while step > 0 {
        step = match log.trim(shard, Millis(u64::MAX)).await {
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
    gone
}

/// Opens what is on a disk that has no room at all, and deletes until there is some.
async fn recovers(disk: &SmallDisk, count: u64) {
    ballast(disk.0.dir());
    let log = open(disk.0.dir(), &disk.0);
    let found = read_from(&log, 1, Position::START, ALL).await.unwrap();
    assert_eq!(found.len() as u64, count);
    let data = "x".repeat(100_000);
    let taken = async { while log.commit(records(1, &[&data])).await != Err(CommitError::Full) {} };
    timeout(DEADLINE, taken).await.unwrap();
    let all = log.span(SHARD).next.ordinal();
    let deleted = Commit {
        drops: vec![ShardNumber(2)],
        ..Commit::default()
    };
    timeout(DEADLINE, accepted(&log, deleted)).await.unwrap();
    assert_eq!(timeout(DEADLINE, trimmed(&log, SHARD)).await.unwrap(), all);
    resumed(&log).await;
    let epoch = log.stats().epoch;
    drop(log);
    let log = open(disk.0.dir(), &disk.0);
    assert!(log.stats().epoch > epoch, "an epoch came twice");
    assert_eq!(log.span(SHARD).next.ordinal(), all + 1);
    drop(log);
    assert!(check(&disk.0.dir().join("data")).unwrap().is_sound());
}

#[tokio::test]
async fn what_was_killed_on_a_full_disk_opens_again() {
    for times in [30, 60] {
        let Some(disk) = SmallDisk::mount() else {
            eprintln!("skipped: cannot mount a tmpfs here");
            return;
        };
        let load = Load {
            times,
            bytes: 100_000,
            shards: 1,
        };
        let count = killed(&disk.0.dir().join("data"), load);
        println!("killed after {count}");
        recovers(&disk, count).await;
    }
}

#[tokio::test]
async fn what_was_closed_before_the_disk_filled_up_opens_again() {
    let Some(disk) = SmallDisk::mount() else {
        eprintln!("skipped: cannot mount a tmpfs here");
        return;
    };
    let log = open(disk.0.dir(), &disk.0);
    for _ in 0..60 {
        log.commit(records(1, &["x".repeat(100_000)]))
            .await
            .unwrap()
            .into_inner();
    }
    drop(log);
    recovers(&disk, 60).await;
}
