//! From a body in CBOR to the value that the same body in JSON would be, so that everything after it is one
//! and the same: blobs become base64, moments become seconds. The schema says where these are.
//!
//! Strict: nothing that is cut short, has text that is not UTF-8 or is followed by anything passes.

use minicbor::{
    Decoder,
    data::Type,
    decode::{BytesIter, Error, StrIter},
};
use serde_json::{Map, Number, Value};

use crate::wire::schema::{Kind, Member};

/// Bounds a body's nesting, as that of JSON is bounded.
const DEPTH: u32 = 128;
/// Tags of integers of any length.
const BIG: [u64; 2] = [2, 3];

/// The body as a structure of `members` and of at most `values` values.
/// The error is the text of a SerializationException.
pub(crate) fn decode(body: &[u8], members: &[Member], values: usize) -> Result<Value, String> {
    let mut reader = Reader {
        left: Decoder::new(body),
        values,
        depth: DEPTH,
    };
    let value = match reader.left.datatype() {
        Ok(Type::Map | Type::MapIndef) => reader.structure(members),
        _ => reader.value(None),
    };
    let value = value.map_err(|refused| match refused {
        Refused::Text(text) => text,
        Refused::Malformed(error) => format!("the body is not CBOR: {error}"),
        Refused::Values => format!("the body has more than {values} values"),
    })?;
    let (end, length) = (reader.left.position(), body.len());
    if end < length {
        return Err(format!("the body goes on at {end} after its end"));
    }
    Ok(value)
}

enum Refused {
    Text(String),
    Malformed(Error),
    Values,
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Malformed(error)
    }
}

impl Refused {
    fn conversion(from: &str, to: &str) -> Self {
        Self::Text(format!("class {from} can not be converted to {to}"))
    }
}

struct Reader<'a> {
    left: Decoder<'a>,
    /// What is left of the values and the depth.
    values: usize,
    depth: u32,
}

impl Reader<'_> {
    /// The next value, of `kind` where that is known.
    fn value(&mut self, kind: Option<&Kind>) -> Result<Value, Refused> {
        self.values = self.values.checked_sub(1).ok_or(Refused::Values)?;
        Ok(match self.left.datatype()? {
            Type::Null => {
                self.left.null()?;
                Value::Null
            }
            Type::Undefined => {
                self.left.undefined()?;
                Value::Null
            }
            Type::Bool => self.left.bool()?.into(),
            Type::U8 | Type::U16 | Type::U32 | Type::U64 => integer(self.left.u64()?.into(), kind),
            Type::I8 | Type::I16 | Type::I32 | Type::I64 | Type::Int => {
                integer(self.left.int()?.into(), kind)
            }
            Type::F16 => float(half(&mut self.left)?, kind)?,
            Type::F32 => float(self.left.f32()?.into(), kind)?,
            Type::F64 => float(self.left.f64()?, kind)?,
            Type::String | Type::StringIndef => self.text(kind)?,
            Type::Bytes | Type::BytesIndef => self.blob(kind)?,
            Type::Array | Type::ArrayIndef => self.list(kind)?,
            Type::Map | Type::MapIndef => match kind {
                Some(Kind::Structure(members)) => self.structure(members)?,
                _ => self.structure(&[])?,
            },
            Type::Tag => self.tagged(kind)?,
            Type::Simple | Type::Break | Type::Unknown(_) => {
                return Err(Error::message("a value is missing")
                    .at(self.left.position())
                    .into());
            }
        })
    }

    fn text(&mut self, kind: Option<&Kind>) -> Result<Value, Refused> {
        let text = joined(self.left.str_iter()?)?;
        match kind {
            // What would be base64 in JSON.
            Some(Kind::Blob { .. }) => Err(Refused::conversion("java.lang.String", "a Blob")),
            _ => Ok(text.into()),
        }
    }

    fn blob(&mut self, kind: Option<&Kind>) -> Result<Value, Refused> {
        let bytes = self.left.bytes_iter()?;
        let to = match kind {
            Some(Kind::Blob { .. }) => {
                let bytes = gathered(bytes)?;
                return Ok(base64_simd::STANDARD.encode_to_string(bytes).into());
            }
            Some(Kind::Text(_)) => "an String",
            Some(Kind::Integer { .. }) => "an Integer",
            Some(Kind::Boolean) => "an Boolean",
            Some(Kind::Timestamp) => "milliseconds since epoch",
            other => {
                gathered(bytes)?;
                // Not a list or a structure either, which is said as of any text.
                let stands_for = other.map(|_| Value::String(String::new()));
                return Ok(stands_for.unwrap_or_default());
            }
        };
        Err(Refused::conversion("java.nio.HeapByteBuffer", to))
    }

    fn list(&mut self, kind: Option<&Kind>) -> Result<Value, Refused> {
        let of = match kind {
            Some(Kind::List { of, .. }) => Some(*of),
            _ => None,
        };
        let count = self.left.array()?;
        let mut items = Vec::new();
        self.nested(count, |reader| {
            items.push(reader.value(of)?);
            Ok(())
        })?;
        Ok(items.into())
    }

    fn structure(&mut self, members: &[Member]) -> Result<Value, Refused> {
        let count = self.left.map()?;
        let mut fields = Map::new();
        self.nested(count, |reader| {
            let name = joined(reader.left.str_iter()?)?;
            let member = members.iter().find(|member| member.name == name);
            let value = reader.value(member.map(|member| &member.kind))?;
            fields.insert(name, value);
            Ok(())
        })?;
        Ok(fields.into())
    }

    fn nested(
        &mut self,
        count: Option<u64>,
        mut each: impl FnMut(&mut Self) -> Result<(), Refused>,
    ) -> Result<(), Refused> {
        let deeper = self.depth.checked_sub(1);
        self.depth = deeper.ok_or_else(|| Error::message("it nests too deeply"))?;
        match count {
            Some(count) => (0..count).try_for_each(|_| each(self))?,
            None => {
                while self.left.datatype()? != Type::Break {
                    each(self)?;
                }
                self.left.set_position(self.left.position() + 1);
            }
        }
        self.depth += 1;
        Ok(())
    }

    fn tagged(&mut self, kind: Option<&Kind>) -> Result<Value, Refused> {
        let tag = self.left.tag()?.as_u64();
        let inner = self.left.datatype()?;
        if BIG.contains(&tag) && matches!(inner, Type::Bytes | Type::BytesIndef) {
            let bytes = gathered(self.left.bytes_iter()?)?;
            let size = bytes.iter().fold(0.0, |n, &b| n * 256.0 + f64::from(b));
            return float(if tag == BIG[0] { size } else { -1.0 - size }, None);
        }
        if inner == Type::Tag {
            return Err(Error::message("a tag has a tag").into());
        }
        // Which values are moments says the schema, not the tag.
        self.value(kind)
    }
}

/// An integer, of 65 bits at most.
fn integer(value: i128, kind: Option<&Kind>) -> Value {
    if matches!(kind, Some(Kind::Timestamp)) {
        // Exact for the next 280,000 years.
        return (value as f64 / 1000.0).into();
    }
    let small = i64::try_from(value).map(Number::from);
    let small = small.or_else(|_| u64::try_from(value).map(Number::from));
    small.map_or_else(|_| (value as f64).into(), Value::Number)
}

fn float(value: f64, kind: Option<&Kind>) -> Result<Value, Refused> {
    if matches!(kind, Some(Kind::Timestamp)) {
        let to = "milliseconds since epoch";
        return Err(Refused::conversion("java.lang.Double", to));
    }
    let number = Number::from_f64(value);
    let number = number.ok_or_else(|| Refused::Text(format!("{value} is not a number")));
    number.map(Value::Number)
}

/// A number of 16 bits: a sign, five bits of exponent, ten of fraction.
fn half(left: &mut Decoder<'_>) -> Result<f64, Error> {
    let at = left.position();
    let bits = left.input().get(at + 1..at + 3);
    let bits = bits.ok_or_else(Error::end_of_input)?;
    left.set_position(at + 3);
    let bits = u16::from_be_bytes([bits[0], bits[1]]);
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023));
    let size = match exponent {
        0 => fraction * 2f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        exponent => (1024.0 + fraction) * 2f64.powi(exponent - 25),
    };
    Ok(if bits >> 15 == 1 { -size } else { size })
}

fn joined(pieces: StrIter<'_, '_>) -> Result<String, Error> {
    pieces.collect()
}

fn gathered(pieces: BytesIter<'_, '_>) -> Result<Vec<u8>, Error> {
    let mut all = Vec::new();
    for piece in pieces {
        all.extend_from_slice(piece?);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::wire::{cbor::encode, schema};

    const RECORD: &[Member] = &[
        Member::new("Data", schema::DATA),
        Member::new("Timestamp", Kind::Timestamp),
    ];
    const MEMBERS: &[Member] = &[
        schema::STREAM_NAME,
        schema::DRY_RUN,
        Member::new("Limit", schema::PAGE),
        Member::new("Data", schema::DATA),
        Member::new("Timestamp", Kind::Timestamp),
        Member::new(
            "Records",
            Kind::List {
                of: &Kind::Structure(RECORD),
                max: 2,
            },
        ),
    ];

    fn read(body: &[u8]) -> Result<Value, String> {
        decode(body, MEMBERS, 100)
    }

    /// A structure with one member, whose value is these bytes.
    fn member(name: &str, value: &[u8]) -> Result<Value, String> {
        let length = u8::try_from(name.len()).unwrap();
        let body = [&[0xa1, 0x60 + length], name.as_bytes(), value].concat();
        read(&body).map(|value| value[name].clone())
    }

    #[test]
    fn reads_a_body_as_the_java_sdk_writes_it() {
        let body = b"\xbf\x6aStreamName\x61s\x67Records\x9f\xbf\x64Data\x43\x01\x02\x03\
            \x69Timestamp\xc1\x1b\0\0\x01\x8b\xcf\xe5\x68\x7b\xff\xff\xff";
        let records = json!([{"Data": "AQID", "Timestamp": 1_700_000_000.123}]);
        assert_eq!(
            read(body),
            Ok(json!({"StreamName": "s", "Records": records}))
        );
    }

    #[test]
    fn reads_every_kind_of_value() {
        let cases: [(&[u8], Value); 19] = [
            (b"\xf6", Value::Null),
            (b"\xf7", Value::Null),
            (b"\xf5", true.into()),
            (b"\x17", 23.into()),
            (b"\x39\x01\x00", (-257).into()),
            (b"\x1b\xff\xff\xff\xff\xff\xff\xff\xff", u64::MAX.into()),
            (b"\x3b\x7f\xff\xff\xff\xff\xff\xff\xff", i64::MIN.into()),
            (
                b"\x3b\xff\xff\xff\xff\xff\xff\xff\xff",
                (-18446744073709551616.0).into(),
            ),
            (
                b"\xc2\x49\x01\0\0\0\0\0\0\0\0",
                18446744073709551616.0.into(),
            ),
            (b"\xc3\x41\x01", (-2.0).into()),
            (b"\xf9\x3e\x00", 1.5.into()),
            (b"\xf9\x80\x01", (-5.960464477539063e-8).into()),
            (b"\xfa\x3f\xc0\0\0", 1.5.into()),
            (b"\xfb\x3f\xf8\0\0\0\0\0\0", 1.5.into()),
            (b"\x7f\x61a\x62bc\xff", "abc".into()),
            (b"\xd9\xd9\xf7\x61a", "a".into()),
            (b"\x9f\x01\x80\xff", json!([1, []])),
            (b"\xbf\x61a\xa0\xff", json!({"a": {}})),
            (b"\x41\x00", Value::Null),
        ];
        for (bytes, value) in cases {
            assert_eq!(member("Other", bytes), Ok(value), "{bytes:x?}");
        }
    }

    #[test]
    fn moments_are_whole_milliseconds_with_a_tag_or_without() {
        for bytes in [&b"\xc1\x19\x05\xdd"[..], b"\x19\x05\xdd"] {
            assert_eq!(member("Timestamp", bytes), Ok(1.501.into()));
        }
        let refused = "class java.lang.Double can not be converted to milliseconds since epoch";
        let float = b"\xc1\xfb\x3f\xf8\0\0\0\0\0\0";
        assert_eq!(member("Timestamp", float), Err(refused.into()));
    }

    #[test]
    fn bytes_are_for_blobs_and_blobs_are_bytes() {
        assert_eq!(
            member("Data", b"\x5f\x41\x01\x42\x02\x03\xff"),
            Ok("AQID".into())
        );
        let refused = [
            (
                "Data",
                &b"\x64AQID"[..],
                "class java.lang.String can not be converted to a Blob",
            ),
            (
                "StreamName",
                b"\x41a",
                "class java.nio.HeapByteBuffer can not be converted to an String",
            ),
            (
                "Limit",
                b"\x41a",
                "class java.nio.HeapByteBuffer can not be converted to an Integer",
            ),
            (
                "DryRun",
                b"\x41a",
                "class java.nio.HeapByteBuffer can not be converted to an Boolean",
            ),
        ];
        for (name, bytes, text) in refused {
            assert_eq!(member(name, bytes), Err(text.into()), "{name}");
        }
        assert_eq!(member("Records", b"\x41a"), Ok("".into()));
    }

    #[test]
    fn refuses_what_is_not_cbor() {
        let bodies: [&[u8]; 16] = [
            b"",
            b"\xa1",
            b"\xa1\x61a",
            b"\xbf",
            b"\xbf\x61a\xff",
            b"\xa0\xa0",
            b"\xa1\x01\x01",
            b"\xa1\x61\xff\x01",
            b"\xa1\x61a\x62a",
            b"\xa1\x61a\x61\xff",
            b"\xa1\x61a\xff",
            b"\xa1\x61a\xf8\x20",
            b"\xa1\x61a\xfc",
            b"\xa1\x61a\xf9\x7e\0",
            b"\xa1\x61a\xfb\x7f\xf0\0\0\0\0\0\0",
            b"\xa1\x61a\x7f\x41a\xff",
        ];
        for body in bodies {
            assert!(read(body).is_err(), "{body:x?}");
        }
    }

    fn decode_deep(value: &[u8]) -> Result<Value, String> {
        decode(&[b"\xa1\x61a", value].concat(), MEMBERS, 1000)
    }

    #[test]
    fn nests_and_counts_only_so_far() {
        let nested = |depth: usize| [vec![0x81; depth], vec![0x01]].concat();
        let depth = DEPTH as usize;
        assert!(decode_deep(&nested(depth - 1)).is_ok());
        assert!(decode_deep(&nested(depth)).is_err());
        for endless in [0x81, 0x9f, 0xc6] {
            assert!(member("Other", &[endless; 100_000]).is_err());
        }
        let many = |count: u8| [vec![0x98, count], vec![0x01; count.into()]].concat();
        assert!(member("Other", &many(99)).is_ok());
        let refused = "the body has more than 100 values";
        assert_eq!(member("Other", &many(100)), Err(refused.into()));
        // A list that says it is longer than any memory.
        assert!(member("Other", b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff").is_err());
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            (-1e300..1e300).prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 20, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map("[a-z]{1,3}", inner, 0..5)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_read_back(value in values()) {
            let body = json!({ "Other": value });
            prop_assert_eq!(decode(&encode(&body), MEMBERS, 1000), Ok(body));
        }

        #[test]
        fn records_are_read_back(data in prop::collection::vec(any::<u8>(), 0..9), ms in 0u64..1 << 50) {
            let data = base64_simd::STANDARD.encode_to_string(data);
            let record = json!({"Data": data, "Timestamp": ms as f64 / 1000.0});
            let body = json!({"Records": [record]});
            prop_assert_eq!(read(&encode(&body)), Ok(body));
        }

        #[test]
        fn any_bytes_are_survived(body in prop::collection::vec(any::<u8>(), 0..60)) {
            let _refused_or_not = read(&body);
            let _refused_or_not = member("Records", &body);
        }
    }
}
