//! Records in CBOR.

use millstream_core::{
    block::Slice,
    sequence::{DIGITS, SequenceNumber},
    time::Millis,
};
use minicbor::{Encoder, data::Tag};

use super::{Records, key};
use crate::wire::cbor::MOMENT;

const WHY: &str = "a Vec takes all";

/// `rest` is a structure of fewer than 23 members in CBOR.
pub(super) fn write(out: &mut Vec<u8>, records: &Records<'_>, rest: &[u8]) {
    let (first, rest) = rest.split_first().expect("a structure is not nothing");
    // The count of members is in the low bits.
    out.push(first + 1);
    let mut list = Encoder::new(&mut *out);
    list.str("Records")
        .and_then(|out| out.array(length(records.page.count())))
        .expect(WHY);
    for slice in &records.page.slices {
        write_slice(out, records, slice);
    }
    out.extend_from_slice(rest);
}

fn write_slice(out: &mut Vec<u8>, records: &Records<'_>, slice: &Slice) {
    let mut number = SequenceNumber::of(records.shard, slice.first(), slice.arrival).digits();
    let encrypted = records.stream.was_encrypted(slice.arrival);
    let front = front(encrypted);
    let middle = middle(encrypted, slice.arrival);
    for i in slice.range.clone() {
        let at = out.len();
        out.extend_from_slice(&front);
        out.extend_from_slice(number.as_bytes());
        out.extend_from_slice(&middle);
        let mut rest = Encoder::new(&mut *out);
        rest.bytes(slice.block.datum(i)).expect(WHY);
        match key(&slice.block, i) {
            Some(key) => {
                let rest = rest.str("PartitionKey");
                rest.and_then(|out| out.str(key)).expect(WHY);
            }
            // The count of members is in the low bits.
            None => out[at] -= 1,
        }
        number.advance();
    }
}

/// What comes before the digits of a record's number.
fn front(encrypted: bool) -> Vec<u8> {
    let mut out = Encoder::new(Vec::new());
    let members = 4 + u64::from(encrypted);
    out.map(members)
        .and_then(|out| out.str("SequenceNumber"))
        .expect(WHY);
    out.str_len(length(DIGITS)).expect(WHY);
    out.into_writer()
}

/// What stands between the number and the data.
fn middle(encrypted: bool, arrival: Millis) -> Vec<u8> {
    let mut out = Encoder::new(Vec::new());
    if encrypted {
        out.str("EncryptionType")
            .and_then(|out| out.str("KMS"))
            .expect(WHY);
    }
    out.str("ApproximateArrivalTimestamp").expect(WHY);
    out.tag(Tag::new(MOMENT))
        .and_then(|out| out.u64(arrival.0))
        .expect(WHY);
    out.str("Data").expect(WHY);
    out.into_writer()
}

fn length(n: usize) -> u64 {
    u64::try_from(n).expect("a usize fits")
}
