//! From an answer as JSON has it to CBOR; the members' names say what is a blob and what is a moment.

use minicbor::{Encoder, data::Tag, encode::write::Write};
use serde_json::{Number, Value};

use super::MOMENT;

/// Moments whose names do not say so.
const MOMENTS: [&str; 3] = ["StartedAt", "EndedAt", "EarliestAllowedEndAt"];
const WHY: &str = "a Vec takes all";

/// `value` in CBOR.
pub(crate) fn encode(value: &Value) -> Vec<u8> {
    let mut out = Encoder::new(Vec::with_capacity(256));
    write(&mut out, "", value);
    out.into_writer()
}

fn write(out: &mut Encoder<Vec<u8>>, name: &str, value: &Value) {
    match value {
        Value::Null => out.null(),
        Value::Bool(value) => out.bool(*value),
        Value::Number(number) if is_moment(name) => {
            let ms = (number.as_f64().unwrap_or_default() * 1000.0).round();
            // A cast to an integer stays within its bounds.
            out.tag(Tag::new(MOMENT)).and_then(|out| out.i64(ms as i64))
        }
        Value::Number(number) => write_number(out, number),
        Value::String(text) => match blob(name, text) {
            Some(bytes) => out.bytes(&bytes),
            None => out.str(text),
        },
        Value::Array(items) => {
            let list = out.array(length(items.len())).expect(WHY);
            items.iter().for_each(|item| write(list, name, item));
            Ok(list)
        }
        Value::Object(fields) => {
            let map = out.map(length(fields.len())).expect(WHY);
            for (name, value) in fields {
                map.str(name).expect(WHY);
                write(map, name, value);
            }
            Ok(map)
        }
    }
    .expect(WHY);
}

fn write_number<'o, W: Write>(
    out: &'o mut Encoder<W>,
    number: &Number,
) -> Result<&'o mut Encoder<W>, minicbor::encode::Error<W::Error>> {
    match (number.as_u64(), number.as_i64()) {
        (Some(number), _) => out.u64(number),
        (None, Some(number)) => out.i64(number),
        (None, None) => out.f64(number.as_f64().unwrap_or_default()),
    }
}

fn is_moment(name: &str) -> bool {
    name.ends_with("Timestamp") || MOMENTS.contains(&name)
}

fn blob(name: &str, text: &str) -> Option<Vec<u8>> {
    let decoded = || base64_simd::STANDARD.decode_to_vec(text).ok();
    (name == "Data").then(decoded).flatten()
}

fn length(n: usize) -> u64 {
    u64::try_from(n).expect("a usize fits")
}
