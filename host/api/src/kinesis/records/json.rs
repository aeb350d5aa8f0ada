//! Records in JSON.

use millstream_core::{block::Slice, sequence::SequenceNumber};

use super::{Records, key};

/// `rest` is a structure in JSON.
pub(super) fn write(out: &mut Vec<u8>, records: &Records<'_>, rest: &[u8]) {
    out.extend_from_slice(br#"{"Records":["#);
    for slice in &records.page.slices {
        write_slice(out, records, slice);
    }
    if !records.page.slices.is_empty() {
        // The last record's comma.
        out.pop();
    }
    out.push(b']');
    if rest != b"{}" {
        out.push(b',');
    }
    out.extend_from_slice(&rest[1..]);
}

fn write_slice(out: &mut Vec<u8>, records: &Records<'_>, slice: &Slice) {
    let Slice {
        block,
        range,
        arrival,
        ..
    } = slice;
    let mut number = SequenceNumber::of(records.shard, slice.first(), *arrival).digits();
    let (seconds, ms) = (arrival.seconds(), arrival.0 % 1000);
    let encrypted = if records.stream.was_encrypted(*arrival) {
        r#","EncryptionType":"KMS""#
    } else {
        ""
    };
    let middle =
        format!(r#""{encrypted},"ApproximateArrivalTimestamp":{seconds}.{ms:03},"Data":""#);
    for i in range.clone() {
        out.extend_from_slice(br#"{"SequenceNumber":""#);
        out.extend_from_slice(number.as_bytes());
        out.extend_from_slice(middle.as_bytes());
        base64_simd::STANDARD.encode_append(block.datum(i), out);
        out.push(b'"');
        if let Some(key) = key(block, i) {
            out.extend_from_slice(br#","PartitionKey":"#);
            write_text(out, key);
        }
        out.extend_from_slice(b"},");
        number.advance();
    }
}

/// Writes a JSON string. Most keys have nothing to escape.
fn write_text(out: &mut Vec<u8>, text: &str) {
    let plain = |b: u8| b >= b' ' && b != b'"' && b != b'\\';
    if text.bytes().all(plain) {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        serde_json::to_writer(out, text).expect("a Vec takes all");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_key_reads_back(key in any::<String>()) {
            let mut out = Vec::new();
            write_text(&mut out, &key);
            prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), key);
        }
    }
}
