//! Events against what AWS documents, against serde, and against the size that was promised.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    super::{Identity, Origin, Window},
    Event, Room,
};
use crate::{
    batch::Columns,
    catalog::{Shard, Stream},
    limit,
    position::{Position, ShardNumber},
    sequence::SequenceNumber,
    time::Millis,
};

fn identity() -> Identity {
    Identity {
        account: "123456789012".to_owned(),
        region: "us-east-2".to_owned(),
    }
}

/// The shard of the sample in AWS's guide: its seventh, of that time.
fn shard() -> Shard {
    let created = Millis(1_542_776_258_000);
    let stream = Stream::new("s".try_into().unwrap(), 7, ShardNumber(0), created);
    stream.shards[6].clone()
}

fn origin(stream: &str) -> Origin {
    let stream = stream.try_into().unwrap();
    let function = "lambda-role".try_into().unwrap();
    Origin::new(&identity(), &stream, &function, &shard())
}

fn columns(records: &[(u64, u64, &str, &[u8])]) -> Columns {
    let mut columns = Columns::default();
    for &(position, arrival, key, data) in records {
        columns.positions.push(position);
        columns.arrival_ms.push(arrival);
        columns.keys.extend_from_slice(key.as_bytes());
        columns.key_ends.push(columns.keys.len() as u32);
        columns.data.extend_from_slice(data);
        columns.data_ends.push(columns.data.len() as u32);
    }
    columns
}

fn written(origin: &Origin, columns: &Columns, window: Option<&Window>) -> String {
    let event = Event {
        origin,
        columns,
        window,
    };
    String::from_utf8(event.write()).unwrap()
}

#[test]
fn an_event_is_that_of_the_guide_to_the_byte() {
    let columns = columns(&[(
        0x6764_8a17,
        1_545_084_650_987,
        "1",
        b"Hello, this is a test.",
    )]);
    let number = "49590338271490256608559692538361571095921575989136588898";
    let expected = [
        r#"{"Records":[{"kinesis":{"kinesisSchemaVersion":"1.0","partitionKey":"1","#,
        r#""sequenceNumber":"NUMBER","data":"SGVsbG8sIHRoaXMgaXMgYSB0ZXN0Lg==","#,
        r#""approximateArrivalTimestamp":1545084650.987},"eventSource":"aws:kinesis","#,
        r#""eventVersion":"1.0","eventID":"shardId-000000000006:NUMBER","#,
        r#""eventName":"aws:kinesis:record","#,
        r#""invokeIdentityArn":"arn:aws:iam::123456789012:role/lambda-role","#,
        r#""awsRegion":"us-east-2","#,
        r#""eventSourceARN":"arn:aws:kinesis:us-east-2:123456789012:stream/lambda-stream"}]}"#,
    ];
    let expected = expected.concat().replace("NUMBER", number);
    assert_eq!(written(&origin("lambda-stream"), &columns, None), expected);
}

#[test]
fn a_stream_of_another_region_says_so() {
    let columns = columns(&[(0, 0, "k", b"")]);
    let stream = crate::name::StreamName::within(Some("eu-west-1"), "a").unwrap();
    let event: Value =
        serde_json::from_str(&written(&origin(stream.as_str()), &columns, None)).unwrap();
    let record = &event["Records"][0];
    assert_eq!(record["awsRegion"], "eu-west-1");
    let arn = "arn:aws:kinesis:eu-west-1:123456789012:stream/a";
    assert_eq!(record["eventSourceARN"], arn);
}

#[test]
fn a_moment_has_three_digits_of_milliseconds() {
    for (ms, text) in [
        (0, "0.000"),
        (7, "0.007"),
        (1_000, "1.000"),
        (1_545_084_650_070, "1545084650.070"),
    ] {
        let event = written(&origin("s"), &columns(&[(0, ms, "k", b"")]), None);
        let expected = format!("\"approximateArrivalTimestamp\":{text}}}");
        assert!(event.contains(&expected), "{event}");
    }
}

#[test]
fn a_window_stands_behind_the_records() {
    let window = Window {
        start: Millis(1_607_497_440_000),
        end: Millis(1_607_497_560_000),
        state: r#"{"1":282,"2":715}"#.into(),
        is_final: false,
        is_terminated_early: false,
    };
    let origin = origin("lambda-stream");
    let none = Columns::default();
    let expected = [
        r#"{"Records":[],"window":{"start":"2020-12-09T07:04:00Z","end":"2020-12-09T07:06:00Z"},"#,
        r#""state":{"1":282,"2":715},"shardId":"shardId-000000000006","#,
        r#""eventSourceARN":"arn:aws:kinesis:us-east-2:123456789012:stream/lambda-stream","#,
        r#""isFinalInvokeForWindow":false,"isWindowTerminatedEarly":false}"#,
    ];
    assert_eq!(written(&origin, &none, Some(&window)), expected.concat());
    let last = Window {
        is_final: true,
        is_terminated_early: true,
        ..window
    };
    let columns = columns(&[(1, 2, "k", b"x")]);
    let event: Value = serde_json::from_str(&written(&origin, &columns, Some(&last))).unwrap();
    assert_eq!(event["Records"][0]["kinesis"]["partitionKey"], "k");
    assert_eq!(event["isFinalInvokeForWindow"], true);
    assert_eq!(event["isWindowTerminatedEarly"], true);
}

/// The largest record that an event has room for, and one byte more.
#[test]
fn the_largest_event_is_as_large_as_the_limit() {
    let origin = origin("s");
    let arrival = Millis(1_545_084_650_987);
    let fits =
        |bytes: usize| Room::new(&origin, limit::EVENT_BYTES, None).take("k", bytes, arrival);
    let (mut least, mut most) = (0, 2 * limit::EVENT_BYTES);
    while most - least > 1 {
        let middle = least.midpoint(most);
        if fits(middle) {
            least = middle;
        } else {
            most = middle;
        }
    }
    let event = |bytes: usize| {
        let columns = columns(&[(0, arrival.0, "k", &vec![b'x'; bytes])]);
        written(&origin, &columns, None).len()
    };
    // Base64 goes by three bytes.
    assert!((limit::EVENT_BYTES - 3..=limit::EVENT_BYTES).contains(&event(least)));
    assert!(event(least + 1) > limit::EVENT_BYTES);
}

type Given = (u64, u64, String, Vec<u8>);

fn any_records() -> impl Strategy<Value = Vec<Given>> {
    // Steps of 0 are user records of one, steps of 1 neighbours.
    let record = (
        0u64..3,
        0u64..3_000,
        any::<String>(),
        prop::collection::vec(any::<u8>(), 0..9),
    );
    prop::collection::vec(record, 0..12).prop_map(|steps| {
        let mut at = (5, 1_700_000_000_000);
        let place = |(step, ms, key, data): (u64, u64, String, Vec<u8>)| {
            at = (at.0 + step, at.1 + ms);
            (at.0, at.1, key, data)
        };
        steps.into_iter().map(place).collect()
    })
}

fn borrowed(records: &[Given]) -> Vec<(u64, u64, &str, &[u8])> {
    let records = records.iter();
    records
        .map(|(position, arrival, key, data)| (*position, *arrival, &key[..], &data[..]))
        .collect()
}

proptest! {
    #[test]
    fn every_record_is_told_as_it_is(records in any_records()) {
        let origin = origin("s");
        let event = written(&origin, &columns(&borrowed(&records)), None);
        let event: Value = serde_json::from_str(&event).unwrap();
        let told = event["Records"].as_array().unwrap();
        prop_assert_eq!(told.len(), records.len());
        for ((position, arrival, key, data), told) in records.iter().zip(told) {
            let number = SequenceNumber::of(&shard(), Position(*position), Millis(*arrival)).to_string();
            let kinesis = &told["kinesis"];
            prop_assert_eq!(&kinesis["partitionKey"], &json!(key));
            prop_assert_eq!(&kinesis["sequenceNumber"], &json!(number));
            let encoded = base64_simd::STANDARD.encode_to_string(data);
            prop_assert_eq!(&kinesis["data"], &json!(encoded));
            let seconds = kinesis["approximateArrivalTimestamp"].as_f64().unwrap();
            prop_assert_eq!((seconds * 1000.0).round() as u64, *arrival);
            prop_assert_eq!(&told["eventID"], &json!(format!("shardId-000000000006:{number}")));
        }
    }

    #[test]
    fn a_room_takes_what_an_event_of_its_size_holds(
        records in any_records(), bytes in 0usize..4_000, state in "[a-z]{0,40}",
    ) {
        let (origin, all) = (origin("s"), borrowed(&records));
        let state = json!({ "s": state }).to_string();
        let window = Window {
            start: Millis(0),
            end: Millis(60_000),
            state: state.as_str().into(),
            // The longer one: whether it is final is known when all records are.
            is_final: false,
            is_terminated_early: false,
        };
        for window in [None, Some(&window)] {
            let size = |n: usize| written(&origin, &columns(&all[..n]), window).len();
            let mut room = Room::new(&origin, bytes, window);
            let taken = all
                .iter()
                .take_while(|(_, arrival, key, data)| room.take(key, data.len(), Millis(*arrival)))
                .count();
            prop_assert!(taken == 0 || size(taken) <= bytes);
            prop_assert!(taken == all.len() || size(taken + 1) > bytes);
        }
    }
}
