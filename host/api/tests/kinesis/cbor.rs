//! The same actions in CBOR, as Amazon's Java SDK speaks it.

use axum::http::StatusCode;
use minicbor::{Decoder, Encoder, data::Type};
use proptest::{prelude::*, sample::Index};
use serde_json::{Map, Value, json};

use super::{
    client::{Reply, base64, call, put, request, send},
    malformed::{ACTIONS, assert_answered, everything},
};
use crate::model::{self, Model};

const CBOR: &str = "application/x-amz-cbor-1.1";

/// As the Java SDK writes it: nothing has a length, data is bytes, moments are milliseconds.
fn encode(out: &mut Encoder<Vec<u8>>, name: &str, value: &Value) {
    match value {
        Value::Null => out.null(),
        Value::Bool(value) => out.bool(*value),
        Value::Number(seconds) if name.ends_with("Timestamp") => {
            let ms = seconds.as_f64().unwrap() * 1000.0;
            out.tag(minicbor::data::Tag::new(1)).unwrap().i64(ms as i64)
        }
        Value::Number(number) => out.i64(number.as_i64().unwrap()),
        Value::String(text) if name == "Data" => {
            out.bytes(&base64_simd::STANDARD.decode_to_vec(text).unwrap())
        }
        Value::String(text) => out.str(text),
        Value::Array(items) => {
            out.begin_array().unwrap();
            items.iter().for_each(|item| encode(out, name, item));
            out.end()
        }
        Value::Object(fields) => {
            out.begin_map().unwrap();
            for (name, value) in fields {
                out.str(name).unwrap();
                encode(out, name, value);
            }
            out.end()
        }
    }
    .unwrap();
}

/// As JSON has it: data in base64, moments in seconds.
pub(super) fn decode(left: &mut Decoder<'_>) -> Value {
    match left.datatype().unwrap() {
        Type::Bool => left.bool().unwrap().into(),
        Type::String => left.str().unwrap().into(),
        Type::Bytes => base64(left.bytes().unwrap()).into(),
        Type::Tag => {
            assert_eq!(left.tag().unwrap().as_u64(), 1);
            (left.u64().unwrap() as f64 / 1000.0).into()
        }
        Type::Array => {
            let count = left.array().unwrap().unwrap();
            (0..count).map(|_| decode(left)).collect()
        }
        Type::Map => {
            let count = left.map().unwrap().unwrap();
            let mut field = || (left.str().unwrap().to_owned(), decode(left));
            Value::Object((0..count).map(|_| field()).collect::<Map<_, _>>())
        }
        _ => left.i64().unwrap().into(),
    }
}

fn encoded(body: &Value) -> Vec<u8> {
    let mut out = Encoder::new(Vec::new());
    encode(&mut out, "", body);
    out.into_writer()
}

/// Calls an action in CBOR; the answer comes back in JSON.
async fn call_cbor(model: &Model, action: &str, body: &Value) -> Reply {
    call_raw(model, action, encoded(body)).await
}

async fn call_raw(model: &Model, action: &str, body: Vec<u8>) -> Reply {
    let mut request = request(action, body);
    request
        .headers_mut()
        .insert("content-type", CBOR.parse().unwrap());
    let mut reply = send(model, request).await;
    assert_eq!(reply.headers["content-type"], CBOR);
    if !reply.body.is_empty() {
        let mut left = Decoder::new(&reply.body);
        let value = decode(&mut left);
        assert_eq!(left.position(), reply.body.len());
        reply.body = value.to_string().into();
    }
    reply
}

async fn iterator(model: &Model, start: Value) -> String {
    let mut body = json!({"StreamName": "s", "ShardId": "0"});
    body.as_object_mut()
        .unwrap()
        .extend(start.as_object().unwrap().clone());
    let answer = call_cbor(model, "GetShardIterator", &body).await.ok();
    answer["ShardIterator"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn records_are_the_same_in_both_forms() {
    let model = Model::with_stream("s", 1).await;
    let records = [("", "k"), ("\0\u{ff}", "\u{e9}\"\\"), ("c", "k")];
    let records = records.map(|(data, key)| json!({"Data": base64(data), "PartitionKey": key}));
    let body = json!({"StreamName": "s", "Records": records});
    let answer = call_cbor(&model, "PutRecords", &body).await.ok();
    assert_eq!(answer["FailedRecordCount"], 0);
    assert_eq!(answer["Records"][2]["ShardId"], "shardId-000000000000");
    let one = json!({"StreamName": "s", "Data": base64("d"), "PartitionKey": "k"});
    let answer = call_cbor(&model, "PutRecord", &one).await.ok();
    let last = put(&model, "s", "k", "e").await;

    let from = iterator(&model, json!({"ShardIteratorType": "TRIM_HORIZON"})).await;
    let from = json!({"ShardIterator": from});
    let mut in_cbor = call_cbor(&model, "GetRecords", &from).await.ok();
    let mut in_json = call(&model, "GetRecords", from).await.ok();
    assert_eq!(in_cbor["Records"].as_array().unwrap().len(), 5);
    assert_eq!(in_cbor["Records"][1]["Data"], records[1]["Data"]);
    assert_eq!(
        in_cbor["Records"][3]["SequenceNumber"],
        answer["SequenceNumber"]
    );
    assert_eq!(in_cbor["Records"][4]["SequenceNumber"], last);
    // No two iterators are alike.
    for page in [&mut in_cbor, &mut in_json] {
        assert!(
            page.as_object_mut()
                .unwrap()
                .remove("NextShardIterator")
                .is_some()
        );
    }
    assert_eq!(in_cbor, in_json);
}

#[tokio::test]
async fn moments_are_milliseconds() {
    let model = Model::with_stream("s", 1).await;
    put(&model, "s", "k", "a").await;
    let arrival = model::now().0;
    model::set_clock(10);
    for (at, records) in [(arrival, 1), (arrival + 1, 0)] {
        let at = at as f64 / 1000.0;
        let start = json!({"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": at});
        let from = json!({"ShardIterator": iterator(&model, start).await});
        let page = call_cbor(&model, "GetRecords", &from).await.ok();
        assert_eq!(page["Records"].as_array().unwrap().len(), records);
    }
}

#[tokio::test]
async fn refusals_are_the_same_in_both_forms() {
    let model = Model::with_stream("s", 1).await;
    let long = "k".repeat(257);
    for (action, body) in [
        ("DescribeStream", json!({"StreamName": "other"})),
        ("DescribeStream", json!({"StreamName": "a b"})),
        ("DescribeStream", json!({"StreamName": 1})),
        ("DescribeStream", json!({})),
        ("DescribeStream", json!([])),
        ("DescribeStream", json!(1)),
        ("ListShards", json!({"StreamName": "s", "MaxResults": "1"})),
        ("ListShards", json!({"StreamName": "s", "MaxResults": 0})),
        ("ListShards", json!({"StreamName": "s", "ShardFilter": [1]})),
        ("PutRecord", json!({"StreamName": "s", "PartitionKey": "k"})),
        (
            "PutRecord",
            json!({"StreamName": "s", "PartitionKey": long, "Data": ""}),
        ),
        (
            "PutRecord",
            json!({"StreamName": "s", "PartitionKey": "k", "Data": "", "ExplicitHashKey": "01"}),
        ),
        (
            "PutRecord",
            json!({"StreamName": "s", "PartitionKey": "k", "Data": "", "DryRun": true}),
        ),
        ("PutRecords", json!({"StreamName": "s", "Records": []})),
        (
            "PutRecords",
            json!({"StreamName": "s", "Records": [null, {"Data": ""}]}),
        ),
        (
            "PutRecords",
            json!({"StreamName": "s", "Records": vec![json!({"Data": "", "PartitionKey": "k"}); 501]}),
        ),
        ("GetRecords", json!({"ShardIterator": "none"})),
        ("NoSuchAction", json!({})),
    ] {
        let in_cbor = call_cbor(&model, action, &body).await;
        let in_json = call(&model, action, body.clone()).await;
        assert_eq!(in_cbor.status, in_json.status, "{action} {body}");
        assert_eq!(in_cbor.refused(), in_json.refused(), "{action} {body}");
    }
    assert_eq!(model.records("s"), [vec![]]);
}

#[tokio::test]
async fn a_body_that_is_not_cbor_is_refused() {
    let model = Model::with_stream("s", 1).await;
    for body in ["", "{}", "\u{7f}", "a"] {
        let reply = call_raw(&model, "PutRecords", body.into()).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{body}");
        assert_eq!(reply.refused().0, "SerializationException");
    }
}

#[tokio::test]
async fn strings_in_pieces_are_read_slowly_but_they_are_read() {
    let model = Model::with_stream("s", 1).await;
    let body = b"\xbf\x6aStreamName\x7f\x61s\xff\x64Data\x5f\x41a\x41b\xff\x6cPartitionKey\x61k\
        \x65Other\xc1\x01\xff";
    assert_eq!(
        call_raw(&model, "PutRecord", body.to_vec()).await.status,
        StatusCode::OK
    );
    let from = iterator(&model, json!({"ShardIteratorType": "TRIM_HORIZON"})).await;
    let page = call_cbor(&model, "GetRecords", &json!({"ShardIterator": from}))
        .await
        .ok();
    assert_eq!(page["Records"][0]["Data"], base64("ab"));
}

#[tokio::test]
async fn an_answer_without_members_is_empty() {
    let model = Model::new();
    let body = json!({"StreamName": "s", "ShardCount": 1});
    let reply = call_cbor(&model, "CreateStream", &body).await;
    assert_eq!((reply.status, reply.body.len()), (StatusCode::OK, 0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn cbor_with_bytes_changed_or_cut(
        action in prop::sample::select(&ACTIONS[..]),
        changes in prop::collection::vec((any::<Index>(), any::<u8>()), 0..4),
        cut in prop::option::of(any::<Index>()),
    ) {
        let mut body = encoded(&everything());
        for (at, byte) in changes {
            let at = at.index(body.len());
            body[at] = byte;
        }
        if let Some(cut) = cut {
            body.truncate(cut.index(body.len()));
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let reply = runtime.block_on(async {
            let model = Model::with_stream("s", 2).await;
            call_raw(&model, action, body).await
        });
        assert_answered(&reply);
    }
}
