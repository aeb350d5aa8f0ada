//! Every form of an answer that Lambda tells apart, and the two that it does not tell of.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    super::{Identity, Origin},
    InvalidAnswerError as Invalid, first_failed, state, verdict,
};
use crate::{
    batch::Columns,
    catalog::Stream,
    position::{Position, ShardNumber},
    time::Millis,
};

/// Positions of the batch; the third and the fourth are user records of one record.
const POSITIONS: [u64; 5] = [10, 11, 13, 13, 17];

fn origin(created: u64) -> Origin {
    let stream = Stream::new("s".try_into().unwrap(), 1, ShardNumber(0), Millis(created));
    let function = "f".try_into().unwrap();
    Origin::new(
        &Identity::default(),
        &stream.name,
        &function,
        &stream.shards[0],
    )
}

fn columns() -> Columns {
    let ends = vec![0; POSITIONS.len()];
    Columns {
        positions: POSITIONS.to_vec(),
        arrival_ms: POSITIONS.map(|at| at * 1_000).to_vec(),
        key_ends: ends.clone(),
        data_ends: ends,
        ..Columns::default()
    }
}

fn number(position: u64) -> String {
    let origin = origin(5_000);
    origin
        .number(Position(position), Millis(position * 1_000))
        .to_string()
}

fn read(answer: &str) -> Result<Option<usize>, Invalid> {
    first_failed(answer.as_bytes(), &origin(5_000), &columns())
}

fn of_list(list: Value) -> Result<Option<usize>, Invalid> {
    read(&json!({ "batchItemFailures": list }).to_string())
}

fn item(identifier: impl Into<Value>) -> Value {
    json!({ "itemIdentifier": identifier.into() })
}

#[test]
fn an_answer_that_names_no_record_is_a_success() {
    for answer in [
        "",
        " \n",
        "null",
        "\"\"",
        "[]",
        "{}",
        "{\"batchItemFailures\":[]}",
        "{\"batchItemFailures\":null}",
        "{\"batchItemFailures\": null, \"state\": {}}\n",
        // What handlers answer that do not know of reports.
        "\"Successfully processed 3 records.\"",
        "{\"statusCode\":200}",
        "true",
        "3.5",
        "[{\"itemIdentifier\":\"1\"}]",
    ] {
        assert_eq!(read(answer), Ok(None), "{answer}");
    }
}

#[test]
fn an_entry_that_names_no_record_of_the_batch_fails_the_batch() {
    for (entry, expected) in [
        (item(""), Invalid::NotInBatch(String::new())),
        (item(Value::Null), Invalid::NoIdentifier(0)),
        (json!({}), Invalid::NoIdentifier(0)),
        (json!({"foo": 123}), Invalid::NoIdentifier(0)),
        (json!({"foo": null}), Invalid::NoIdentifier(0)),
        (
            json!({"ItemIdentifier": number(10)}),
            Invalid::NoIdentifier(0),
        ),
        (item(123), Invalid::NoIdentifier(0)),
        (item(json!([number(10)])), Invalid::NoIdentifier(0)),
        (item("123"), Invalid::NotInBatch("123".into())),
        (item(number(12)), Invalid::NotInBatch(number(12))),
        // The event's id is not the record's.
        (
            item(format!("shardId-000000000000:{}", number(10))),
            Invalid::NotInBatch(format!("shardId-000000000000:{}", number(10))),
        ),
    ] {
        assert_eq!(of_list(json!([entry.clone()])), Err(expected), "{entry}");
    }
}

#[test]
fn a_record_of_another_shard_or_moment_is_not_in_the_batch() {
    let other_shard = origin(6_000)
        .number(Position(10), Millis(10_000))
        .to_string();
    let other_moment = origin(5_000)
        .number(Position(10), Millis(11_000))
        .to_string();
    for number in [other_shard, other_moment] {
        assert_eq!(
            of_list(json!([item(number.clone())])),
            Err(Invalid::NotInBatch(number))
        );
    }
}

#[test]
fn the_lowest_of_the_named_records_counts() {
    assert_eq!(of_list(json!([item(number(10))])), Ok(Some(0)));
    assert_eq!(of_list(json!([item(number(17))])), Ok(Some(4)));
    let several = json!([item(number(17)), item(number(11)), item(number(13))]);
    assert_eq!(of_list(several), Ok(Some(1)));
    // Of user records, which share a number, the first one.
    assert_eq!(
        of_list(json!([item(number(13)), item(number(13))])),
        Ok(Some(2))
    );
    let more = json!([{"itemIdentifier": number(11), "reason": {"itemIdentifier": 1}}]);
    assert_eq!(of_list(more), Ok(Some(1)));
    let escaped = format!("\\u003{}{}", &number(11)[..1], &number(11)[1..]);
    let answer = format!("{{\"batchItemFailures\":[{{\"itemIdentifier\":\"{escaped}\"}}]}}");
    assert_eq!(read(&answer), Ok(Some(1)));
}

#[test]
fn one_entry_that_is_not_valid_fails_the_batch_whatever_the_others_are() {
    for wrong in [item("123"), item(Value::Null), json!({})] {
        for list in [
            json!([item(number(11)), wrong.clone()]),
            json!([wrong.clone(), item(number(11))]),
        ] {
            assert!(of_list(list.clone()).is_err(), "{list}");
        }
    }
}

#[test]
fn what_is_no_list_of_objects_fails_the_batch() {
    let id = number(10);
    for list in [
        json!(id),
        json!({"itemIdentifier": id}),
        json!(true),
        json!(1),
        json!([id]),
        json!([[id]]),
        json!([null]),
        json!([1]),
    ] {
        assert!(
            matches!(of_list(list.clone()), Err(Invalid::NotAList(_))),
            "{list}"
        );
    }
}

#[test]
fn what_is_not_json_fails_the_batch() {
    for answer in [
        "Hello",
        "{",
        "{}x",
        "{} {}",
        "nul",
        "{\"batchItemFailures\":[}",
        // Which of the two would count?
        "{\"batchItemFailures\":[],\"batchItemFailures\":[]}",
    ] {
        assert!(matches!(read(answer), Err(Invalid::NotJson(_))), "{answer}");
    }
    let binary = first_failed(b"{\"a\":\"\xff\"}", &origin(5_000), &columns());
    assert!(matches!(binary, Err(Invalid::NotJson(_))), "{binary:?}");
}

#[test]
fn without_the_setting_an_answer_says_nothing() {
    let (origin, columns) = (origin(5_000), columns());
    let failed = json!({"batchItemFailures": [item(number(11))]}).to_string();
    for answer in ["not JSON", "{\"batchItemFailures\":3}", &failed] {
        let said = verdict(answer.as_bytes(), false, false, &origin, &columns).unwrap();
        assert!(said.failures.is_empty(), "{answer}");
    }
    let said = verdict(failed.as_bytes(), true, false, &origin, &columns).unwrap();
    let indexes: Vec<_> = said.failures.iter().map(|failure| failure.index).collect();
    assert_eq!(indexes, [1]);
}

#[test]
fn an_answer_gives_records_to_streams() {
    let (origin, columns) = (origin(5_000), columns());
    let puts = json!([{"StreamName": "s", "Records": [{"PartitionKey": "k", "Data": "aGk="}]}]);
    let answer = json!({"batchItemFailures": [item(number(11))], "putRecords": puts}).to_string();
    for reports in [false, true] {
        let said = verdict(answer.as_bytes(), reports, false, &origin, &columns).unwrap();
        assert_eq!(said.outputs.len(), 1);
        assert_eq!(said.outputs[0].block.datum(0), b"hi");
        assert_eq!(said.failures.len(), usize::from(reports));
    }
    let wrong = verdict(b"{\"putRecords\":3}", false, false, &origin, &columns);
    assert!(matches!(wrong, Err(Invalid::NoPuts(_))), "{wrong:?}");
}

#[test]
fn a_verdict_on_a_windows_batch_has_its_state() {
    let (origin, columns) = (origin(5_000), columns());
    let of = |answer: &[u8]| verdict(answer, true, true, &origin, &columns);
    let said = of(b"{\"state\":{\"n\":1}}").unwrap();
    assert_eq!(said.window_state.as_deref(), Some("{\"n\":1}"));
    assert_eq!(of(b"{}"), Err(Invalid::NoState));
    let large = format!(
        "{{\"state\":{{\"a\":\"{}\"}}}}",
        "x".repeat(super::STATE_BYTES)
    );
    let bytes = large.len() - "{\"state\":}".len();
    assert_eq!(of(large.as_bytes()), Err(Invalid::StateTooLarge(bytes)));
}

#[test]
fn a_long_identifier_is_not_told_whole() {
    let Err(Invalid::NotInBatch(told)) = of_list(json!([item("\u{e9}".repeat(100_000))])) else {
        panic!("it is in the batch");
    };
    assert!(told.len() <= 512, "{} bytes", told.len());
}

#[test]
fn a_windows_answer_has_a_state() {
    let answer = br#"{"state": {"1": [2, "x"]}, "batchItemFailures": []}"#;
    assert_eq!(state(answer), Ok(r#"{"1": [2, "x"]}"#));
    assert_eq!(state(b"{\"state\":{}}"), Ok("{}"));
    for without in [
        "",
        "null",
        "[]",
        "{}",
        "{\"state\":null}",
        "{\"state\":[]}",
        "{\"state\":\"{}\"}",
    ] {
        assert_eq!(
            state(without.as_bytes()),
            Err(Invalid::NoState),
            "{without}"
        );
    }
    assert!(matches!(state(b"x"), Err(Invalid::NotJson(_))));
}

proptest! {
    #[test]
    fn any_answer_is_read_or_refused(answer in prop::collection::vec(any::<u8>(), 0..60)) {
        let _ = first_failed(&answer, &origin(5_000), &columns());
    }

    #[test]
    fn the_order_of_entries_does_not_matter(
        named in prop::collection::vec(0usize..POSITIONS.len(), 1..9),
    ) {
        let items: Vec<_> = named.iter().map(|&at| item(number(POSITIONS[at]))).collect();
        let lowest = named.iter().map(|&at| POSITIONS[at]).min();
        let expected = POSITIONS.iter().position(|at| Some(*at) == lowest);
        prop_assert_eq!(of_list(json!(items)), Ok(expected));
    }
}
