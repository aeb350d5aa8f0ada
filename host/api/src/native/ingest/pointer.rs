//! A JSON pointer into a line: one pass that checks the whole line and keeps one scalar of it.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The steps of a JSON pointer such as `/user/id`.
pub(super) fn parse(text: &str) -> Option<Vec<String>> {
    let steps = text.strip_prefix('/')?.split('/');
    Some(
        steps
            .map(|step| step.replace("~1", "/").replace("~0", "~"))
            .collect(),
    )
}

/// Checks that `line` is JSON, and gives what `path` leads to: a string as it is, a number or a
/// boolean as JSON writes it; nothing for the rest.
pub(super) fn find(line: &str, path: &[String]) -> Result<Option<String>, serde_json::Error> {
    let mut json = serde_json::Deserializer::from_str(line);
    let found = Seek(path).deserialize(&mut json)?;
    json.end()?;
    Ok(found)
}

#[derive(Clone, Copy)]
struct Seek<'p>(&'p [String]);

impl<'de> DeserializeSeed<'de> for Seek<'_> {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl Seek<'_> {
    fn scalar<E>(self, text: impl FnOnce() -> String) -> Result<Option<String>, E> {
        Ok(self.0.is_empty().then(text))
    }
}

impl<'de> Visitor<'de> for Seek<'_> {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        self.scalar(|| text.to_owned())
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        self.scalar(|| value.to_string())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        self.scalar(|| value.to_string())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        self.scalar(|| value.to_string())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        self.scalar(|| serde_json::Value::from(value).to_string())
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let step = self.0.split_first();
        let wanted = step.and_then(|(index, rest)| Some((index.parse::<usize>().ok()?, rest)));
        let mut found = None;
        for at in 0.. {
            match wanted {
                Some((index, rest)) if index == at => match items.next_element_seed(Seek(rest))? {
                    Some(value) => found = value,
                    None => break,
                },
                _ if items.next_element::<IgnoredAny>()?.is_none() => break,
                _ => {}
            }
        }
        Ok(found)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(matches) = fields.next_key_seed(IsKey(self.0.first()))? {
            match self.0.split_first() {
                // The last of several equal keys counts, as everywhere.
                Some((_, rest)) if matches => found = fields.next_value_seed(Seek(rest))?,
                _ => {
                    fields.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(found)
    }
}

/// Whether a key is the one that is looked for; spares the allocation of the others.
struct IsKey<'p>(Option<&'p String>);

impl<'de> DeserializeSeed<'de> for IsKey<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<bool, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for IsKey<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<bool, E> {
        Ok(self.0.is_some_and(|wanted| wanted == key))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn at(line: &str, pointer: &str) -> Option<String> {
        find(line, &parse(pointer).unwrap()).unwrap()
    }

    #[test]
    fn finds_scalars_and_nothing_else() {
        let line = r#"{"user":{"id":7,"a/b":"s\n","ok":true,"n":null,"x":1.5},"l":[1,["z"]]}"#;
        assert_eq!(at(line, "/user/id").as_deref(), Some("7"));
        assert_eq!(at(line, "/user/a~1b").as_deref(), Some("s\n"));
        assert_eq!(at(line, "/user/ok").as_deref(), Some("true"));
        assert_eq!(at(line, "/user/x").as_deref(), Some("1.5"));
        assert_eq!(at(line, "/l/1/0").as_deref(), Some("z"));
        for nothing in ["/user", "/user/n", "/l", "/l/9", "/none/x", "/user/id/x"] {
            assert_eq!(at(line, nothing), None, "{nothing}");
        }
    }

    #[test]
    fn a_number_may_be_a_key() {
        assert_eq!(at(r#"{"0":"a"}"#, "/0").as_deref(), Some("a"));
    }

    #[test]
    fn what_follows_the_key_is_checked_too() {
        let path = parse("/a").unwrap();
        for bad in [
            r#"{"a":1,}"#,
            r#"{"a":1} x"#,
            r#"{"a":1,"b":}"#,
            "",
            r#"[1"#,
        ] {
            assert!(find(bad, &path).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_a_parsed_value(
            line in r#"\{("[ab]":(1|"x"|\[[12]\]|\{"a":2\})(,"c":null)?)?\}"#,
            pointer in "(/[ab01]){1,2}",
        ) {
            let value: Value = serde_json::from_str(&line).unwrap();
            let expected = match value.pointer(&pointer) {
                Some(Value::String(text)) => Some(text.clone()),
                Some(number @ Value::Number(_)) => Some(number.to_string()),
                _ => None,
            };
            prop_assert_eq!(at(&line, &pointer), expected);
        }
    }
}
