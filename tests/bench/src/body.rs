//! Requests that put records: the same records in each form.

use std::fmt::Write as _;

use crate::connection::{CBOR, kinesis, kinesis_as};

pub(crate) fn put_record(stream: &str, bytes: usize, seed: usize) -> Vec<u8> {
    let (data, key) = (base64(bytes, seed), key(seed, 0));
    let body = format!(r#"{{"StreamName":"{stream}","Data":"{data}","PartitionKey":"{key}"}}"#);
    kinesis("PutRecord", body.as_bytes())
}

pub(crate) fn put_records(stream: &str, records: usize, bytes: usize, seed: usize) -> Vec<u8> {
    let data = base64(bytes, seed);
    let mut body = format!(r#"{{"StreamName":"{stream}","Records":["#);
    for i in 0..records {
        let comma = if i == 0 { "" } else { "," };
        let key = key(seed, i);
        write!(body, r#"{comma}{{"Data":"{data}","PartitionKey":"{key}"}}"#)
            .expect("a string takes everything");
    }
    body.push_str("]}");
    kinesis("PutRecords", body.as_bytes())
}

pub(crate) fn put_records_cbor(stream: &str, records: usize, bytes: usize, seed: usize) -> Vec<u8> {
    let data = data(bytes, seed);
    let mut body = Vec::new();
    cbor_head(&mut body, MAP, 2);
    cbor_text(&mut body, "StreamName");
    cbor_text(&mut body, stream);
    cbor_text(&mut body, "Records");
    cbor_head(&mut body, ARRAY, records);
    for i in 0..records {
        cbor_head(&mut body, MAP, 2);
        cbor_text(&mut body, "Data");
        cbor_head(&mut body, BYTES, data.len());
        body.extend_from_slice(&data);
        cbor_text(&mut body, "PartitionKey");
        cbor_text(&mut body, &key(seed, i));
    }
    kinesis_as(CBOR, "PutRecords", &body)
}

/// 16 characters, as long as a short identifier.
fn key(seed: usize, i: usize) -> String {
    format!("key-{seed:04}-{i:07}")
}

fn data(bytes: usize, seed: usize) -> Vec<u8> {
    (0..bytes)
        .map(|i| ((i * 31 + seed * 7) % 251) as u8)
        .collect()
}

fn base64(bytes: usize, seed: usize) -> String {
    base64_simd::STANDARD.encode_to_string(data(bytes, seed))
}

/// CBOR's major types, where they stand in a first byte.
const BYTES: u8 = 2 << 5;
const TEXT: u8 = 3 << 5;
const ARRAY: u8 = 4 << 5;
const MAP: u8 = 5 << 5;

fn cbor_text(out: &mut Vec<u8>, text: &str) {
    cbor_head(out, TEXT, text.len());
    out.extend_from_slice(text.as_bytes());
}

/// A first byte with a length, as short as it can be.
fn cbor_head(out: &mut Vec<u8>, major: u8, length: usize) {
    match length {
        0..24 => out.push(major | length as u8),
        24..0x100 => out.extend([major | 24, length as u8]),
        0x100..0x1_0000 => {
            out.push(major | 25);
            out.extend((length as u16).to_be_bytes());
        }
        _ => {
            out.push(major | 26);
            out.extend((length as u32).to_be_bytes());
        }
    }
}
