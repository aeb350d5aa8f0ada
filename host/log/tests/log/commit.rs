//! What a commit promises: all or nothing, in order, visible at once, there after a reopen.

use bytes::Bytes;
use millstream_core::{
    limit,
    port::{Commit, CommitError, Log as _, ReadLimits, Volume},
    position::{Position, ShardNumber},
    time::Millis,
};
use millstream_log::{Options, SqliteLog};

use crate::world::{World, append, contents, delete, put, records};

#[tokio::test]
async fn a_commit_is_read_back_from_the_tail_and_after_a_reopen() {
    let world = World::new();
    let log = world.open();
    let commit = Commit {
        appends: vec![append(1, &["a", "b"]), append(2, &["c"])],
        puts: vec![put("k", "v")],
        ..Commit::default()
    };
    let appended = log.commit(commit).await.unwrap().into_inner();
    assert_eq!(appended[0].first.ordinal(), 0);
    assert_eq!(contents(&log, 1).await, ["a", "b"]);
    log.close();
    let log = world.open();
    assert_eq!(contents(&log, 1).await, ["a", "b"]);
    assert_eq!(contents(&log, 2).await, ["c"]);
    let values = log
        .get_many(vec![Bytes::from("k"), Bytes::from("none")])
        .await
        .unwrap();
    assert_eq!(values, [Some(Bytes::from("v")), None]);
}

#[tokio::test]
async fn what_a_shard_took_is_counted_from_the_opening_on() {
    let world = World::new();
    let log = world.open();
    let volume = |log: &SqliteLog, shard| {
        let Volume { records, bytes } = log.volume(ShardNumber(shard));
        (records, bytes)
    };
    assert_eq!(volume(&log, 1), (0, 0));
    let two = Commit {
        appends: vec![append(1, &["a", "bb"]), append(2, &["c"])],
        ..Commit::default()
    };
    let _durable = log.commit(two).await.unwrap();
    let _durable = log.commit(records(1, &["ddd"])).await.unwrap();
    // Each with its key of three bytes.
    assert_eq!((volume(&log, 1), volume(&log, 2)), ((3, 15), (1, 4)));
    assert_eq!(log.trim(ShardNumber(1), Millis(u64::MAX)).await, Ok(3));
    assert_eq!(volume(&log, 1), (3, 15));
    log.close();
    assert_eq!(volume(&world.open(), 1), (0, 0));
}

#[tokio::test]
async fn commits_take_effect_in_the_order_of_their_calls() {
    let world = World::new();
    let log = world.open();
    let names: Vec<String> = (0..500).map(|i| i.to_string()).collect();
    let mut calls = Vec::new();
    for name in &names {
        let appends = vec![append(7, &[name])];
        calls.push(log.commit(Commit {
            appends,
            puts: vec![put("last", name)],
            ..Commit::default()
        }));
    }
    // Polled last to first: it is the call that counts.
    for call in calls.into_iter().rev() {
        call.await.unwrap().into_inner();
    }
    assert_eq!(contents(&log, 7).await, names);
    let last = log.get_many(vec![Bytes::from("last")]).await.unwrap();
    assert_eq!(last, [Some(Bytes::from("499"))]);
    let stats = log.stats();
    assert_eq!((stats.commits, stats.records), (500, 500));
    assert!(
        stats.transactions < 500,
        "what waits shares a transaction: {stats:?}"
    );
}

#[tokio::test]
async fn a_commit_that_is_not_polled_happens_all_the_same() {
    let world = World::new();
    let log = world.open();
    drop(log.commit(Commit {
        appends: vec![append(1, &["a"])],
        ..Commit::default()
    }));
    log.grown(ShardNumber(1), Position::START).await;
    assert_eq!(contents(&log, 1).await, ["a"]);
}

#[tokio::test]
async fn the_last_put_of_a_key_wins_and_none_deletes() {
    let world = World::new();
    let log = world.open();
    let puts = vec![put("a", "1"), put("b", "1"), put("a", "2"), delete("b")];
    log.commit(Commit {
        puts,
        ..Commit::default()
    })
    .await
    .unwrap()
    .into_inner();
    let all = log.scan(Bytes::new()).await.unwrap();
    assert_eq!(all, [(Bytes::from("a"), Bytes::from("2"))]);
}

#[tokio::test]
async fn a_scan_gives_the_keys_with_the_prefix_in_order() {
    let world = World::new();
    let log = world.open();
    let keys = ["l/2", "l/1", "l", "m/", "l/\u{7f}", "k/9"];
    let puts = keys.iter().map(|key| put(key, key)).collect();
    log.commit(Commit {
        puts,
        ..Commit::default()
    })
    .await
    .unwrap()
    .into_inner();
    let found = log.scan(Bytes::from("l/")).await.unwrap();
    let found: Vec<_> = found.iter().map(|(key, _)| &key[..]).collect();
    assert_eq!(found, [&b"l/1"[..], b"l/2", b"l/\x7f"]);
}

#[tokio::test]
async fn a_value_of_32_mib_is_kept_whole() {
    let world = World::new();
    let log = world.open();
    let value: Bytes = (0..limit::MODULE_BYTES).map(|i| (i % 251) as u8).collect();
    let puts = vec![millstream_core::port::Put {
        key: Bytes::from("m/x"),
        value: Some(value.clone()),
    }];
    log.commit(Commit {
        puts,
        ..Commit::default()
    })
    .await
    .unwrap()
    .into_inner();
    assert!(log.get_many(vec![Bytes::from("m/x")]).await.unwrap() == [Some(value)]);
}

#[tokio::test]
async fn a_commit_of_too_many_operations_is_refused() {
    let world = World::new();
    let log = world.open();
    let puts = (0..=limit::COMMIT_OPERATIONS)
        .map(|i| put(&i.to_string(), ""))
        .collect();
    let refused = log
        .commit(Commit {
            puts,
            ..Commit::default()
        })
        .await
        .unwrap_err();
    let operations = limit::COMMIT_OPERATIONS + 1;
    assert!(matches!(refused, CommitError::TooLarge { operations: o, .. } if o == operations));
    assert!(log.scan(Bytes::new()).await.unwrap().is_empty());
}

#[tokio::test]
async fn nothing_of_a_refused_commit_is_there() {
    let world = World::new();
    let log = world.open();
    let drops = vec![ShardNumber(9)];
    log.commit(Commit {
        drops,
        ..Commit::default()
    })
    .await
    .unwrap()
    .into_inner();
    let refused = Commit {
        appends: vec![append(1, &["lost"]), append(9, &["gone"])],
        puts: vec![put("k", "lost")],
        ..Commit::default()
    };
    let refused = log.commit(refused);
    let fine = log.commit(Commit {
        appends: vec![append(1, &["kept"])],
        ..Commit::default()
    });
    assert_eq!(refused.await, Err(CommitError::Gone(ShardNumber(9))));
    fine.await.unwrap().into_inner();
    assert_eq!(contents(&log, 1).await, ["kept"]);
    assert!(log.scan(Bytes::new()).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_closed_log_refuses_and_says_so() {
    let world = World::new();
    let log = world.open();
    log.close();
    let refused = log
        .commit(Commit {
            appends: vec![append(1, &["a"])],
            ..Commit::default()
        })
        .await;
    assert!(
        matches!(refused, Err(CommitError::Unavailable(_))),
        "{refused:?}"
    );
    assert!(log.get_many(vec![Bytes::from("k")]).await.is_err());
    let limits = ReadLimits {
        records: 1,
        bytes: 1,
    };
    let page = log
        .read(ShardNumber(1), Position::START, limits)
        .await
        .unwrap();
    assert_eq!(page.count(), 0);
}

#[tokio::test]
async fn records_of_one_commit_share_an_arrival_that_never_falls() {
    fn backwards() -> Millis {
        use std::sync::atomic::{AtomicU64, Ordering};
        static NOW: AtomicU64 = AtomicU64::new(1_000_000);
        Millis(NOW.fetch_sub(10, Ordering::Relaxed))
    }
    let world = World::new();
    let open = || {
        SqliteLog::open(Options {
            clock: backwards,
            ..world.options()
        })
        .unwrap()
    };
    let mut arrivals = Vec::new();
    for _ in 0..2 {
        let log = open();
        for _ in 0..3 {
            let appended = log.commit(records(1, &["a", "b"])).await.unwrap();
            arrivals.push(appended[0].arrival);
        }
        assert_eq!(
            Some(&log.span(ShardNumber(1)).last_arrival),
            arrivals.last()
        );
    }
    assert!(
        arrivals.windows(2).all(|pair| pair[0] <= pair[1]),
        "{arrivals:?}"
    );
}
