//! The second of Amazon's three layers of refusal: values outside the model's constraints.

use std::fmt::{self, Display, Write as _};

use serde_json::{Map, Value};

use super::{
    excerpt::excerpt,
    schema::{Kind, Member, Text},
};

/// Amazon reports no more than this at once.
const REPORTED: usize = 10;

/// Checks the constraints of a structure whose types were checked.
/// The error is the text of a ValidationException, with all violations.
pub(crate) fn check_constraints(
    fields: &Map<String, Value>,
    members: &[Member],
) -> Result<(), String> {
    let mut found = Violations::default();
    found.structure(fields, members, "");
    let Violations { count, text } = found;
    match count {
        0 => Ok(()),
        1 => Err(format!("1 validation error detected: {text}")),
        count => Err(format!("{count} validation errors detected: {text}")),
    }
}

#[derive(Default)]
struct Violations {
    count: usize,
    text: String,
}

/// Items of a list that are shown.
const LISTED: usize = 50;

/// A value as Java prints it.
enum Printed<'a> {
    Null,
    Text(&'a str),
    Integer(i64),
    Buffer(usize),
    Texts(&'a [Value]),
    Hidden,
}

impl Display for Printed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => write!(f, "Value null"),
            Self::Text(text) => write!(f, "Value '{text}'"),
            Self::Integer(n) => write!(f, "Value '{n}'"),
            Self::Buffer(n) => write!(f, "Value 'java.nio.HeapByteBuffer[pos=0 lim={n} cap={n}]'"),
            Self::Texts(items) => {
                f.write_str("Value '[")?;
                for (i, item) in items.iter().take(LISTED).enumerate() {
                    let separator = if i == 0 { "" } else { ", " };
                    let text = item.as_str().unwrap_or("null");
                    write!(f, "{separator}{}", excerpt(text))?;
                }
                let rest = if items.len() > LISTED { ", ..." } else { "" };
                write!(f, "{rest}]'")
            }
            // A structure's text would be that of all its members.
            Self::Hidden => write!(f, "Value"),
        }
    }
}

impl Violations {
    fn structure(&mut self, fields: &Map<String, Value>, members: &[Member], parent: &str) {
        for member in members {
            if self.count == REPORTED {
                return;
            }
            let path = || path(parent, member.name);
            match fields.get(member.name) {
                None if member.required => {
                    self.add(&Printed::Null, &path(), "Member must not be null");
                }
                None => {}
                Some(value) => self.value(value, &member.kind, &path),
            }
        }
    }

    fn value(&mut self, value: &Value, kind: &Kind, path: &dyn Fn() -> String) {
        match (kind, value) {
            (Kind::Text(rules), Value::String(text)) => self.text(text, rules, path),
            (&Kind::Integer { min, max }, Value::Number(number)) => {
                let value = number.as_i64().unwrap_or(i64::MAX);
                let measured = Measured {
                    printed: Printed::Integer(value),
                    what: "value",
                    size: value,
                };
                self.bounds(&measured, min, max, path);
            }
            (&Kind::Blob { max }, Value::String(text)) => {
                let bytes = text.trim_end_matches('=').len() * 3 / 4;
                self.length(Printed::Buffer(bytes), bytes, 0..=max, path);
            }
            (&Kind::List { of, max }, Value::Array(items)) => {
                let printed = if matches!(of, Kind::Text(_)) || items.is_empty() {
                    Printed::Texts(items)
                } else {
                    Printed::Hidden
                };
                self.length(printed, items.len(), 1..=max, path);
                if let Kind::Text(rules) = of {
                    self.texts(items, rules, path);
                    return;
                }
                for (i, item) in (1..).zip(items) {
                    self.value(item, of, &|| format!("{}.{i}.member", path()));
                }
            }
            (Kind::Map { key, value, max }, Value::Object(fields)) => {
                self.map(fields, [key, value], *max, path);
            }
            (Kind::Structure(members), Value::Object(fields)) => {
                self.structure(fields, members, &path());
            }
            (Kind::Structure(_), Value::Null) => {
                self.add(&Printed::Null, &path(), "Member must not be null");
            }
            _ => {}
        }
    }

    fn text(&mut self, text: &str, rules: &Text, path: &dyn Fn() -> String) {
        let Text {
            pattern,
            values,
            min,
            max,
        } = rules;
        let printed = Printed::Text(excerpt(text));
        if let Some(pattern) = pattern.filter(|pattern| !pattern.matches(text)) {
            let rule = pattern.text();
            let rule = format!("Member must satisfy regular expression pattern: {rule}");
            self.add(&printed, &path(), &rule);
        }
        if !values.is_empty() && !values.contains(&text) {
            let rule = values.join(", ");
            let rule = format!("Member must satisfy enum value set: [{rule}]");
            self.add(&printed, &path(), &rule);
        }
        self.length(printed, text.chars().count(), *min..=*max, path);
    }

    /// A list of texts is told of as a whole, as a map is.
    fn texts(&mut self, items: &[Value], rules: &Text, path: &dyn Fn() -> String) {
        let fits = |item: &Value| item.as_str().is_some_and(|text| fits(text, rules));
        if !items.iter().all(fits) {
            let rule = format!("Member must satisfy constraint: [{}]", told(rules));
            self.add(&Printed::Texts(items), &path(), &rule);
        }
    }

    fn map(
        &mut self,
        fields: &Map<String, Value>,
        [key, value]: [&Text; 2],
        max: usize,
        path: &dyn Fn() -> String,
    ) {
        self.length(Printed::Hidden, fields.len(), 1..=max, path);
        let rule = |what: &str, rules: &Text| {
            format!("Map {what} must satisfy constraint: [{}]", told(rules))
        };
        if !fields.keys().all(|text| fits(text, key)) {
            self.add(&Printed::Hidden, &path(), &rule("keys", key));
        }
        let mut values = fields.values().filter_map(Value::as_str);
        if !values.all(|text| fits(text, value)) {
            self.add(&Printed::Hidden, &path(), &rule("value", value));
        }
    }

    fn length(
        &mut self,
        printed: Printed<'_>,
        size: usize,
        allowed: std::ops::RangeInclusive<usize>,
        path: &dyn Fn() -> String,
    ) {
        let whole = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let measured = Measured {
            printed,
            what: "length",
            size: whole(size),
        };
        self.bounds(
            &measured,
            whole(*allowed.start()),
            whole(*allowed.end()),
            path,
        );
    }

    fn bounds(&mut self, measured: &Measured<'_>, min: i64, max: i64, path: &dyn Fn() -> String) {
        let Measured {
            printed,
            what,
            size,
        } = measured;
        if *size < min {
            let rule = format!("Member must have {what} greater than or equal to {min}");
            self.add(printed, &path(), &rule);
        }
        if *size > max {
            let rule = format!("Member must have {what} less than or equal to {max}");
            self.add(printed, &path(), &rule);
        }
    }

    fn add(&mut self, printed: &Printed<'_>, path: &str, rule: &str) {
        if self.count == REPORTED {
            return;
        }
        let separator = if self.count == 0 { "" } else { "; " };
        self.count += 1;
        let text = &mut self.text;
        write!(
            text,
            "{separator}{printed} at '{path}' failed to satisfy constraint: {rule}"
        )
        .expect("a String takes all");
    }
}

fn fits(text: &str, rules: &Text) -> bool {
    let Text {
        pattern,
        values,
        min,
        max,
    } = rules;
    pattern.is_none_or(|pattern| pattern.matches(text))
        && (values.is_empty() || values.contains(&text))
        && (*min..=*max).contains(&text.chars().count())
}

/// The rules of the texts of a list or a map, which have a length or are words of a set.
fn told(
    Text {
        values, min, max, ..
    }: &Text,
) -> String {
    if values.is_empty() {
        format!(
            "Member must have length less than or equal to {max}, \
             Member must have length greater than or equal to {min}"
        )
    } else {
        format!(
            "Member must satisfy enum value set: [{}]",
            values.join(", ")
        )
    }
}

struct Measured<'a> {
    printed: Printed<'a>,
    what: &'static str,
    size: i64,
}

/// `StreamName` in `records.1.member` is `records.1.member.streamName`.
fn path(parent: &str, name: &str) -> String {
    let separator = if parent.is_empty() { "" } else { "." };
    let mut path = format!("{parent}{separator}{name}");
    path[parent.len() + separator.len()..][..1].make_ascii_lowercase();
    path
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::wire::schema;

    const RECORD: &[Member] = &[
        Member::new("Data", schema::DATA).required(),
        Member::new("PartitionKey", schema::PARTITION_KEY).required(),
    ];
    const MEMBERS: &[Member] = &[
        schema::STREAM_NAME.required(),
        Member::new("Limit", schema::PAGE),
        Member::new("Type", schema::one_of(&["A", "B"])),
        schema::TAG_KEYS,
        Member::new(
            "Types",
            Kind::List {
                of: &schema::one_of(&["A", "B"]),
                max: 2,
            },
        ),
        Member::new(
            "Records",
            Kind::List {
                of: &Kind::Structure(RECORD),
                max: 2,
            },
        ),
    ];

    fn refusal(value: &Value) -> String {
        let fields = value.as_object().unwrap();
        check_constraints(fields, MEMBERS).err().unwrap_or_default()
    }

    #[test]
    fn reports_each_constraint_in_amazons_words() {
        let one = |text: &str| format!("1 validation error detected: {text}");
        let long = "a".repeat(129);
        let cases = [
            (json!({}), one("Value null at 'streamName' failed to satisfy constraint: Member must not be null")),
            (json!({"StreamName": "a b"}), one("Value 'a b' at 'streamName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+")),
            (json!({"StreamName": long}), one(&format!("Value '{long}' at 'streamName' failed to satisfy constraint: Member must have length less than or equal to 128"))),
            (json!({"StreamName": ""}), "2 validation errors detected: Value '' at 'streamName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+; Value '' at 'streamName' failed to satisfy constraint: Member must have length greater than or equal to 1".into()),
            (json!({"StreamName": "a", "Limit": 0}), one("Value '0' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1")),
            (json!({"StreamName": "a", "Limit": 10001}), one("Value '10001' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 10000")),
            (json!({"StreamName": "a", "Type": "C"}), one("Value 'C' at 'type' failed to satisfy constraint: Member must satisfy enum value set: [A, B]")),
            (json!({"StreamName": "a", "Records": []}), one("Value '[]' at 'records' failed to satisfy constraint: Member must have length greater than or equal to 1")),
            (json!({"StreamName": "a", "TagKeys": ["a", long, "b"]}), one(&format!("Value '[a, {long}, b]' at 'tagKeys' failed to satisfy constraint: Member must satisfy constraint: [Member must have length less than or equal to 128, Member must have length greater than or equal to 1]"))),
            (json!({"StreamName": "a", "Types": ["A", null]}), one("Value '[A, null]' at 'types' failed to satisfy constraint: Member must satisfy constraint: [Member must satisfy enum value set: [A, B]]")),
            (json!({"StreamName": "a", "Records": [{"Data": ""}]}), one("Value null at 'records.1.member.partitionKey' failed to satisfy constraint: Member must not be null")),
            (json!({"StreamName": "a", "Records": [{"Data": "", "PartitionKey": "a"}, null]}), one("Value null at 'records.2.member' failed to satisfy constraint: Member must not be null")),
            (json!({"StreamName": "a", "Limit": 1, "Type": "B", "Records": [{"Data": "AAAA", "PartitionKey": "\u{e9}".repeat(256)}]}), String::new()),
        ];
        for (value, text) in cases {
            assert_eq!(refusal(&value), text, "{value}");
        }
    }

    #[test]
    fn blobs_are_measured_decoded() {
        let limit = 10_485_760;
        let record = |bytes| {
            let data = base64_simd::STANDARD.encode_to_string(vec![0; bytes]);
            json!({"StreamName": "a", "Records": [{"Data": data, "PartitionKey": "a"}]})
        };
        assert_eq!(refusal(&record(limit)), "");
        let size = limit + 1;
        let text = format!(
            "1 validation error detected: \
             Value 'java.nio.HeapByteBuffer[pos=0 lim={size} cap={size}]' at 'records.1.member.data' \
             failed to satisfy constraint: Member must have length less than or equal to {limit}"
        );
        assert_eq!(refusal(&record(size)), text);
    }

    #[test]
    fn reports_ten_violations_and_no_more() {
        let records: Vec<_> = (0..100).map(|_| json!({})).collect();
        let text = refusal(&json!({"StreamName": "a", "Records": records}));
        assert!(
            text.starts_with("10 validation errors detected: "),
            "{text}"
        );
        assert_eq!(text.matches("; ").count(), 9);
    }
}
