//! Whatever a body is, it is answered, and never with a fault of the host.

use proptest::{prelude::*, sample::Index};
use serde_json::{Value, json};

use super::client::{Reply, base64, call_raw};
use crate::model::Model;

pub(crate) const ACTIONS: [&str; 10] = [
    "CreateStream",
    "DeleteStream",
    "DescribeStream",
    "DescribeStreamSummary",
    "GetRecords",
    "GetShardIterator",
    "ListShards",
    "ListStreams",
    "PutRecord",
    "PutRecords",
];

/// Every member of every action, with a value that is valid.
pub(crate) fn everything() -> Value {
    json!({
        "StreamName": "s",
        "StreamARN": "arn:aws:kinesis:us-east-1:123456789012:stream/s",
        "ShardCount": 1,
        "Limit": 1,
        "MaxResults": 1,
        "NextToken": "token",
        "ExclusiveStartShardId": "shardId-0",
        "ExclusiveStartStreamName": "a",
        "StreamCreationTimestamp": 1.5,
        "ShardFilter": {"Type": "AT_TIMESTAMP", "Timestamp": 1.5, "ShardId": "shardId-0"},
        "ShardId": "shardId-000000000000",
        "ShardIterator": "iterator",
        "ShardIteratorType": "AT_SEQUENCE_NUMBER",
        "StartingSequenceNumber": "123",
        "SequenceNumberForOrdering": "0",
        "Timestamp": 1.5,
        "PartitionKey": "k",
        "ExplicitHashKey": "0",
        "Data": base64("data"),
        "Records": [{"PartitionKey": "k", "Data": base64("data"), "ExplicitHashKey": "0"}],
        "DryRun": false,
    })
}

fn run(action: &str, body: Vec<u8>) -> Reply {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let model = Model::with_stream("s", 2).await;
        call_raw(&model, action, body).await
    })
}

pub(crate) fn assert_answered(reply: &Reply) {
    assert!(reply.status.as_u16() < 500, "{reply:?}");
    if reply.status != 200 {
        reply.refused();
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        Just(json!(u64::MAX)),
        ".{0,12}".prop_map(Value::from),
        "[0-9]{1,60}".prop_map(Value::from),
        "[A-Za-z0-9+/]{0,8}={0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("Data|PartitionKey|Type|[a-z]{1,3}", inner, 0..4)
                .prop_map(|map| map.into_iter().collect()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn members_of_any_value(
        action in prop::sample::select(&ACTIONS[..]),
        member in any::<Index>(),
        value in any_json(),
    ) {
        let mut body = everything();
        let members: Vec<String> = body.as_object().unwrap().keys().cloned().collect();
        body[member.get(&members)] = value;
        assert_answered(&run(action, body.to_string().into_bytes()));
    }

    #[test]
    fn any_json_at_all(action in prop::sample::select(&ACTIONS[..]), body in any_json()) {
        assert_answered(&run(action, body.to_string().into_bytes()));
    }

    #[test]
    fn json_with_a_byte_changed_or_cut(
        action in prop::sample::select(&ACTIONS[..]),
        at in any::<Index>(),
        byte in any::<u8>(),
        cut in any::<bool>(),
    ) {
        let mut body = everything().to_string().into_bytes();
        let at = at.index(body.len());
        if cut {
            body.truncate(at);
        } else {
            body[at] = byte;
        }
        assert_answered(&run(action, body));
    }

    #[test]
    fn any_bytes_at_all(
        action in prop::sample::select(&ACTIONS[..]),
        body in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        assert_answered(&run(action, body));
    }
}

#[test]
fn bodies_that_are_built_to_break_a_parser() {
    let deep =
        |open: &str, times: usize| format!(r#"{{"StreamName":"s","X":{}"#, open.repeat(times));
    let bodies = [
        String::new(),
        " ".into(),
        "\u{feff}{}".into(),
        "nul".into(),
        "{}{}".into(),
        r#"{"StreamName":"\ud800"}"#.into(),
        r#"{"StreamName":"s","Limit":1e999}"#.into(),
        format!(r#"{{"StreamName":"s","Limit":{}}}"#, "9".repeat(100_000)),
        deep("[", 1_000_000),
        deep(r#"{"a":"#, 200_000),
        format!("{}{}}}", deep("[", 100_000), "]".repeat(100_000)),
        format!(
            r#"{{"StreamName":"s","Records":[{}]}}"#,
            vec!["{}"; 400_000].join(",")
        ),
        format!(
            r#"{{"StreamName":"s","Records":[{}]}}"#,
            vec!["0"; 150_000].join(",")
        ),
    ];
    for body in bodies {
        for action in ACTIONS {
            assert_answered(&run(action, body.clone().into_bytes()));
        }
    }
}

#[test]
fn a_number_beyond_all_numbers_is_the_largest() {
    for huge in ["1e400", &"9".repeat(400)] {
        let body = format!(r#"{{"StreamName":"s","Limit":{huge}}}"#);
        let (name, message) = run("DescribeStream", body.into_bytes()).refused();
        assert_eq!(name, "ValidationException");
        assert!(message.contains("less than or equal to 10000"), "{message}");
        let body = format!(
            r#"{{"StreamName":"s","ShardId":"0","ShardIteratorType":"AT_TIMESTAMP","Timestamp":{huge}}}"#
        );
        let (name, message) = run("GetShardIterator", body.into_bytes()).refused();
        assert_eq!(name, "InvalidArgumentException", "{message}");
        assert!(message.contains("cannot be greater than"), "{message}");
    }
}

#[test]
fn json_that_is_not_text_is_refused() {
    for action in ACTIONS {
        let reply = run(action, b"{\"StreamName\":\"\xff\"}".to_vec());
        assert_eq!(reply.refused().0, "SerializationException");
    }
}
