//! From a pattern's JSON to the combinations of fields of which one must be fulfilled.
//!
//! `$or` is multiplied out, as the rule engine does it: then each combination is a plain "and", and
//! its fields can be asked of the same element of a list.

mod operator;

use serde_json::{Map, Value};

use super::{
    condition::Condition,
    fault::{Fault, PatternError},
};
use crate::limit;

const OR: &str = "$or";

/// What a pattern asks of one field.
#[derive(Debug)]
pub(super) struct Asked {
    /// The field's name and the names of the fields around it, from the outside in.
    pub(super) path: Vec<Box<str>>,
    /// One of them must be fulfilled.
    pub(super) conditions: Vec<Condition>,
}

/// A pattern taken apart.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    pub(super) asked: Vec<Asked>,
    /// One of these combinations, each of indexes into `asked`, must be fulfilled as a whole.
    pub(super) ways: Vec<Way>,
}

type Way = Vec<usize>;

/// Takes the text of a pattern apart.
pub(super) fn parse(text: &str) -> Result<Parsed, PatternError> {
    let characters = text.chars().count();
    if characters > limit::FILTER_PATTERN_CHARS {
        return Err(PatternError::new(Fault::TooLong(characters)));
    }
    let pattern: Value = serde_json::from_str(text)
        .map_err(|error| PatternError::new(Fault::NotJson(error.to_string())))?;
    let Value::Object(pattern) = pattern else {
        return Err(PatternError::new(Fault::NotAnObject));
    };
    let mut parsed = Parsed::default();
    parsed.ways = if pattern.is_empty() {
        vec![Way::new()]
    } else {
        parsed.object(&pattern, &Around::default())?
    };
    Ok(parsed)
}

/// What lies around an object of a pattern.
#[derive(Debug, Clone, Default)]
struct Around {
    path: Vec<Box<str>>,
    within_or: bool,
}

impl Parsed {
    fn object(
        &mut self,
        fields: &Map<String, Value>,
        around: &Around,
    ) -> Result<Vec<Way>, PatternError> {
        if fields.is_empty() {
            return Err(PatternError::new(Fault::EmptyObject));
        }
        let mut ways = vec![Way::new()];
        for (name, value) in fields {
            let more = if name == OR {
                self.alternatives(value, around)
            } else {
                self.field(name, value, around)
            };
            let all = more.and_then(|more| product(&ways, &more));
            ways = all.map_err(|error| error.under(name))?;
        }
        Ok(ways)
    }

    fn field(
        &mut self,
        name: &str,
        value: &Value,
        around: &Around,
    ) -> Result<Vec<Way>, PatternError> {
        if around.within_or && operator::NAMES.contains(&name) {
            return Err(PatternError::new(Fault::Reserved(name.to_owned())));
        }
        let mut around = around.clone();
        // A name with dots is the same as objects within one another.
        around.path.extend(name.split('.').map(Box::from));
        if around.path.len() > limit::FILTER_NESTING {
            return Err(PatternError::new(Fault::TooDeep));
        }
        match value {
            Value::Object(fields) => self.object(fields, &around),
            Value::Array(values) => {
                let conditions = operator::conditions(values)?;
                self.asked.push(Asked {
                    path: around.path,
                    conditions,
                });
                Ok(vec![vec![self.asked.len() - 1]])
            }
            other => Err(PatternError::new(Fault::NotAList(kind(other)))),
        }
    }

    fn alternatives(&mut self, value: &Value, around: &Around) -> Result<Vec<Way>, PatternError> {
        let Some(alternatives) = value.as_array().filter(|list| list.len() >= 2) else {
            return Err(PatternError::new(Fault::Alternatives));
        };
        let within = Around {
            within_or: true,
            ..around.clone()
        };
        let mut ways = Vec::new();
        for (index, alternative) in alternatives.iter().enumerate() {
            let more = match alternative {
                Value::Object(fields) => self.object(fields, &within),
                _ => Err(PatternError::new(Fault::Alternatives)),
            };
            ways.extend(more.map_err(|error| error.within(index))?);
        }
        Ok(ways)
    }
}

/// Each of the one with each of the other.
fn product(ones: &[Way], others: &[Way]) -> Result<Vec<Way>, PatternError> {
    if ones.len() * others.len() > limit::FILTER_WAYS {
        return Err(PatternError::new(Fault::TooManyWays));
    }
    let fields = |ways: &[Way]| ways.iter().map(Vec::len).sum::<usize>();
    if fields(ones) * others.len() + fields(others) * ones.len() > limit::FILTER_FIELDS {
        return Err(PatternError::new(Fault::TooManyFields));
    }
    let with = |one: &Way| {
        let one = one.clone();
        move |other: &Way| [one.as_slice(), other].concat()
    };
    Ok(ones
        .iter()
        .flat_map(|one| others.iter().map(with(one)))
        .collect())
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
