//! Functions that take events: each call says where its records come from, in the trigger's terms.

use std::sync::{Arc, Mutex};

use millstream_core::{
    event::{Event, answer},
    limit,
    port::{COMMAND_WORLD, Call, GuestError, Verdict},
};
use serde_json::{Value, json};

use crate::{function, host::Host};

fn event(call: &Call) -> Value {
    let event = Event {
        origin: &call.origin,
        columns: &call.batch,
        window: call.window.as_ref(),
    };
    serde_json::from_slice(&event.write()).unwrap()
}

/// Reports the records whose data is `no`, as a program would.
fn reported(call: &Call) -> Result<Verdict, GuestError> {
    let event = event(call);
    let records = event["Records"].as_array().unwrap().iter();
    let bad = records.filter(|record| record["kinesis"]["data"] == "bm8=");
    let item = |record: &Value| json!({"itemIdentifier": record["kinesis"]["sequenceNumber"]});
    let said = json!({"batchItemFailures": bad.map(item).collect::<Vec<_>>()}).to_string();
    let verdict = answer::verdict(
        said.as_bytes(),
        call.reports,
        call.window.is_some(),
        &call.origin,
        &call.batch,
    );
    verdict.map_err(GuestError::from)
}

#[tokio::test(start_paused = true)]
async fn what_an_event_reports_is_given_up_only_where_the_trigger_says_so() {
    let mut host = Host::new(1).await;
    host.upload_for(COMMAND_WORLD, "f").await;
    host.function
        .does(|call| async move { function::answer(reported(&call)) });
    let settings = json!({"maximum_retry_attempts": 1, "batch_size": 10});
    host.trigger("t", settings.clone()).await;
    host.put("k", &["a", "no", "b"]);
    host.until("the records", |host| host.status("t")[0].records == 3)
        .await;
    assert!(host.dead().is_empty());

    let mut settings = settings;
    settings["function_response_types"] = json!(["ReportBatchItemFailures"]);
    host.trigger("t", settings).await;
    host.put("k", &["c", "no", "d"]);
    host.until("the others", |host| host.status("t")[0].records == 5)
        .await;
    let dead = host.dead();
    let [(reason, attempts, error, text)] = &dead[..] else {
        panic!("{dead:?}");
    };
    assert_eq!(
        (reason.as_str(), *attempts, text.as_str()),
        ("RetryAttemptsExhausted", 2, "no")
    );
    assert!(error.contains("batchItemFailures"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_event_names_the_shard_that_it_is_of() {
    let mut host = Host::new(2).await;
    host.upload_for(COMMAND_WORLD, "f").await;
    let seen: Arc<Mutex<Vec<(String, Value)>>> = Arc::default();
    let notes = Arc::clone(&seen);
    host.function.does(move |call| {
        notes
            .lock()
            .unwrap()
            .push((call.shard_id.clone(), event(&call)));
        async move { function::answer(Ok(Verdict::default())) }
    });
    for key in ["a", "b", "c", "d", "e", "f"] {
        host.put(key, &[key]);
    }
    host.trigger("t", json!({})).await;
    let done = |host: &Host| {
        host.status("t")
            .iter()
            .map(|lane| lane.records)
            .sum::<u64>()
            == 6
    };
    host.until("all records", done).await;
    let seen = seen.lock().unwrap();
    assert!(seen.len() >= 2);
    for (shard, event) in seen.iter() {
        for record in event["Records"].as_array().unwrap() {
            let number = record["kinesis"]["sequenceNumber"].as_str().unwrap();
            assert_eq!(record["eventID"], format!("{shard}:{number}"));
            assert!(
                record["eventSourceARN"]
                    .as_str()
                    .unwrap()
                    .ends_with(":stream/in")
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn only_functions_that_take_events_have_batches_of_an_events_size() {
    for (world, calls) in [(COMMAND_WORLD, vec![1, 1]), ("handler", vec![2])] {
        let mut host = Host::new(1).await;
        host.upload_for(world, "f").await;
        let seen: Arc<Mutex<Vec<usize>>> = Arc::default();
        let notes = Arc::clone(&seen);
        host.function.does(move |call| {
            notes.lock().unwrap().push(call.batch.len());
            async move { function::answer(Ok(Verdict::default())) }
        });
        // Two of them are a batch, but not an event.
        let half = "x".repeat(limit::BATCH_BYTES / 2 - 100);
        host.put("k", &[&half, &half]);
        host.trigger("t", json!({})).await;
        host.until("both", |host| host.status("t")[0].records == 2)
            .await;
        assert_eq!(*seen.lock().unwrap(), calls, "{world}");
    }
}
