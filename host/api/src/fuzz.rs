//! What `tests/fuzz` calls: the readers of bodies that strangers send, and the writer of frames.
//! Each panics where what must hold does not.

use serde_json::Value;

use crate::wire::{
    cbor,
    decode::checked,
    eventstream,
    form::Form,
    schema::{self, Kind, Member, Text},
};

const WORD: Text = Text {
    pattern: None,
    values: &[],
    min: 0,
    max: 256,
};

/// A member of every kind, some of them within others.
const MEMBERS: &[Member] = &[
    schema::STREAM_NAME,
    schema::STREAM_ARN,
    schema::STREAM_ID,
    schema::DRY_RUN,
    Member::new("Limit", schema::PAGE),
    Member::new("Timestamp", Kind::Timestamp),
    Member::new(
        "Tags",
        Kind::Map {
            key: &WORD,
            value: &WORD,
            max: 50,
        },
    ),
    Member::new(
        "Records",
        Kind::List {
            of: &Kind::Structure(&[
                Member::new("PartitionKey", schema::PARTITION_KEY),
                Member::new("Data", schema::DATA),
                Member::new("ExplicitHashKey", schema::HASH_KEY),
                Member::new("Timestamp", Kind::Timestamp),
            ]),
            max: 500,
        },
    ),
];

/// Reads a body in JSON; what is read is the same once it was written and read in CBOR.
///
/// # Panics
/// When it is not.
pub fn json(body: &[u8]) {
    let Ok(value) = checked(Form::Json, body, MEMBERS) else {
        return;
    };
    if value["Tags"].get("Data").is_some() {
        // The writer is that of answers, which have no maps: to it, that is a blob.
        return;
    }
    let written = cbor::encode(&value);
    let again = checked(Form::Cbor, &written, MEMBERS);
    let again = again.unwrap_or_else(|fault| panic!("{value} is refused in CBOR: {fault}"));
    assert_eq!(texts(&again), texts(&value));
}

/// The texts and blobs that actions are about; moments are rounded on their way.
fn texts(input: &Value) -> Vec<&Value> {
    let records = input["Records"].as_array().into_iter().flatten();
    let records = records.flat_map(|record| [&record["Data"], &record["PartitionKey"]]);
    let mut texts: Vec<_> = records.collect();
    texts.extend([&input["StreamName"], &input["Tags"]]);
    texts
}

/// Reads a body in CBOR; what is read is valid in JSON as well.
///
/// # Panics
/// When it is not.
pub fn cbor(body: &[u8]) {
    if let Ok(value) = checked(Form::Cbor, body, MEMBERS) {
        let written = Form::Json.render(&value);
        let again = checked(Form::Json, &written, MEMBERS);
        again.unwrap_or_else(|fault| panic!("{value} is refused in JSON: {fault}"));
    }
}

/// The frame of an event with this payload.
#[must_use]
pub fn frame(payload: &[u8]) -> Vec<u8> {
    let content_type = Form::Json.content_type();
    eventstream::event("SubscribeToShardEvent", content_type, payload.to_vec()).to_vec()
}
