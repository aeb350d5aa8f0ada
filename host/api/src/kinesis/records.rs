//! Records in answers and events, written by hand from the log's blocks into one buffer of about its final
//! size: what stands around them is a few members, they are up to 10 MiB.

mod cbor;
mod json;

use millstream_core::{
    block::{Block, Slice},
    catalog::{Shard, Stream},
    port::Page,
    sequence::DIGITS,
};
use serde::Serialize;

use crate::wire::form::Form;

/// What stands around a record's number, time, data and key.
const RECORD_BYTES: usize = DIGITS + 144;
/// Room for the other members.
const REST_BYTES: usize = 640;

/// Records of a shard.
#[derive(Debug, Clone, Copy)]
pub(super) struct Records<'a> {
    pub(super) shard: &'a Shard,
    pub(super) page: &'a Page,
    /// Tells which of them were put as encrypted.
    pub(super) stream: &'a Stream,
}

/// The key of a record whose producer gave none. No key that is given is empty.
pub(super) const NO_KEY: &str = "";

/// The partition key of a block's record, if it has one.
pub(super) fn key(block: &Block, i: u32) -> Option<&str> {
    Some(block.key(i)).filter(|&key| key != NO_KEY)
}

/// Bytes of data and keys.
pub(super) fn payload(page: &Page) -> usize {
    page.slices.iter().map(Slice::payload).sum()
}

/// How many bytes [`render`] makes of a page, about.
pub(super) fn size(page: &Page) -> usize {
    payload(page) / 3 * 4 + page.count() * RECORD_BYTES + REST_BYTES
}

/// A structure with a member `Records` and those of `rest`, which is a structure too.
pub(super) fn render(form: Form, records: &Records<'_>, rest: &impl Serialize) -> Vec<u8> {
    let mut out = Vec::with_capacity(size(records.page));
    let rest = form.render(rest);
    match form {
        Form::Json => json::write(&mut out, records, &rest),
        Form::Cbor => cbor::write(&mut out, records, &rest),
    }
    out
}

#[cfg(test)]
mod tests {
    use millstream_core::{
        block::BlockBuilder,
        position::{Position, ShardNumber},
        time::Millis,
    };
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::wire::{
        cbor,
        schema::{self, Kind, Member},
    };

    /// What tells blobs and moments from texts and numbers.
    const OUTPUT: &[Member] = &[Member::new(
        "Records",
        Kind::List {
            of: &Kind::Structure(&[
                Member::new("Data", schema::DATA),
                Member::new("ApproximateArrivalTimestamp", Kind::Timestamp),
            ]),
            max: 10_000,
        },
    )];

    fn page(records: &[(String, Vec<u8>)], arrival: Millis) -> Page {
        let mut page = Page::default();
        // A slice for each two records, of which the first is left out of a block of three.
        for (i, records) in (0u64..).zip(records.chunks(2)) {
            let mut block = BlockBuilder::with_capacity(0, 0);
            block.push("before", b"it");
            records.iter().for_each(|(key, data)| block.push(key, data));
            let block = block.finish().unwrap();
            page.slices.push(Slice {
                range: 1..block.len(),
                block,
                base: Position::new(1, 3 * i),
                arrival,
            });
        }
        page
    }

    proptest! {
        #[test]
        fn both_forms_say_the_same(
            records in prop::collection::vec((".{0,3}", prop::collection::vec(any::<u8>(), 0..40)), 0..7),
            arrival in 0u64..1 << 42,
            encrypted: bool,
            rest in prop::sample::select(vec![json!({}), json!({"MillisBehindLatest": 1, "NextShardIterator": "a"})]),
        ) {
            let mut stream = Stream::new("s".try_into().unwrap(), 1, ShardNumber(7), Millis(0));
            let page = page(&records, Millis(arrival));
            stream.encryption_key = encrypted.then(|| "alias/a".to_owned());
            let view = Records { stream: &stream, shard: &stream.shards[0], page: &page };
            let json = render(Form::Json, &view, &rest);
            let cbor = render(Form::Cbor, &view, &rest);
            prop_assert!(json.len() <= size(&page) + records.len() * 1000);
            let json: Value = serde_json::from_slice(&json).unwrap();
            prop_assert_eq!(cbor::decode(&cbor, OUTPUT, 1000), Ok(json.clone()));
            prop_assert_eq!(json["Records"].as_array().unwrap().len(), records.len());
            for (record, (key, data)) in json["Records"].as_array().unwrap().iter().zip(&records) {
                let key = (key != NO_KEY).then_some(key.as_str());
                prop_assert_eq!(record.get("PartitionKey").and_then(Value::as_str), key);
                let data = base64_simd::STANDARD.encode_to_string(data);
                prop_assert_eq!(record["Data"].as_str(), Some(data.as_str()));
                prop_assert_eq!(record.get("EncryptionType").is_some(), encrypted);
            }
            for (name, value) in rest.as_object().unwrap() {
                prop_assert_eq!(&json[name], value);
            }
        }
    }
}
