//! Removing: whole blocks, oldest first; what is gone stays gone and no position comes back.

use std::time::Duration;

use millstream_core::{
    port::{Commit, CommitError, Log as _},
    position::{Position, ShardNumber},
    time::Millis,
};
use millstream_log::{Options, SqliteLog, check};
use tokio::time::{sleep, timeout};

use crate::world::{World, contents, records};

const SHARD: ShardNumber = ShardNumber(1);
const DEADLINE: Duration = Duration::from_secs(60);

/// A second a call.
fn clock() -> Millis {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NOW: AtomicU64 = AtomicU64::new(1_000_000_000);
    Millis(NOW.fetch_add(1_000, Ordering::Relaxed))
}

fn open(world: &World, tail_bytes: usize) -> SqliteLog {
    SqliteLog::open(Options {
        clock,
        tail_bytes,
        ..world.options()
    })
    .unwrap()
}

async fn fill(log: &SqliteLog, commits: u64) -> Vec<Millis> {
    let mut arrivals = Vec::new();
    for i in 0..commits {
        arrivals.push(log.commit(records(1, &[i.to_string()])).await.unwrap()[0].arrival);
    }
    arrivals
}

async fn trim_all(log: &SqliteLog, before: Millis) -> u64 {
    let (mut gone, mut step) = (0, 1);
    while step > 0 {
        step = log.trim(SHARD, before).await.unwrap();
        gone += step;
    }
    gone
}

#[tokio::test]
async fn old_blocks_go_and_newer_ones_stay() {
    for tail_bytes in [0, usize::MAX] {
        let world = World::new();
        let log = open(&world, tail_bytes);
        let arrivals = fill(&log, 10).await;
        let transactions = log.stats().transactions;
        assert_eq!(log.trim(SHARD, arrivals[0]).await.unwrap(), 0);
        assert_eq!(
            log.stats().transactions,
            transactions,
            "nothing to do costs no sync"
        );
        assert_eq!(trim_all(&log, arrivals[4]).await, 4);
        assert_eq!(contents(&log, 1).await, ["4", "5", "6", "7", "8", "9"]);
        assert_eq!(log.span(SHARD).first.ordinal(), 4);
        log.close();
        let log = open(&world, tail_bytes);
        assert_eq!(contents(&log, 1).await.len(), 6);
        assert_eq!(log.span(SHARD).first.ordinal(), 4);
        assert!(check(world.dir()).unwrap().is_sound());
    }
}

#[tokio::test]
async fn an_emptied_shard_remembers_where_it_was() {
    let world = World::new();
    let log = open(&world, usize::MAX);
    fill(&log, 100).await;
    let before = log.span(SHARD);
    assert_eq!(trim_all(&log, Millis(u64::MAX)).await, 100);
    let emptied = log.span(SHARD);
    assert_eq!((emptied.first, emptied.next), (before.next, before.next));
    assert_eq!(emptied.last_arrival, before.last_arrival);
    log.close();
    let log = open(&world, usize::MAX);
    assert_eq!(log.span(SHARD), emptied);
    let appended = log.commit(records(1, &["new"])).await.unwrap();
    assert_eq!(appended[0].first.ordinal(), 100);
    assert!(appended[0].arrival >= before.last_arrival);
    log.close();
    assert_eq!(contents(&open(&world, 0), 1).await, ["new"]);
}

#[tokio::test]
async fn a_page_asked_for_too_late_begins_at_what_is_left() {
    let world = World::new();
    let log = open(&world, 0);
    let arrivals = fill(&log, 5).await;
    trim_all(&log, arrivals[3]).await;
    let located = log.locate(SHARD, Millis(0)).await.unwrap();
    assert_eq!(located, log.span(SHARD).first);
    let limits = millstream_core::port::ReadLimits {
        records: 1,
        bytes: 1,
    };
    let page = log.read(SHARD, Position::START, limits).await.unwrap();
    assert_eq!(page.slices[0].first(), located);
}

#[tokio::test]
async fn a_dropped_shard_is_gone_at_once_and_its_room_soon() {
    let world = World::new();
    let log = open(&world, usize::MAX);
    fill(&log, 300).await;
    log.commit(records(2, &["kept"]))
        .await
        .unwrap()
        .into_inner();
    log.commit(Commit {
        drops: vec![SHARD],
        ..Commit::default()
    })
    .await
    .unwrap()
    .into_inner();
    assert!(contents(&log, 1).await.is_empty());
    let refused = log.commit(records(1, &["late"])).await;
    assert_eq!(refused, Err(CommitError::Gone(SHARD)));
    // Closed before everything is removed, as likely as not: it goes on after the next open.
    log.close();
    let log = open(&world, usize::MAX);
    let removed = async {
        while check(world.dir()).unwrap().blocks > 1 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(DEADLINE, removed).await.unwrap();
    let refused = log.commit(records(1, &["late"])).await;
    assert_eq!(refused, Err(CommitError::Gone(SHARD)));
    assert_eq!(contents(&log, 2).await, ["kept"]);
    assert!(contents(&log, 1).await.is_empty());
}
