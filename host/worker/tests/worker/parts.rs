//! Several batches of a shard at once.

use std::{collections::BTreeMap, time::Duration};

use millstream_core::port::{Call, Verdict};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::{
    function::{answer, data, echo, error},
    host::Host,
};

fn put(host: &Host, keys: u32, range: std::ops::Range<u32>) {
    for i in range {
        for key in 0..keys {
            host.put(&format!("key{key}"), &[&format!("key{key}:{i:03}")]);
        }
    }
}

fn in_order(host: &Host, keys: u32, records: u32) {
    let mut by_key: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for record in host.out() {
        by_key
            .entry(record[..4].to_owned())
            .or_default()
            .push(record);
    }
    for key in 0..keys {
        let expected: Vec<_> = (0..records).map(|i| format!("key{key}:{i:03}")).collect();
        assert_eq!(by_key[&format!("key{key}")], expected);
    }
}

#[tokio::test(start_paused = true)]
async fn parts_of_a_shard_are_worked_at_once_and_keys_stay_in_order() {
    let mut host = Host::new(1).await;
    host.function.does(|call| async move {
        sleep(Duration::from_millis(100)).await;
        echo(&call.batch)
    });
    put(&host, 8, 0..20);
    let began = Instant::now();
    host.trigger("t", json!({"batch_size": 1, "parallelization_factor": 10}))
        .await;
    host.until("all", |host| host.out().len() == 160).await;
    // One after another they take 16 seconds.
    assert!(
        began.elapsed() < Duration::from_secs(9),
        "{:?}",
        began.elapsed()
    );
    in_order(&host, 8, 20);
    sleep(Duration::from_secs(10)).await;
    let status = host.status("t").remove(0);
    assert_eq!((status.parts.len(), status.lag_records), (10, 0));
}

#[tokio::test(start_paused = true)]
async fn a_change_of_the_number_and_a_crash_repeat_nothing() {
    let mut host = Host::new(1).await;
    host.function.does(|call| async move {
        sleep(Duration::from_millis(data(&call.batch)[0].len() as u64 * 3)).await;
        echo(&call.batch)
    });
    put(&host, 8, 0..40);
    for factor in [1, 4, 10, 3, 1] {
        let settings = json!({"batch_size": 2, "parallelization_factor": factor});
        host.trigger("t", settings).await;
        sleep(Duration::from_millis(80)).await;
        host.crash().await;
        sleep(Duration::from_millis(60)).await;
    }
    host.until("all", |host| host.out().len() >= 320).await;
    sleep(Duration::from_secs(60)).await;
    in_order(&host, 8, 40);
    assert_eq!(host.status("t")[0].parts, []);
}

#[tokio::test(start_paused = true)]
async fn a_part_that_fails_holds_up_only_its_own_keys() {
    let mut host = Host::new(1).await;
    host.function.does(|call| async move {
        let bad = data(&call.batch)
            .iter()
            .any(|record| record.starts_with("key0"));
        if bad { error("no") } else { echo(&call.batch) }
    });
    host.trigger("t", json!({"batch_size": 1, "parallelization_factor": 10}))
        .await;
    put(&host, 40, 0..1);
    host.until("most", |host| host.out().len() >= 30).await;
    host.until("back-off", |host| {
        host.status("t")[0].state == "backing_off"
    })
    .await;
    assert!(!host.out().iter().any(|record| record.starts_with("key0")));
}

/// Counts the records it sees in its state, slowly.
async fn count(call: Call) -> crate::function::Answer {
    let before = call.state.get_many(vec!["count".into()]).await.unwrap()[0].clone();
    sleep(Duration::from_millis(10)).await;
    let before: usize = before.map_or(0, |bytes| {
        std::str::from_utf8(&bytes).unwrap().parse().unwrap()
    });
    let now = before + data(&call.batch).len();
    answer(Ok(Verdict {
        writes: BTreeMap::from([("count".into(), Some(now.to_string().into()))]),
        ..Verdict::default()
    }))
}

#[tokio::test(start_paused = true)]
async fn what_parts_write_to_the_same_name_is_not_lost() {
    use millstream_core::{catalog::key, port::Log};
    let mut host = Host::new(1).await;
    host.function.does(count);
    put(&host, 20, 0..10);
    host.trigger("t", json!({"batch_size": 3, "parallelization_factor": 7}))
        .await;
    host.until("all", |host| host.status("t")[0].records == 200)
        .await;
    let id = host.catalog.trigger("t").unwrap().id;
    let stored = host
        .log
        .get_many(vec![key::state(id, host.shard("in"), "count")])
        .await;
    assert_eq!(stored.unwrap()[0].as_deref(), Some(&b"200"[..]));
    assert!(host.function.seen().iter().all(|seen| seen.attempt == 1));
}
