//! Dead letters sent back while the lanes run.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use millstream_core::{
    port::{
        Disposition, RecordFailure, Triggers, Verdict,
        redrive::{Redrive, RedriveError, Redriven, Target},
    },
    trigger::redrive::Selection,
};
use serde_json::json;

use crate::{
    function::{answer, data, echo, error},
    host::Host,
};

fn step(to: Target) -> Redrive {
    Redrive {
        trigger: "t".try_into().unwrap(),
        letters: None,
        to,
        selection: Selection::default(),
        again: false,
        dry_run: false,
        batch_size: None,
        cursor: None,
    }
}

async fn redrive(host: &Host, ask: Redrive) -> Result<Redriven, RedriveError> {
    host.workers.redrive(ask).await
}

/// Steps to the end: how many were sent back, and how many failed.
async fn redriven(host: &Host, to: Target) -> (u64, usize) {
    let (mut ask, mut sent, mut failed) = (step(to), 0, 0);
    loop {
        let done = redrive(host, ask.clone()).await.unwrap();
        assert_eq!(done.stopped, None);
        sent += done.redriven;
        failed += done.failed.len();
        ask.cursor = done.cursor;
        if ask.cursor.is_none() {
            return (sent, failed);
        }
    }
}

/// A host of whose letters there are `letters`, each of a record of its own.
async fn with_letters(letters: usize, settings: serde_json::Value) -> Host {
    let mut host = Host::new(1).await;
    host.function.does(|call| async move {
        let failure = |index| RecordFailure {
            index,
            disposition: Disposition::Reject,
            reason: "not yet".to_owned(),
        };
        let failures = (0..call.batch.len() as u32).map(failure).collect();
        answer(Ok(Verdict {
            failures,
            ..Verdict::default()
        }))
    });
    host.trigger("t", settings).await;
    let texts: Vec<String> = (0..letters).map(|n| n.to_string()).collect();
    for text in &texts {
        host.put(&format!("key-{text}"), &[text]);
    }
    host.until("letters", |host| host.dead().len() == letters)
        .await;
    host
}

fn numbers(host: &Host) -> Vec<usize> {
    let mut numbers: Vec<_> = host.out().iter().map(|n| n.parse().unwrap()).collect();
    numbers.sort_unstable();
    numbers
}

#[tokio::test(start_paused = true)]
async fn letters_go_to_the_stream_once_however_often_it_is_asked_for() {
    let host = with_letters(1_300, json!({})).await;
    host.function.does(|call| async move { echo(&call.batch) });
    assert_eq!(redriven(&host, Target::Stream).await, (1_300, 0));
    assert_eq!(redriven(&host, Target::Stream).await, (0, 0));
    host.until("all", |host| host.out().len() == 1_300).await;
    assert_eq!(numbers(&host), (0..1_300).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn letters_that_fail_again_come_to_an_end() {
    let host = with_letters(30, json!({})).await;
    // Each of them becomes a letter again, behind the end of the redrive that sent it.
    assert_eq!(redriven(&host, Target::Stream).await, (30, 0));
    host.until("letters", |host| host.dead().len() == 60).await;
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    assert_eq!(redriven(&host, Target::Stream).await, (30, 0));
}

#[tokio::test(start_paused = true)]
async fn one_letter_that_fails_holds_no_other_back() {
    for factor in [1, 4] {
        let settings = json!({"batch_size": 50, "parallelization_factor": factor});
        let host = with_letters(250, settings).await;
        host.function.does(|call| async move {
            let texts = data(&call.batch);
            if texts.iter().any(|text| text == "77" || text == "201") {
                return error("it traps");
            }
            echo(&call.batch)
        });
        assert_eq!(redriven(&host, Target::Function).await, (248, 2));
        let expected: Vec<_> = (0..250).filter(|n| ![77, 201].contains(n)).collect();
        assert_eq!(numbers(&host), expected);
        host.function.does(|call| async move { echo(&call.batch) });
        assert_eq!(redriven(&host, Target::Function).await, (2, 0));
        assert_eq!(numbers(&host), (0..250).collect::<Vec<_>>());
        let calls = host.function.seen();
        assert!(calls.iter().all(|call| call.data.len() <= 50));
        assert_eq!(calls.last().unwrap().attempt, 2);
    }
}

/// Adds one to the state for each record.
fn counts(host: &Host) {
    host.function.does(|call| async move {
        let stored = call.state.get_many(vec!["n".to_owned()]).await.unwrap();
        let text = stored[0].as_ref().map(|n| String::from_utf8(n.to_vec()));
        let before: usize = text.map_or(0, |n| n.unwrap().parse().unwrap());
        // Others may write while it thinks.
        tokio::time::sleep(std::time::Duration::from_millis(3)).await;
        let after = before + call.batch.len();
        let after = Some(Bytes::from(after.to_string()));
        let Ok(mut invoked) = echo(&call.batch) else {
            unreachable!("an echo never fails")
        };
        if let Ok(verdict) = &mut invoked.result {
            verdict.writes = BTreeMap::from([("n".to_owned(), after)]);
        }
        Ok(invoked)
    });
}

#[tokio::test(start_paused = true)]
async fn letters_and_batches_do_not_lose_each_others_state() {
    for factor in [1, 3] {
        let settings = json!({"batch_size": 4, "parallelization_factor": factor});
        let host = with_letters(120, settings).await;
        counts(&host);
        let host = Arc::new(host);
        let feeding = Arc::clone(&host);
        let feed = async {
            for n in 200..320 {
                feeding.put(&format!("key-{n}"), &[&n.to_string()]);
                tokio::time::sleep(std::time::Duration::from_millis(2)).await;
            }
        };
        let (sent, ()) = tokio::join!(redriven(&host, Target::Function), feed);
        assert_eq!(sent, (120, 0));
        host.until("all", |host| host.out().len() == 240).await;
        let trigger = host.catalog.trigger("t").unwrap().id;
        let key = millstream_core::catalog::key::state(trigger, host.shard("in"), "n");
        let stored = host.log.get(&key).unwrap();
        assert_eq!(stored, "240", "factor {factor}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_paused_trigger_calls_nobody_and_a_crash_repeats_nothing() {
    let mut host = with_letters(150, json!({"batch_size": 10})).await;
    host.enable("t", false).await;
    let refused = redrive(&host, step(Target::Function)).await.unwrap_err();
    assert!(matches!(refused, RedriveError::Paused(_)), "{refused}");
    host.function.does(|call| async move {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        echo(&call.batch)
    });
    host.enable("t", true).await;
    for _ in 0..4 {
        let workers = Arc::clone(&host.workers);
        let redrive = tokio::spawn(workers.redrive(step(Target::Function)));
        tokio::time::sleep(std::time::Duration::from_millis(17)).await;
        redrive.abort();
        // A crash leaves nobody.
        assert!(redrive.await.unwrap_err().is_cancelled());
        drop(workers);
        host.crash().await;
    }
    let before = host.out().len();
    assert!(before > 0 && before < 150, "{before}");
    redriven(&host, Target::Function).await;
    assert_eq!(numbers(&host), (0..150).collect::<Vec<_>>());
}
