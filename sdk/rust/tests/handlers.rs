//! What a handler's errors undo, what reaches the host, and in which order.

use std::collections::BTreeMap;

use millstream_sdk::{
    Batch, Context, Disposition, Error, Record, handler,
    testing::{self, Host},
};
use proptest::prelude::*;

/// Does something of everything, then what the data says.
#[handler]
fn obey(record: Record<'_>, cx: &mut Context) -> Result<(), Error> {
    let key = record.key();
    let count: u32 = cx.state().get(key)?.unwrap_or(0) + 1;
    cx.state().set(key, &count)?;
    cx.state().delete("last");
    cx.state().set("last", key)?;
    cx.emit("out", key, count.to_string())?;
    if record.index() % 2 == 1 {
        cx.emit("odd", key, "x")?;
    }
    match record.text()? {
        "retry" => Ok("not a number".parse::<u8>().map(drop)?),
        "reject" => Err(Error::reject("never")),
        _ => Ok(()),
    }
}

/// What `obey` must have done: a second computation.
#[derive(Default)]
struct Expected {
    counts: BTreeMap<String, u32>,
    out: Vec<(String, Vec<u8>)>,
    odd: usize,
    last: Option<String>,
    failures: Vec<(usize, Disposition)>,
}

fn expected(records: &[(String, &str)]) -> Expected {
    let mut expected = Expected::default();
    for (index, (key, data)) in records.iter().enumerate() {
        match *data {
            "retry" => {
                expected.failures.push((index, Disposition::Retry));
                break;
            }
            "reject" => expected.failures.push((index, Disposition::Reject)),
            _ => {
                let count = expected.counts.entry(key.clone()).or_default();
                *count += 1;
                let text = count.to_string().into_bytes();
                expected.out.push((key.clone(), text));
                expected.odd += index % 2;
                expected.last = Some(key.clone());
            }
        }
    }
    expected
}

proptest! {
    #[test]
    fn effects_are_those_of_the_records_that_succeeded_before_a_retry(
        records in prop::collection::vec(("[abc]", prop::sample::select(&["", "", "", "reject", "retry"][..])), 1..30),
    ) {
        let expected = expected(&records);
        let outcome = testing::run(obey, records.iter().map(|(k, d)| (k, d)));
        let failures: Vec<_> = outcome.failures.iter().map(|f| (f.index, f.disposition)).collect();
        prop_assert_eq!(failures, expected.failures);
        prop_assert_eq!(outcome.outputs.get("out").cloned().unwrap_or_default(), expected.out);
        prop_assert_eq!(outcome.outputs.get("odd").map_or(0, Vec::len), expected.odd);
        for key in ["a", "b", "c"] {
            prop_assert_eq!(outcome.state::<u32>(key), expected.counts.get(key).copied());
        }
        prop_assert_eq!(outcome.state::<String>("last"), expected.last);
    }
}

#[test]
fn a_retry_gives_the_reason() {
    let outcome = testing::run(obey, [("a", "retry")]);
    assert_eq!(outcome.failures[0].reason, "invalid digit found in string");
    assert_eq!(outcome.error, None);
    assert!(outcome.outputs.is_empty() && outcome.state.is_empty());
}

#[test]
fn data_that_cannot_be_read_is_rejected() {
    fn read(record: Record<'_>, _: &mut Context) -> Result<(), Error> {
        record.json::<u32>().map(drop)
    }
    let outcome = testing::run(read, [("k", "1"), ("k", "{}"), ("k", "2")]);
    assert_eq!(outcome.failures.len(), 1);
    assert_eq!(outcome.failures[0].disposition, Disposition::Reject);
    let outcome = testing::run(obey, [("k", &b"\xff"[..])]);
    assert_eq!(outcome.failures[0].disposition, Disposition::Reject);
}

#[test]
fn a_key_that_no_stream_takes_is_rejected() {
    fn key(record: Record<'_>, cx: &mut Context) -> Result<(), Error> {
        cx.emit("out", record.text()?, "")
    }
    // 256 characters of two bytes each are few enough.
    let longest = "\u{e9}".repeat(256);
    let long = "k".repeat(257);
    let outcome = testing::run(key, [("k", ""), ("k", &long), ("k", &longest)]);
    assert_eq!(outcome.outputs["out"], [(longest, Vec::new())]);
    let failed: Vec<_> = outcome.failures.iter().map(|f| f.index).collect();
    assert_eq!(failed, [0, 1]);
}

#[test]
fn the_failure_of_a_batch_leaves_nothing() {
    fn fail(_: Batch, cx: &mut Context) -> Result<(), Error> {
        cx.emit("out", "k", "x")?;
        cx.state().set("k", &1)?;
        Err(Error::retry("no"))
    }
    let outcome = testing::run(fail, [("k", "1")]);
    assert_eq!(outcome.error.as_deref(), Some("no"));
    assert!(outcome.outputs.is_empty() && outcome.state.is_empty() && outcome.failures.is_empty());
}

#[test]
fn a_batch_that_is_rejected_is_rejected_record_by_record() {
    fn reject(_: Batch, cx: &mut Context) -> Result<(), Error> {
        cx.emit("out", "k", "x")?;
        Err(Error::reject("no"))
    }
    let outcome = testing::run(reject, [("k", "1"), ("k", "2")]);
    let failed: Vec<_> = outcome
        .failures
        .iter()
        .map(|f| (f.index, f.disposition))
        .collect();
    assert_eq!(failed, [(0, Disposition::Reject), (1, Disposition::Reject)]);
    assert!(outcome.outputs.is_empty());
}

#[test]
fn state_is_read_in_one_call_and_written_in_one_call() {
    fn add(batch: Batch, cx: &mut Context) -> Result<(), Error> {
        cx.state()
            .prefetch(batch.records().map(|record| record.key()))?;
        batch.each(cx, |record, cx| {
            let sum: i64 = cx.state().get(record.key())?.unwrap_or(0);
            let more: i64 = record.text()?.parse()?;
            cx.state().set(record.key(), &(sum + more))
        })?;
        Ok(())
    }
    let mut host = Host::new();
    host.run(add, [("a", "1"), ("b", "2")]);
    let outcome = host.run(add, [("a", "3"), ("b", "4"), ("a", "5"), ("c", "6")]);
    assert_eq!(outcome.state_calls, (1, 1));
    let sums = ["a", "b", "c"].map(|key| outcome.state::<i64>(key));
    assert_eq!(sums, [Some(9), Some(6), Some(6)]);
}

#[test]
fn state_that_was_only_read_is_not_written() {
    fn look(record: Record<'_>, cx: &mut Context) -> Result<(), Error> {
        cx.state().get::<String>(record.key()).map(drop)
    }
    let outcome = testing::run(look, [("a", ""), ("a", ""), ("b", "")]);
    assert_eq!(outcome.state_calls, (2, 0));
}

#[test]
fn a_deleted_key_is_gone_at_once_and_afterwards() {
    fn forget(record: Record<'_>, cx: &mut Context) -> Result<(), Error> {
        cx.state().set("k", &1)?;
        cx.state().delete("k");
        let left: Option<u8> = cx.state().get("k")?;
        cx.emit("out", record.key(), format!("{left:?}"))
    }
    let outcome = testing::run(forget, [("a", "")]);
    assert_eq!(outcome.texts("out"), ["None"]);
    assert!(outcome.state.is_empty());
}

#[test]
fn state_of_another_type_fails_the_record_and_names_the_key() {
    fn mistake(_: Record<'_>, cx: &mut Context) -> Result<(), Error> {
        cx.state().set("k", "text")?;
        cx.state().get::<u8>("k").map(drop)
    }
    let outcome = testing::run(mistake, [("a", "")]);
    assert!(
        outcome.failures[0].reason.starts_with("state `k`: "),
        "{outcome:?}"
    );
}

/// Outputs go to the host about every MiB, and a record's part of them must still be undone.
#[test]
fn large_outputs_keep_their_order_and_can_still_be_undone() {
    fn large(record: Record<'_>, cx: &mut Context) -> Result<(), Error> {
        let size = 300_000;
        for part in 0..10 {
            let mut data = vec![b'.'; size];
            data[0] = b'0' + part;
            cx.emit("out", record.key(), data)?;
        }
        match record.text()? {
            "retry" => Err(Error::retry("no")),
            _ => Ok(()),
        }
    }
    let records = [("a", ""), ("b", ""), ("c", "retry"), ("d", "")];
    let outcome = testing::run(large, records);
    let seen: String = outcome.outputs["out"]
        .iter()
        .map(|(key, data)| format!("{key}{}", data[0] as char))
        .collect();
    assert_eq!(seen, "a0a1a2a3a4a5a6a7a8a9b0b1b2b3b4b5b6b7b8b9");
}

#[test]
fn a_forwarded_batch_arrives_as_it_was() {
    fn pass(batch: Batch, cx: &mut Context) -> Result<(), Error> {
        cx.forward("out", batch)
    }
    let outcome = testing::run(pass, [("a", "1"), ("bb", ""), ("c", "333")]);
    let expected = [("a", "1"), ("bb", ""), ("c", "333")];
    let expected = expected.map(|(k, d)| (k.to_owned(), d.as_bytes().to_vec()));
    assert_eq!(outcome.outputs["out"], expected);
}

#[test]
fn a_handler_knows_where_its_records_come_from() {
    fn tell(record: Record<'_>, cx: &mut Context) -> Result<(), Error> {
        let origin = format!("{} {} {}", cx.stream(), cx.shard_id(), cx.attempt());
        cx.emit("out", record.key(), origin)
    }
    let mut host = Host::new().stream("s").shard_id("shard").attempt(3);
    assert_eq!(host.run(tell, [("k", "")]).texts("out"), ["s shard 3"]);
}

#[test]
fn a_setting_that_cannot_be_read_is_named() {
    fn limit(_: Record<'_>, cx: &mut Context) -> Result<(), Error> {
        let limit: u32 = cx.config_parsed("limit", 5)?;
        cx.emit("out", "k", limit.to_string())
    }
    assert_eq!(testing::run(limit, [("k", "")]).texts("out"), ["5"]);
    let outcome = Host::new().config("limit", "many").run(limit, [("k", "")]);
    assert!(
        outcome.failures[0]
            .reason
            .starts_with("setting `limit` is `many`: "),
        "{outcome:?}"
    );
}
