//! Queues at work over a real log: many workers, restarts, workers that go away.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod world;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use millstream_core::{
    port::{Handed, Queues as _, Receive, Wish},
    queue::Refusal,
};

use self::world::World;

const HOUR: u64 = 3_600_000;

fn ask(wait_ms: u64, hidden_ms: u64) -> Receive {
    Receive {
        records: 10,
        wait_ms,
        hidden_ms,
        dead: false,
    }
}

fn text(handed: &Handed) -> String {
    let data = handed.slice.block.datum(handed.slice.range.start);
    String::from_utf8(data.to_vec()).unwrap()
}

async fn settle(world: &World, handed: &[Handed], wish: Wish) -> Vec<Result<(), Refusal>> {
    let wishes = handed.iter().map(|h| (h.receipt, wish)).collect();
    world
        .desks
        .settle(world.queue(), false, wishes)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_workers_share_a_queue_without_a_duplicate() {
    let world = Arc::new(World::new(4).await);
    let producer = Arc::clone(&world);
    let producing = tokio::spawn(async move {
        for batch in 0..40 {
            let records: Vec<_> = (0..50).map(|i| format!("{batch}/{i}")).collect();
            producer.put(batch % 4, &records).await;
        }
    });
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let world = Arc::clone(&world);
        workers.spawn(async move {
            let mut mine = Vec::new();
            loop {
                let handed = world
                    .desks
                    .receive(world.queue(), ask(2_000, HOUR))
                    .await
                    .unwrap();
                if handed.is_empty() {
                    return mine;
                }
                for outcome in settle(&world, &handed, Wish::Acknowledge).await {
                    outcome.unwrap();
                }
                mine.extend(handed.iter().map(text));
            }
        });
    }
    producing.await.unwrap();
    let mut seen = BTreeMap::new();
    for data in workers.join_all().await.into_iter().flatten() {
        *seen.entry(data).or_insert(0) += 1;
    }
    assert_eq!(seen.len(), 2_000);
    assert!(seen.values().all(|&times| times == 1));
    assert_eq!(world.stored().await, 4, "cursors alone are left");
}

#[tokio::test]
async fn a_restart_redelivers_what_was_not_acknowledged_and_nothing_else() {
    let world = World::new(2).await;
    let records: Vec<_> = (0..10).map(|i| i.to_string()).collect();
    world.put(0, &records).await;
    let first = world
        .desks
        .receive(world.queue(), ask(0, HOUR))
        .await
        .unwrap();
    assert_eq!(first.len(), 10);
    let (done, shown) = first.split_at(4);
    settle(&world, done, Wish::Acknowledge).await;
    settle(&world, &shown[..3], Wish::Hide(0)).await;
    let world = world.restart().await;
    let again = world
        .desks
        .receive(world.queue(), ask(0, HOUR))
        .await
        .unwrap();
    let mut expected: Vec<_> = shown[..3].iter().map(text).collect();
    let mut found: Vec<_> = again.iter().map(text).collect();
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
    assert!(again.iter().all(|handed| handed.entry.received == 2));
    let outcomes = settle(&world, &first, Wish::Acknowledge).await;
    let count = |outcome| outcomes.iter().filter(|&o| *o == outcome).count();
    assert_eq!(count(Err(Refusal::Gone)), 4);
    assert_eq!(count(Err(Refusal::Stale)), 3);
    assert_eq!(count(Ok(())), 3);
}

#[tokio::test]
async fn who_waits_is_woken_when_a_record_shows_again() {
    let world = World::new(1).await;
    world.put(0, &["a".to_owned()]).await;
    let shows_soon = world
        .desks
        .receive(world.queue(), ask(0, 50))
        .await
        .unwrap();
    assert_eq!(shows_soon.len(), 1);
    let again = world
        .desks
        .receive(world.queue(), ask(20_000, HOUR))
        .await
        .unwrap();
    assert_eq!(again[0].entry.received, 2);
    let (waiting, shown) = tokio::join!(
        world.desks.receive(world.queue(), ask(20_000, HOUR)),
        settle(&world, &again, Wish::Hide(0)),
    );
    assert_eq!(shown, [Ok(())]);
    assert_eq!(waiting.unwrap()[0].entry.received, 3);
}

#[tokio::test]
async fn a_worker_that_goes_away_takes_nothing_along_for_good() {
    let world = World::new(1).await;
    let records: Vec<_> = (0..30).map(|i| i.to_string()).collect();
    world.put(0, &records).await;
    for patience_us in [0, 50, 200, 1_000, 5_000] {
        let receiving = world.desks.receive(world.queue(), ask(0, 1));
        let _gone = tokio::time::timeout(Duration::from_micros(patience_us), receiving).await;
    }
    let mut seen = BTreeMap::new();
    while seen.len() < 30 {
        let handed = world
            .desks
            .receive(world.queue(), ask(20_000, HOUR))
            .await
            .unwrap();
        assert!(!handed.is_empty(), "{seen:?}");
        seen.extend(handed.iter().map(|handed| (text(handed), ())));
    }
}

#[tokio::test]
async fn records_of_a_new_shard_reach_who_waits() {
    let world = World::new(1).await;
    let waiting = world.desks.receive(world.queue(), ask(20_000, HOUR));
    let splitting = async {
        tokio::task::yield_now().await;
        let child = world.add_shard();
        world.put_into(child, &["child".to_owned()]).await;
    };
    let (handed, ()) = tokio::join!(waiting, splitting);
    assert_eq!(text(&handed.unwrap()[0]), "child");
}

#[tokio::test]
async fn nobody_waits_when_the_host_stops() {
    let world = World::new(1).await;
    let waiting = world.desks.receive(world.queue(), ask(20_000, HOUR));
    let dead = Receive {
        dead: true,
        ..ask(20_000, HOUR)
    };
    let waiting_too = world.desks.receive(world.queue(), dead);
    let closing = async {
        tokio::task::yield_now().await;
        world.desks.close();
    };
    let (one, other, ()) = tokio::join!(waiting, waiting_too, closing);
    assert!(one.unwrap().is_empty() && other.unwrap().is_empty());
}
