//! Failure records: handed over by the commit that gives records up, and by no other.

use std::sync::Mutex;

use bytes::Bytes;
use millstream_core::{
    catalog::key,
    port::{CommitError, Log, Outbox, OutboxStatus},
    trigger::{Checkpoint, outbox::Entry},
};
use serde_json::{Value, json};

use crate::{
    function::{self, error},
    host::Host,
};

const QUEUE: &str = "arn:aws:sqs:us-east-1:123456789012:q";

/// Notes what it is told of.
#[derive(Debug, Default)]
pub(crate) struct Notes(Mutex<Vec<Bytes>>);

impl Notes {
    pub(crate) fn keys(&self) -> Vec<Bytes> {
        self.0.lock().unwrap().clone()
    }
}

impl Outbox for Notes {
    fn filled(&self, keys: Vec<Bytes>) {
        self.0.lock().unwrap().extend(keys);
    }

    fn status(&self, _trigger: u64) -> Option<OutboxStatus> {
        None
    }
}

fn settings(more: Value) -> Value {
    let mut all = json!({
        "on_failure_stream": null, "on_failure_destination": QUEUE, "batch_size": 10,
        "maximum_retry_attempts": 0,
    });
    for (name, value) in more.as_object().unwrap() {
        all[name] = value.clone();
    }
    all
}

async fn stored(host: &Host, key: &Bytes) -> Option<Bytes> {
    let stored = host.log.get_many(vec![key.clone()]).await.unwrap();
    stored.into_iter().next().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_failure_record_is_handed_over_with_the_checkpoint() {
    let mut host = Host::new(1).await;
    host.function.does(|_| async { error("no") });
    host.put("k", &["a", "b", "c"]);
    host.trigger("t", settings(json!({"maximum_retry_attempts": 1})))
        .await;
    host.until("the failure record", |host| !host.outbox.keys().is_empty())
        .await;
    let keys = host.outbox.keys();
    assert_eq!(keys.len(), 1);
    let entry = Entry::decode(&stored(&host, &keys[0]).await.unwrap()).unwrap();
    assert_eq!((entry.records, entry.destination.as_str()), (3, QUEUE));
    let body: Value = serde_json::from_str(entry.body.get()).unwrap();
    assert_eq!(body["requestContext"]["approximateInvokeCount"], 2);
    assert_eq!(body["responseContext"]["functionError"], "Unhandled");
    let trigger = host.catalog.trigger("t").unwrap();
    let lane = key::lane(trigger.id, host.shard("in"));
    let commits = host.log.commits();
    let together: Vec<_> = commits.iter().filter(|c| c.contains(&keys[0])).collect();
    assert!(
        matches!(&together[..], [commit] if commit.contains(&lane)),
        "{commits:?}"
    );
    let checkpoint = stored(&host, &lane).await.unwrap();
    let checkpoint = Checkpoint::decode(&checkpoint).unwrap();
    assert_eq!((checkpoint.next.ordinal(), checkpoint.pending), (3, None));
    let mut samples = String::new();
    host.workers.samples(&mut samples);
    let dropped = "millstream_trigger_dropped_records_total{trigger=\"t\"} 0\n";
    assert!(samples.contains(dropped), "{samples}");
}

#[tokio::test(start_paused = true)]
async fn an_unknown_outcome_is_told_of_too() {
    let mut host = Host::new(1).await;
    host.function.does(|_| async { error("no") });
    host.put("k", &["a"]);
    host.log
        .fail([CommitError::Ambiguous("the disk is gone".into())]);
    host.trigger("t", settings(json!({}))).await;
    host.until("another try", |host| host.outbox.keys().len() == 2)
        .await;
    let keys = host.outbox.keys();
    assert!(stored(&host, &keys[1]).await.is_some());
    let (before, after) = (&keys[0], &keys[1]);
    // Both are the same record's, though it was given up at another time.
    assert_eq!(before[..before.len() - 4], after[..after.len() - 4]);
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_was_refused_hands_nothing_over() {
    let mut host = Host::new(1).await;
    host.function.does(|_| async { error("no") });
    host.put("k", &["a"]);
    host.log.fail([CommitError::Full, CommitError::Busy]);
    host.trigger("t", settings(json!({}))).await;
    host.until("the failure record", |host| !host.outbox.keys().is_empty())
        .await;
    assert_eq!(host.outbox.keys().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_whole_batch_makes_one_failure_record() {
    let mut host = Host::new(1).await;
    host.function.does(|_| async { error("no") });
    let data: Vec<String> = (0..1_200).map(|i| i.to_string()).collect();
    let data: Vec<&str> = data.iter().map(String::as_str).collect();
    host.put("k", &data);
    host.trigger("t", settings(json!({"batch_size": 2_000})))
        .await;
    host.until("the failure record", |host| !host.outbox.keys().is_empty())
        .await;
    let keys = host.outbox.keys();
    assert_eq!(keys.len(), 1);
    let entry = Entry::decode(&stored(&host, &keys[0]).await.unwrap()).unwrap();
    assert_eq!(entry.records, 1_200);
}

#[tokio::test(start_paused = true)]
async fn a_reported_record_has_no_function_error() {
    let mut host = Host::new(1).await;
    host.function.does(|call| async move {
        let first = call.batch.datum(0) == b"no";
        let failure = |index| millstream_core::port::RecordFailure {
            index,
            disposition: millstream_core::port::Disposition::Retry,
            reason: "no".into(),
        };
        let failures = if first { vec![failure(0)] } else { Vec::new() };
        function::answer(Ok(millstream_core::port::Verdict {
            failures,
            ..Default::default()
        }))
    });
    host.put("k", &["no", "b"]);
    host.trigger("t", settings(json!({}))).await;
    host.until("the failure record", |host| !host.outbox.keys().is_empty())
        .await;
    let keys = host.outbox.keys();
    let entry = Entry::decode(&stored(&host, &keys[0]).await.unwrap()).unwrap();
    let body: Value = serde_json::from_str(entry.body.get()).unwrap();
    assert_eq!(body["responseContext"]["functionError"], Value::Null);
    assert_eq!(entry.records, 1);
}
