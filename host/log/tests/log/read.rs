//! Reading: the tail in memory and the disk give the same, whatever is asked.

use std::time::Duration;

use bytes::Bytes;
use millstream_core::{
    port::{Commit, Log as _, ReadError, ReadLimits},
    position::{Position, ShardNumber},
    time::Millis,
};
use millstream_log::{Options, SqliteLog};
use rusqlite::Connection;
use tokio::time::timeout;

use crate::world::{ALL, World, put, read_from, records};

/// Long enough for the slowest machine; only a lost wake-up waits for it.
const DEADLINE: Duration = Duration::from_secs(60);

async fn fill(log: &SqliteLog, shard: u32, commits: u64) -> Vec<Position> {
    let mut positions = Vec::new();
    for i in 0..commits {
        let three = [0, 1, 2].map(|j| format!("{}", 3 * i + j));
        let appended = log.commit(records(shard, &three)).await.unwrap();
        positions.extend((0..3).map(|j| appended[0].first.plus(j)));
    }
    positions
}

#[tokio::test]
async fn pages_join_without_gap_or_repetition_at_every_limit() {
    let (warm, cold) = (World::new(), World::new());
    for log in [warm.open(), cold.open_cold()] {
        let positions = fill(&log, 1, 20).await;
        for limits in [
            ReadLimits {
                records: 1,
                bytes: usize::MAX,
            },
            ReadLimits {
                records: 7,
                bytes: usize::MAX,
            },
            ReadLimits {
                records: usize::MAX,
                bytes: 1,
            },
            ReadLimits {
                records: usize::MAX,
                bytes: 17,
            },
            ALL,
        ] {
            let found = read_from(&log, 1, Position::START, limits).await.unwrap();
            let seen: Vec<Position> = found.iter().map(|(position, _)| *position).collect();
            assert_eq!(seen, positions, "{limits:?}");
        }
    }
}

#[tokio::test]
async fn a_small_tail_keeps_the_newest_and_the_disk_has_the_rest() {
    let world = World::new();
    let log = SqliteLog::open(Options {
        tail_bytes: 1_000,
        ..world.options()
    })
    .unwrap();
    let positions = fill(&log, 1, 50).await;
    assert!(
        (1..=1_000).contains(&log.stats().tail_bytes),
        "{:?}",
        log.stats()
    );
    for (i, from) in positions.iter().enumerate() {
        let found = read_from(&log, 1, *from, ALL).await.unwrap();
        assert_eq!(found[0], (*from, i.to_string()));
        assert_eq!(found.len(), positions.len() - i);
    }
}

/// Records of which a few make a block that is read apart from its row.
fn large(block: usize) -> Vec<String> {
    let record = |i| format!("{block} {i} {}", "x".repeat(7_000 + 1_000 * block));
    (0..9).map(record).collect()
}

#[tokio::test]
async fn large_blocks_among_small_ones_read_as_they_were_written() {
    let world = World::new();
    let log = world.open_cold();
    let mut written = Vec::new();
    for i in 0..6 {
        for block in [large(i), vec![format!("small {i}")]] {
            let _ = log.commit(records(1, &block)).await.unwrap();
            written.extend(block);
        }
    }
    for size in [1, 2, 7, 9, 10, 13, usize::MAX] {
        let limits = ReadLimits {
            records: size,
            bytes: usize::MAX,
        };
        // Once from the disk, then partly from what was read before.
        for _ in 0..2 {
            let found = read_from(&log, 1, Position::START, limits).await.unwrap();
            let found: Vec<String> = found.into_iter().map(|(_, data)| data).collect();
            assert!(found == written, "{size} records a page");
        }
    }
}

#[tokio::test]
async fn damage_in_a_large_block_is_noticed_and_the_next_one_is_readable() {
    let changes = [
        "crc = crc + 1",
        "epoch = epoch + 1",
        "columns = zeroblob(length(columns))",
        "columns = zeroblob(length(columns) + 1)",
        "columns = x'00'",
    ];
    for change in changes {
        let world = World::new();
        let log = world.open_cold();
        let mut firsts = Vec::new();
        for i in 0..3 {
            let appended = log.commit(records(1, &large(i))).await.unwrap();
            firsts.push(appended[0].first);
        }
        log.close();
        let database = Connection::open(world.database()).unwrap();
        let damage = format!("UPDATE block SET {change} WHERE id & 0xffff = 9");
        assert_eq!(database.execute(&damage, []).unwrap(), 1);
        drop(database);
        let log = world.open_cold();
        let read = |from| log.read(ShardNumber(1), from, ALL);
        assert_eq!(read(firsts[0]).await.unwrap().count(), 9, "{change}");
        let error = read(firsts[1]).await.unwrap_err();
        assert!(matches!(error, ReadError::Corrupt { .. }), "{change}");
        assert_eq!(read(firsts[2]).await.unwrap().count(), 9, "{change}");
    }
}

#[tokio::test]
async fn a_shard_that_never_was_is_empty() {
    let world = World::new();
    let log = world.open();
    assert_eq!(read_from(&log, 5, Position::START, ALL).await.unwrap(), []);
    assert_eq!(
        log.locate(ShardNumber(5), Millis(0)).await.unwrap(),
        Position::START
    );
    let span = log.span(ShardNumber(5));
    assert_eq!((span.first, span.next), (Position::START, Position::START));
}

#[tokio::test]
async fn a_moment_leads_to_the_first_record_that_arrived_then() {
    fn clock() -> Millis {
        use std::sync::atomic::{AtomicU64, Ordering};
        static NOW: AtomicU64 = AtomicU64::new(0);
        Millis(NOW.fetch_add(1, Ordering::Relaxed) * 10)
    }
    let world = World::new();
    let mut blocks = Vec::new();
    for tail_bytes in [0, 700, usize::MAX] {
        let log = SqliteLog::open(Options {
            tail_bytes,
            clock,
            ..world.options()
        })
        .unwrap();
        for _ in 0..5 {
            let appended = log.commit(records(1, &["a", "b"])).await.unwrap();
            blocks.push((appended[0].first, appended[0].arrival));
        }
        for (i, (first, arrival)) in blocks.iter().enumerate() {
            let locate = |at| log.locate(ShardNumber(1), Millis(at));
            assert_eq!(locate(arrival.0).await.unwrap(), *first);
            let next = log.span(ShardNumber(1)).next;
            let after = blocks.get(i + 1).map_or(next, |(first, _)| *first);
            assert_eq!(
                locate(arrival.0 + 1).await.unwrap(),
                after,
                "{tail_bytes}, block {i}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_wake_up_is_lost() {
    let world = World::new();
    let log = std::sync::Arc::new(world.open());
    let readers: Vec<_> = (0..200)
        .map(|i| {
            let log = log.clone();
            tokio::spawn(async move {
                let shard = ShardNumber(i % 3);
                let (mut from, mut count) = (Position::START, 0);
                while count < 100 {
                    log.grown(shard, from).await;
                    let page = log.read(shard, from, ALL).await.unwrap();
                    from = page.next(from);
                    count += page.count();
                }
                count
            })
        })
        .collect();
    for _ in 0..100 {
        for shard in 0..3 {
            log.commit(records(shard, &["a"]))
                .await
                .unwrap()
                .into_inner();
        }
    }
    for reader in readers {
        assert_eq!(timeout(DEADLINE, reader).await.unwrap().unwrap(), 100);
    }
}

#[tokio::test]
async fn keys_come_in_pages_without_their_values() {
    let world = World::new();
    let log = world.open();
    let names = ["a", "p", "p/1", "p/2", "p/3", "q"];
    let puts = names.map(|name| put(name, "value")).into();
    let commit = Commit {
        puts,
        ..Commit::default()
    };
    log.commit(commit).await.unwrap().into_inner();
    // The values are never looked at: a damaged one is only found by who wants it.
    Connection::open(world.database())
        .unwrap()
        .execute("UPDATE key_value SET value = x'00'", [])
        .unwrap();
    log.scan("p".into()).await.unwrap_err();
    let keys = async |prefix: &'static str, after: Option<&'static str>, limit| {
        let keys = log.keys(prefix.into(), after.map(Into::into), limit).await;
        let text = |key: Bytes| String::from_utf8(key.to_vec()).unwrap();
        keys.unwrap().into_iter().map(text).collect::<Vec<_>>()
    };
    assert_eq!(keys("p", None, 2).await, ["p", "p/1"]);
    assert_eq!(keys("p", Some("p/1"), 2).await, ["p/2", "p/3"]);
    assert_eq!(keys("p", Some("p/3"), 2).await, [""; 0]);
    assert_eq!(keys("", None, 9).await, names);
    assert_eq!(keys("p/", Some("a"), 9).await, ["p/1", "p/2", "p/3"]);
}
