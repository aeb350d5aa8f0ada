//! A trigger's filters as they are set: `{"filters": [{"pattern": "..."}]}`, checked and compiled.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::{
    fault::{Fault, FilterError, PatternError},
    pattern::Pattern,
    sieve::DATA,
};
use crate::limit;

/// The filters of a trigger. A record is wanted where one of them matches it, or where there is none.
#[derive(Clone, Default)]
pub struct FilterCriteria {
    filters: Arc<[Filter]>,
}

struct Filter {
    text: String,
    pattern: Pattern,
}

impl FilterCriteria {
    /// Of the texts of patterns.
    ///
    /// # Errors
    /// Where there are too many, or where one is not a pattern for records.
    pub fn new(texts: Vec<String>) -> Result<Self, FilterError> {
        if texts.len() > limit::FILTERS {
            return Err(FilterError::TooMany(texts.len()));
        }
        let compile = |(filter, text): (usize, String)| match compile(&text) {
            Ok(pattern) => Ok(Filter { text, pattern }),
            Err(error) => Err(FilterError::Pattern { filter, error }),
        };
        let filters: Result<_, _> = texts.into_iter().enumerate().map(compile).collect();
        Ok(Self { filters: filters? })
    }

    /// Whether there is no filter.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.filters.is_empty()
    }

    /// The patterns as they were set.
    pub fn texts(&self) -> impl ExactSizeIterator<Item = &str> {
        self.filters.iter().map(|filter| filter.text.as_str())
    }

    pub(super) fn patterns(&self) -> impl Iterator<Item = &Pattern> {
        self.filters.iter().map(|filter| &filter.pattern)
    }
}

fn compile(text: &str) -> Result<Pattern, PatternError> {
    let pattern = Pattern::parse(text)?;
    if pattern.ways().any(|way| way.asks_for_values_of(DATA)) {
        return Err(PatternError::new(Fault::DataHasNoFields).under(DATA));
    }
    Ok(pattern)
}

impl PartialEq for FilterCriteria {
    fn eq(&self, other: &Self) -> bool {
        self.texts().eq(other.texts())
    }
}

impl Eq for FilterCriteria {}

impl fmt::Debug for FilterCriteria {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.texts()).finish()
    }
}

#[derive(Serialize)]
struct Written<'a> {
    filters: Vec<WrittenFilter<'a>>,
}

#[derive(Serialize)]
struct WrittenFilter<'a> {
    pattern: &'a str,
}

impl Serialize for FilterCriteria {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let filters = self.texts().map(|pattern| WrittenFilter { pattern });
        let filters = filters.collect();
        Written { filters }.serialize(serializer)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    #[serde(default)]
    filters: Vec<Map<String, Value>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadFilter {
    /// The text of a pattern, as in Lambda, or the pattern itself.
    pattern: Value,
}

impl<'de> Deserialize<'de> for FilterCriteria {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Some(read) = Option::<Map<String, Value>>::deserialize(deserializer)? else {
            return Ok(Self::default());
        };
        let Read { filters } = object(read)?;
        let text = |filter| {
            let ReadFilter { pattern } = object(filter)?;
            Ok(match pattern {
                Value::String(text) => text,
                pattern => pattern.to_string(),
            })
        };
        let texts: Result<_, D::Error> = filters.into_iter().map(text).collect();
        Self::new(texts?).map_err(serde::de::Error::custom)
    }
}

/// A struct from an object alone: serde would take it from a list of its fields as well.
fn object<T: DeserializeOwned, E: serde::de::Error>(fields: Map<String, Value>) -> Result<T, E> {
    serde_json::from_value(Value::Object(fields)).map_err(E::custom)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(json: Value) -> Result<FilterCriteria, String> {
        serde_json::from_value(json).map_err(|error| error.to_string())
    }

    #[test]
    fn a_pattern_is_text_or_itself() {
        let text = read(json!({"filters": [{"pattern": r#"{"data":{"a":[1]}}"#}]})).unwrap();
        let itself = read(json!({"filters": [{"pattern": {"data": {"a": [1]}}}]})).unwrap();
        assert_eq!(text, itself);
        let written = serde_json::to_value(&text).unwrap();
        assert_eq!(read(written).unwrap(), text);
    }

    #[test]
    fn none_are_set_in_several_ways() {
        for none in [json!({}), json!({"filters": []}), json!(null)] {
            assert!(read(none).unwrap().is_empty());
        }
    }

    #[test]
    fn a_list_is_no_criteria_and_no_filter() {
        for wrong in [
            json!([]),
            json!("{}"),
            json!({"filters": ["{}"]}),
            json!({"filters": [["{}"]]}),
            json!({"filters": [{}]}),
            json!({"filters": [{"pattern": "{}", "name": "x"}]}),
            json!({"Filters": []}),
        ] {
            assert!(read(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_error_says_in_which_filter_and_where() {
        let good = json!({"pattern": "{}"});
        let bad = json!({"pattern": r#"{"data":{"a":[1,{"numeric":["=","x"]}]}}"#});
        let error = read(json!({"filters": [good, bad]})).unwrap_err();
        assert!(
            error.starts_with("filters[1].pattern: at `data.a[1].numeric`: it takes"),
            "{error}"
        );
        for data in [
            json!(["x"]),
            json!("x"),
            json!(1),
            json!([{"exists": true}]),
        ] {
            let pattern = json!({"data": data}).to_string();
            let error = read(json!({"filters": [{"pattern": pattern}]})).unwrap_err();
            assert!(error.contains("at `data`"), "{error}");
        }
    }

    #[test]
    fn there_are_so_many_filters_at_most() {
        let filters = |n: usize| vec!["{}".to_owned(); n];
        assert!(FilterCriteria::new(filters(limit::FILTERS)).is_ok());
        assert_eq!(
            FilterCriteria::new(filters(limit::FILTERS + 1)),
            Err(FilterError::TooMany(limit::FILTERS + 1))
        );
    }
}
