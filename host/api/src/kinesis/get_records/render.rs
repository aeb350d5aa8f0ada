//! The answer of GetRecords, written by hand into one buffer of about its final size.

use millstream_core::{
    block::Slice,
    catalog::Shard,
    port::Page,
    sequence::{DIGITS, SequenceNumber},
};

/// What stands around a record's number, time, data and key.
const RECORD_OVERHEAD: usize = DIGITS + 120;
/// Room for the iterator and what stands around it.
const TAIL_BYTES: usize = 640;

/// What follows the records.
pub(super) struct Tail<'a> {
    /// None at the end of a closed shard.
    pub(super) next: Option<&'a str>,
    pub(super) millis_behind: u64,
}

/// How many bytes an answer with `page` has, about.
pub(super) fn size(page: &Page) -> usize {
    let bytes: usize = page.slices.iter().map(Slice::payload).sum();
    bytes / 3 * 4 + page.count() * RECORD_OVERHEAD + TAIL_BYTES
}

pub(super) fn render(shard: &Shard, page: &Page, tail: &Tail<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(size(page));
    out.extend_from_slice(br#"{"Records":["#);
    for slice in &page.slices {
        write_slice(&mut out, shard, slice);
    }
    if !page.slices.is_empty() {
        // The last record's comma.
        out.pop();
    }
    out.push(b']');
    if let Some(next) = tail.next {
        out.extend_from_slice(br#","NextShardIterator":""#);
        out.extend_from_slice(next.as_bytes());
        out.push(b'"');
    }
    out.extend_from_slice(br#","MillisBehindLatest":"#);
    let mut number = itoa::Buffer::new();
    out.extend_from_slice(number.format(tail.millis_behind).as_bytes());
    out.push(b'}');
    out
}

fn write_slice(out: &mut Vec<u8>, shard: &Shard, slice: &Slice) {
    let Slice {
        block,
        range,
        arrival,
        ..
    } = slice;
    let mut number = SequenceNumber::of(shard, slice.first(), *arrival).digits();
    let (seconds, ms) = (arrival.seconds(), arrival.0 % 1000);
    let time = format!(r#"","ApproximateArrivalTimestamp":{seconds}.{ms:03},"Data":""#);
    for i in range.clone() {
        out.extend_from_slice(br#"{"SequenceNumber":""#);
        out.extend_from_slice(number.as_bytes());
        out.extend_from_slice(time.as_bytes());
        base64_simd::STANDARD.encode_append(block.datum(i), out);
        out.extend_from_slice(br#"","PartitionKey":"#);
        write_text(out, block.key(i));
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
