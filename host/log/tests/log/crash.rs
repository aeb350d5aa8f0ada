//! A process that ends in the middle: killed, or by itself when it cannot know what is durable.
//!
//! The child is this test binary again, running the test [`child`] with a directory in its environment.

use std::{
    env,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, Command, Stdio},
};

use millstream_core::{
    port::{Commit, Log as _},
    position::Position,
};
use millstream_log::{Options, SqliteLog, check};

use crate::world::{ALL, World, put, read_from, records};

const DIRECTORY: &str = "MILLSTREAM_LOG_TEST_DIRECTORY";

/// Commits for ever and says on stdout what was acknowledged. Does nothing without a directory.
#[tokio::test]
async fn child() {
    let Some(dir) = env::var_os(DIRECTORY) else {
        return;
    };
    let log = SqliteLog::open(Options::new(dir)).unwrap();
    let start = log
        .span(millstream_core::position::ShardNumber(1))
        .next
        .ordinal();
    let mut waiting = std::collections::VecDeque::new();
    for count in start.. {
        let data = format!("{count} {}", "x".repeat((count * 7919 % 5_000) as usize));
        let puts = vec![put("count", &count.to_string())];
        waiting.push_back(log.commit(Commit {
            puts,
            ..records(1, &[data])
        }));
        if waiting.len() > 16
            && let Some(oldest) = waiting.pop_front()
        {
            let first = oldest.await.unwrap()[0].first;
            // Written at once: at the process's end stdout loses its buffer, which would tear the line.
            let line = format!("acknowledged {} {}\n", first.epoch(), first.ordinal());
            let mut out = std::io::stdout().lock();
            out.write_all(line.as_bytes()).unwrap();
            out.flush().unwrap();
        }
    }
}

fn start(dir: &Path, wrapper: &[&str]) -> Child {
    let this = env::current_exe().unwrap();
    let mut command = match wrapper {
        [] => Command::new(this),
        [program, arguments @ ..] => {
            let mut command = Command::new(program);
            command.args(arguments).arg(this);
            command
        }
    };
    command.args(["crash::child", "--exact", "--nocapture", "--test-threads=1"]);
    command
        .env(DIRECTORY, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// The acknowledgements of a child until it ends, of which `until` says when to kill it.
fn acknowledged(child: &mut Child, until: usize) -> Vec<Position> {
    let mut positions = Vec::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        // The harness writes its own words in front of the first.
        let Some((_, position)) = line.split_once("acknowledged ") else {
            continue;
        };
        let (epoch, ordinal) = position.split_once(' ').unwrap();
        positions.push(Position::new(
            epoch.parse().unwrap(),
            ordinal.parse().unwrap(),
        ));
        if positions.len() == until {
            child.kill().unwrap();
        }
    }
    positions
}

/// Everything that was acknowledged is there, in order, once.
async fn verify(world: &World, acknowledged: &[Position]) {
    let log = world.open_cold();
    let found = read_from(&log, 1, Position::START, ALL).await.unwrap();
    for (i, (position, data)) in (0_u64..).zip(&found) {
        assert_eq!(position.ordinal(), i);
        assert!(
            data.starts_with(&format!("{i} ")),
            "record {i} is {data:.20}"
        );
    }
    let positions: Vec<Position> = found.into_iter().map(|(position, _)| position).collect();
    assert!(positions.is_sorted());
    for position in acknowledged {
        assert!(
            positions.binary_search(position).is_ok(),
            "{position:?} was acknowledged"
        );
    }
    let count = log.get_many(vec!["count".into()]).await.unwrap().remove(0);
    let newest = positions
        .len()
        .checked_sub(1)
        .map(|newest| newest.to_string().into());
    assert_eq!(count, newest, "records and keys are of one commit");
    assert!(check(world.dir()).unwrap().is_sound());
}

#[tokio::test]
async fn what_was_acknowledged_survives_kill_9() {
    let world = World::new();
    let mut all = Vec::new();
    for until in [1, 40, 333, 1_500, 97] {
        let mut child = start(world.dir(), &[]);
        let acknowledged = acknowledged(&mut child, until);
        child.wait().unwrap();
        assert!(acknowledged.len() >= until);
        all.extend(acknowledged);
        verify(&world, &all).await;
    }
}

/// Runs the child under strace with an injected fault; nothing where strace cannot do that here.
fn under_strace(world: &World, fault: &str) -> Option<(Vec<Position>, i32, String)> {
    let probe = Command::new("strace")
        .args(["-f", "-o", "/dev/null", "true"])
        .output();
    if !probe.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: strace does not work here");
        return None;
    }
    let inject = format!("inject={fault}");
    let trace = [
        "strace",
        "-f",
        "-qq",
        "-e",
        "trace=fsync,fdatasync",
        "-o",
        "/dev/null",
        "-e",
        &inject,
    ];
    let mut child = start(world.dir(), &trace);
    let positions = acknowledged(&mut child, usize::MAX);
    let output = child.wait_with_output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    Some((positions, output.status.code().unwrap_or(-1), words))
}

#[tokio::test]
async fn a_failed_sync_ends_the_process_before_anything_is_acknowledged() {
    for when in [20, 100] {
        let world = World::new();
        let fault = format!("fsync,fdatasync:error=EIO:when={when}+");
        let Some((acknowledged, code, words)) = under_strace(&world, &fault) else {
            return;
        };
        assert_eq!(code, 74, "{words}");
        let lines = words.lines().filter(|line| line.contains("fatal")).count();
        assert_eq!(lines, 1, "one clear line: {words}");
        verify(&world, &acknowledged).await;
    }
}
