//! The first of Amazon's three layers of refusal: values of the wrong JSON type.
//!
//! Also brings numbers to the form that they are used in: integers are cut, not refused.

use serde_json::{Number, Value};

use super::{
    excerpt::excerpt,
    schema::{Kind, Member},
};

const LIST: &str = "Start of list found where not expected";
const STRUCTURE: &str = "Start of structure or map found where not expected.";

/// Checks the types of `value`'s members; null counts as absent and is removed.
/// The error is the text of a SerializationException.
pub(crate) fn check_types(value: &mut Value, members: &[Member]) -> Result<(), String> {
    let fields = match value {
        Value::Object(fields) => fields,
        Value::Array(_) => return Err(LIST.into()),
        _ => return Err("Expected null".into()),
    };
    fields.retain(|_, value| !value.is_null());
    for member in members {
        if let Some(value) = fields.get_mut(member.name) {
            check_type(value, &member.kind)?;
        }
    }
    Ok(())
}

fn check_type(value: &mut Value, kind: &Kind) -> Result<(), String> {
    match (kind, &mut *value) {
        (Kind::Document, _) => Ok(()),
        (Kind::Structure(members), value) => check_types(value, members),
        (Kind::List { of, .. }, Value::Array(items)) => {
            let mut items = items.iter_mut().filter(|item| !item.is_null());
            items.try_for_each(|item| check_type(item, of))
        }
        (Kind::List { .. }, Value::Object(_)) => Err(STRUCTURE.into()),
        (Kind::List { .. }, _) => Err("Expected list or null".into()),
        (Kind::Map { value, .. }, Value::Object(fields)) => {
            fields.retain(|_, value| !value.is_null());
            let text = Kind::Text(**value);
            fields
                .values_mut()
                .try_for_each(|value| check_type(value, &text))
        }
        (_, Value::Array(_)) => Err(LIST.into()),
        (Kind::Map { .. }, _) => Err("Expected map or null".into()),
        (_, Value::Object(_)) => Err(STRUCTURE.into()),
        (Kind::Integer { .. }, Value::Number(number)) => {
            *number = cut(number);
            Ok(())
        }
        (Kind::Blob { .. }, Value::String(text)) => check_base64(text),
        (Kind::Text(_), Value::String(_))
        | (Kind::Boolean, Value::Bool(_))
        | (Kind::Timestamp, Value::Number(_)) => Ok(()),
        (kind, value) => Err(mismatch(kind, value)),
    }
}

fn mismatch(kind: &Kind, value: &Value) -> String {
    let from = match value {
        Value::Bool(_) => "class java.lang.Boolean",
        Value::Number(_) => "class com.amazon.coral.value.json.numbers.TruncatingBigNumber",
        _ => "class java.lang.String",
    };
    let to = match kind {
        Kind::Integer { .. } => "an Integer",
        Kind::Boolean => "an Boolean",
        Kind::Timestamp => "milliseconds since epoch",
        Kind::Blob { .. } => "a Blob",
        _ => "an String",
    };
    format!("{from} can not be converted to {to}")
}

/// As Java's conversion to an int: the fraction goes, what is too big becomes the biggest.
fn cut(number: &Number) -> Number {
    let whole = match number.as_i64() {
        Some(whole) => whole,
        None => number.as_f64().unwrap_or(f64::MAX) as i64,
    };
    whole.clamp(i32::MIN.into(), i32::MAX.into()).into()
}

fn check_base64(text: &str) -> Result<(), String> {
    let shown = excerpt(text);
    let refuse = |why: String| Err(format!("'{shown}' can not be converted to a Blob: {why}"));
    if !text.len().is_multiple_of(4) {
        let length = text.len();
        return refuse(format!(
            "Base64 encoded length is expected a multiple of 4 bytes but found: {length}"
        ));
    }
    let padding = text.len() - text.trim_end_matches('=').len();
    let body = &text[..text.len() - padding.min(2)];
    let foreign = |c: &char| !(c.is_ascii_alphanumeric() || *c == '+' || *c == '/');
    if let Some(foreign) = body.chars().find(foreign) {
        return refuse(format!("Invalid Base64 character: '{foreign}'"));
    }
    if base64_simd::STANDARD.check(text.as_bytes()).is_err() {
        return refuse("Invalid last non-pad Base64 character dectected".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::wire::schema;

    const MEMBERS: &[Member] = &[
        Member::new("Text", schema::NAME),
        Member::new("Integer", schema::PAGE),
        Member::new("Boolean", Kind::Boolean),
        Member::new("Timestamp", Kind::Timestamp),
        Member::new("Blob", schema::DATA),
        Member::new(
            "List",
            Kind::List {
                of: &schema::DATA,
                max: 1,
            },
        ),
        Member::new("Structure", Kind::Structure(&[schema::STREAM_NAME])),
        Member {
            name: "Map",
            ..schema::TAGS
        },
    ];

    fn refusal(mut value: Value) -> String {
        check_types(&mut value, MEMBERS).err().unwrap_or_default()
    }

    #[test]
    fn refuses_each_type_in_amazons_words() {
        let number = "class com.amazon.coral.value.json.numbers.TruncatingBigNumber";
        let cases = [
            (
                json!({"Text": 1}),
                format!("{number} can not be converted to an String"),
            ),
            (
                json!({"Text": true}),
                "class java.lang.Boolean can not be converted to an String".into(),
            ),
            (json!({"Text": []}), LIST.into()),
            (json!({"Text": {}}), STRUCTURE.into()),
            (
                json!({"Integer": "1"}),
                "class java.lang.String can not be converted to an Integer".into(),
            ),
            (
                json!({"Integer": false}),
                "class java.lang.Boolean can not be converted to an Integer".into(),
            ),
            (
                json!({"Boolean": 1}),
                format!("{number} can not be converted to an Boolean"),
            ),
            (
                json!({"Timestamp": "now"}),
                "class java.lang.String can not be converted to milliseconds since epoch".into(),
            ),
            (json!({"Timestamp": [1]}), LIST.into()),
            (
                json!({"Blob": 1}),
                format!("{number} can not be converted to a Blob"),
            ),
            (json!({"List": "a"}), "Expected list or null".into()),
            (json!({"List": {}}), STRUCTURE.into()),
            (
                json!({"List": ["AAAA", null, 1]}),
                format!("{number} can not be converted to a Blob"),
            ),
            (json!({"Structure": 1}), "Expected null".into()),
            (json!({"Structure": []}), LIST.into()),
            (
                json!({"Structure": {"StreamName": 1}}),
                format!("{number} can not be converted to an String"),
            ),
            (json!({"Map": "a"}), "Expected map or null".into()),
            (json!({"Map": []}), LIST.into()),
            (
                json!({"Map": {"a": 1}}),
                format!("{number} can not be converted to an String"),
            ),
            (json!([]), LIST.into()),
            (json!("a"), "Expected null".into()),
            (
                json!({"Text": null, "Other": [1], "Map": {"a": "1", "b": null}}),
                String::new(),
            ),
        ];
        for (value, text) in cases {
            assert_eq!(refusal(value.clone()), text, "{value}");
        }
    }

    #[test]
    fn says_what_is_wrong_with_base64() {
        let cases = [
            (
                "23456",
                "'23456' can not be converted to a Blob: Base64 encoded length is expected a multiple of 4 bytes but found: 5",
            ),
            (
                "=a==",
                "'=a==' can not be converted to a Blob: Invalid Base64 character: '='",
            ),
            (
                "ab-_",
                "'ab-_' can not be converted to a Blob: Invalid Base64 character: '-'",
            ),
            (
                "a===",
                "'a===' can not be converted to a Blob: Invalid Base64 character: '='",
            ),
            (
                "====",
                "'====' can not be converted to a Blob: Invalid Base64 character: '='",
            ),
            (
                "ab\u{e9}",
                "'ab\u{e9}' can not be converted to a Blob: Invalid Base64 character: '\u{e9}'",
            ),
            (
                "aab=",
                "'aab=' can not be converted to a Blob: Invalid last non-pad Base64 character dectected",
            ),
            ("", ""),
            ("AAA=", ""),
        ];
        for (blob, text) in cases {
            assert_eq!(refusal(json!({"Blob": blob})), text, "{blob}");
        }
    }

    #[test]
    fn integers_lose_their_fractions_and_stay_integers() {
        for (given, kept) in [
            (json!(2.9), 2),
            (json!(-1), -1),
            (json!(1e300), i32::MAX),
            (json!(u64::MAX), i32::MAX),
        ] {
            let mut value = json!({ "Integer": given });
            assert_eq!(check_types(&mut value, MEMBERS), Ok(()));
            assert_eq!(value["Integer"], json!(kept));
        }
    }

    proptest! {
        #[test]
        fn what_passes_can_be_decoded(text in "[A-Za-z0-9+/=]{0,12}|.{0,8}") {
            let decodes = base64_simd::STANDARD.decode_to_vec(&text).is_ok();
            prop_assert_eq!(check_base64(&text).is_ok(), decodes);
        }
    }
}
