//! Tumbling windows over the life of a shard: its end, a restart, and a change of its division.

use std::{collections::BTreeMap, time::Duration};

use millstream_core::{
    batch::Output,
    block::BlockBuilder,
    catalog::stream::reshard::Reshard,
    hash_key::HashKey,
    port::{COMMAND_WORLD, Call, InvokeError, Verdict},
};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{
    function::{self, Answer},
    host::Host,
};

/// Counts the records of a window; its last call gives the count to the stream `out`.
fn count(call: &Call) -> Answer {
    let Some(window) = &call.window else {
        return Err(InvokeError::Host("there is no window".into()));
    };
    let state: Value = serde_json::from_str(&window.state).unwrap();
    let n = state["n"].as_u64().unwrap_or(0) + call.batch.len() as u64;
    let mut told = BlockBuilder::default();
    told.push(
        "k",
        json!({"shard": call.shard_id, "n": n})
            .to_string()
            .as_bytes(),
    );
    let output = told
        .finish()
        .filter(|_| window.is_final)
        .map(|block| Output {
            stream: "out".try_into().unwrap(),
            block,
        });
    function::answer(Ok(Verdict {
        outputs: output.into_iter().collect(),
        window_state: Some(json!({ "n": n }).to_string().into()),
        ..Verdict::default()
    }))
}

async fn counting(shards: u32, seconds: u32) -> Host {
    let mut host = Host::new(shards).await;
    host.upload_for(COMMAND_WORLD, "f").await;
    host.function.does(|call| async move { count(&call) });
    host.trigger(
        "t",
        json!({"tumbling_window_in_seconds": seconds, "batch_size": 2}),
    )
    .await;
    host
}

/// What was told: of which shard, and how many.
fn told(host: &Host) -> Vec<(String, u64)> {
    let parse = |text: String| {
        let told: Value = serde_json::from_str(&text).unwrap();
        let shard = told["shard"].as_str().unwrap();
        (
            shard[shard.len() - 1..].to_owned(),
            told["n"].as_u64().unwrap(),
        )
    };
    host.out().into_iter().map(parse).collect()
}

#[tokio::test(start_paused = true)]
async fn a_closed_shards_window_is_closed_before_its_children_begin() {
    let mut host = counting(1, 300).await;
    host.put("a", &["1", "2", "3"]);
    host.until("the records", |host| host.status("t")[0].records == 3)
        .await;
    sleep(Duration::from_secs(1)).await;
    assert_eq!(told(&host), []);
    // The last call fails for a while: the children wait.
    host.function.does(|call| async move {
        let is_final = call.window.as_ref().is_some_and(|window| window.is_final);
        let is_parent = call.shard_id.ends_with('0');
        if is_final && is_parent {
            function::error("not now")
        } else {
            count(&call)
        }
    });
    let range = host.catalog.stream("in").unwrap().shards[0].range;
    let at = HashKey(range.start.0 + (range.end.0 - range.start.0) / 2);
    host.apply(Host::reshard("in", Reshard::Split { shard: 0, at }))
        .await;
    for key in ["a", "b", "c", "d"] {
        host.put(key, &["x"]);
    }
    sleep(Duration::from_secs(20)).await;
    let seen = host.function.seen();
    assert!(
        seen.iter().all(|seen| seen.shard.ends_with('0')),
        "{seen:?}"
    );
    let status = &host.status("t")[0];
    assert!(
        status.last_error.as_ref().unwrap().contains("not now"),
        "{status:?}"
    );
    host.crash().await;
    host.function.does(|call| async move { count(&call) });
    let all = |host: &Host| told(host).iter().map(|(_, n)| n).sum::<u64>() == 7;
    host.until("all windows", all).await;
    let told = told(&host);
    assert_eq!(told[0], ("0".to_owned(), 3));
    let shards: BTreeMap<_, u64> = told.into_iter().collect();
    assert_eq!(shards.len(), 3, "{shards:?}");
}

#[tokio::test(start_paused = true)]
async fn a_window_outlives_a_restart_and_a_pause() {
    let mut host = counting(1, 300).await;
    host.put("a", &["1", "2", "3"]);
    host.until("the records", |host| host.status("t")[0].records == 3)
        .await;
    host.crash().await;
    host.enable("t", false).await;
    host.put("a", &["4"]);
    sleep(Duration::from_secs(5)).await;
    host.enable("t", true).await;
    host.until("the window's end", |host| !told(host).is_empty())
        .await;
    // The base of the clock may lie at a window's end.
    let all = |host: &Host| told(host).iter().map(|(_, n)| n).sum::<u64>() == 4;
    host.until("all", all).await;
    assert!(told(&host).len() <= 2);
}

#[tokio::test(start_paused = true)]
async fn a_window_is_closed_before_its_shard_is_divided() {
    let mut host = counting(1, 300).await;
    host.put("a", &["1", "2", "3"]);
    host.until("the records", |host| host.status("t")[0].records == 3)
        .await;
    host.function.does(|call| async move {
        match &call.window {
            Some(_) => count(&call),
            None => function::echo(&call.batch),
        }
    });
    host.trigger("t", json!({"parallelization_factor": 3}))
        .await;
    host.put("a", &["{}"]);
    host.until("the next one", |host| host.out().len() >= 2)
        .await;
    let out = host.out();
    assert_eq!(out[out.len() - 1], "{}");
    let last: Value = serde_json::from_str(&out[out.len() - 2]).unwrap();
    assert!(last["n"].as_u64().unwrap() > 0);
    assert_eq!(host.status("t")[0].parts.len(), 3);
}
