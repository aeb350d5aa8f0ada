//! Aggregates of other people's making, of the tests' own, and what only looks like one.

use proptest::prelude::*;

use super::{
    pack::{blob, number, seal, varint},
    *,
};

/// Made by `aws_kinesis_agg` 1.2.3 from three records.
const FOREIGN: &str = "f3899ac20a03616e6e0a03626f62120130122733343032383233363639323039333834\
    36333436333337343630373433313736383231313435351a09080010001a036f6e651a06080110011a001a09\
    08001a057468726565139bcc1f17fc93cf8d182dd386056912";

fn bytes(hex: &str) -> Vec<u8> {
    let pair = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(pair).collect()
}

/// A record of key 0 with that data.
fn record(data: &[u8]) -> Vec<u8> {
    blob(3, &[number(1, 0), blob(3, data)].concat())
}

#[test]
fn another_librarys_aggregate_is_unpacked_and_packed_alike() {
    let record = |partition_key, explicit_hash_key, data| UserRecord {
        partition_key,
        explicit_hash_key,
        data,
    };
    let max = "340282366920938463463374607431768211455";
    let records = [
        record("ann", Some("0"), &b"one"[..]),
        record("bob", Some(max), b""),
        record("ann", None, b"three"),
    ];
    let foreign = bytes(FOREIGN);
    assert_eq!(unpack(&foreign).unwrap(), records);
    assert_eq!(pack(&records), foreign);
}

#[test]
fn what_is_cut_or_changed_anywhere_is_an_ordinary_record() {
    let whole = bytes(FOREIGN);
    for length in 0..whole.len() {
        assert_eq!(unpack(&whole[..length]), None, "{length} bytes of it");
    }
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        assert_eq!(unpack(&changed), None, "byte {at}");
    }
}

#[test]
fn a_sealed_message_that_is_not_whole_is_an_ordinary_record() {
    let key = blob(1, b"k");
    let with = |record: Vec<u8>| seal(&[key.clone(), blob(3, &record)].concat());
    assert!(unpack(&with([number(1, 0), blob(3, b"d")].concat())).is_some());
    let endless = vec![0x80; 11];
    let long = [vec![0x08], vec![0xff; 9], vec![0x02]].concat();
    for (what, data) in [
        ("no record", seal(&key)),
        ("nothing at all", seal(&[])),
        ("no key", with(blob(3, b"d"))),
        ("no data", with(number(1, 0))),
        (
            "a key that is not there",
            with([number(1, 1), blob(3, b"d")].concat()),
        ),
        (
            "a far key",
            with([number(1, u64::MAX), blob(3, b"d")].concat()),
        ),
        (
            "a hash key that is not there",
            with([number(1, 0), number(2, 0), blob(3, b"")].concat()),
        ),
        (
            "data as a number",
            with([number(1, 0), number(3, 5)].concat()),
        ),
        (
            "a group",
            with([number(1, 0), blob(3, b"d"), varint(5 << 3 | 3)].concat()),
        ),
        (
            "field 0",
            with([number(1, 0), blob(3, b"d"), number(0, 1)].concat()),
        ),
        ("a number without an end", with(endless)),
        ("a number of 65 bits", with([long, blob(3, b"d")].concat())),
        (
            "a length beyond the end",
            with([number(1, 0), varint(3 << 3 | 2), varint(9)].concat()),
        ),
        (
            "a huge length",
            with([number(1, 0), varint(3 << 3 | 2), varint(u64::MAX)].concat()),
        ),
        ("an empty key", seal(&[blob(1, b""), record(b"d")].concat())),
        (
            "a key of 257 characters",
            seal(&[blob(1, &[b'k'; 257]), record(b"d")].concat()),
        ),
        (
            "a key that is no text",
            seal(&[blob(1, b"\xff"), record(b"d")].concat()),
        ),
    ] {
        assert_eq!(unpack(&data), None, "{what}");
    }
}

#[test]
fn fields_may_stand_in_any_order_and_unknown_ones_are_passed() {
    let fixed = [
        varint(9 << 3 | 1),
        vec![7; 8],
        varint(10 << 3 | 5),
        vec![7; 4],
    ]
    .concat();
    let tag = blob(4, &blob(1, b"tag"));
    let inner = [
        tag,
        blob(3, b"no"),
        fixed.clone(),
        blob(3, b"d"),
        number(1, 0),
    ]
    .concat();
    let message = [blob(3, &inner), number(77, 3), fixed, blob(1, b"k")].concat();
    let packed = seal(&message);
    let unpacked = unpack(&packed).unwrap();
    assert_eq!(
        (unpacked[0].partition_key, unpacked[0].data),
        ("k", &b"d"[..])
    );
    // 256 characters of two bytes are as long as a key may be.
    let long = "\u{e9}".repeat(256);
    let packed = seal(&[blob(1, long.as_bytes()), record(b"d")].concat());
    assert_eq!(unpack(&packed).unwrap()[0].partition_key, long);
}

#[test]
fn no_more_is_unpacked_than_is_asked_for() {
    let of = |keys: usize, records: usize| {
        let keys = blob(1, b"k").repeat(keys);
        seal(&[keys, record(b"d").repeat(records)].concat())
    };
    let count = |data: &[u8]| unpack_at_most(data, 3).map(|records| records.len());
    assert_eq!(count(&of(3, 3)), Some(3));
    assert_eq!(count(&of(1, 4)), None);
    assert_eq!(count(&of(4, 1)), None);
}

fn user<'a>(key: &'a String, hash_key: &'a Option<String>, data: &'a Vec<u8>) -> UserRecord<'a> {
    UserRecord {
        partition_key: key,
        explicit_hash_key: hash_key.as_deref(),
        data,
    }
}

proptest! {
    #[test]
    fn what_was_packed_is_unpacked(
        records in prop::collection::vec(
            ("[a-z\u{e9}]{1,4}", prop::option::of("[0-9]{1,3}"), prop::collection::vec(any::<u8>(), 0..300)),
            1..40,
        ),
    ) {
        let records: Vec<_> = records.iter().map(|(key, hash_key, data)| user(key, hash_key, data)).collect();
        let packed = pack(&records);
        prop_assert_eq!(unpack(&packed), Some(records));
    }

    #[test]
    fn any_sealed_bytes_are_unpacked_or_not(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        tail in prop::collection::vec(any::<u8>(), 0..20),
    ) {
        let whole = bytes(FOREIGN);
        let mut message = [&whole[4..whole.len() - 16], &tail].concat();
        for (at, byte) in changes {
            let at = at.index(message.len());
            message[at] = byte;
        }
        for record in unpack(&seal(&message)).unwrap_or_default() {
            prop_assert!(is_key(record.partition_key));
        }
    }
}
