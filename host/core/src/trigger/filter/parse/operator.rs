//! The values and operators in a field's list.

use serde_json::{Map, Value};

use super::{
    super::{
        cidr::Cidr,
        condition::{Bound, Condition, Folded, Numeric},
        fault::{Fault, PatternError},
        number::Number,
        wildcard::Wildcard,
    },
    kind,
};

/// All operators.
pub(super) const NAMES: [&str; 9] = [
    "anything-but",
    "cidr",
    "equals-ignore-case",
    "exactly",
    "exists",
    "numeric",
    "prefix",
    "suffix",
    "wildcard",
];

type Parsed<T> = Result<T, PatternError>;

/// The conditions of a field's list.
pub(super) fn conditions(values: &[Value]) -> Parsed<Vec<Condition>> {
    if values.is_empty() {
        return Err(PatternError::new(Fault::EmptyList));
    }
    each(values, condition)
}

fn condition(value: &Value) -> Parsed<Condition> {
    Ok(match value {
        Value::Null => Condition::Null,
        Value::Bool(value) => Condition::Bool(*value),
        Value::Number(number) => Condition::Number(Number::of(number)),
        Value::String(text) => Condition::Text(text.as_str().into()),
        Value::Object(operator) => named(operator, operation)?,
        Value::Array(_) => return Err(PatternError::new(Fault::NotAValue(kind(value)))),
    })
}

/// An operator's object: its name alone, with its operand.
fn named(
    object: &Map<String, Value>,
    parse: fn(&str, &Value) -> Parsed<Condition>,
) -> Parsed<Condition> {
    let mut entries = object.iter();
    let (Some((name, operand)), None) = (entries.next(), entries.next()) else {
        return Err(PatternError::new(Fault::NotOneOperator(object.len())));
    };
    parse(name, operand).map_err(|error| error.under(name))
}

fn operation(name: &str, operand: &Value) -> Parsed<Condition> {
    Ok(match name {
        "exactly" => Condition::Text(text(operand)?.into()),
        "equals-ignore-case" => Condition::Folded(Folded::new(text(operand)?)),
        "prefix" => match operand {
            Value::Object(inner) => named(inner, |name, text| {
                Ok(Condition::FoldedPrefix(folded(name, text)?))
            })?,
            operand => Condition::Prefix(text_or_folded(operand)?.into()),
        },
        "suffix" => match operand {
            Value::Object(inner) => named(inner, |name, text| {
                Ok(Condition::FoldedSuffix(folded(name, text)?))
            })?,
            operand => Condition::Suffix(text_or_folded(operand)?.into()),
        },
        "wildcard" => Condition::Wildcard(wildcard(operand)?),
        "cidr" => {
            let range = operand.as_str().and_then(Cidr::parse);
            Condition::Cidr(range.ok_or_else(|| takes("an IP address, a slash and its bits"))?)
        }
        "numeric" => Condition::Numeric(numeric(operand)?),
        "exists" => match operand {
            Value::Bool(true) => Condition::Exists,
            Value::Bool(false) => Condition::Absent,
            _ => return Err(takes("true or false")),
        },
        "anything-but" => Condition::AnythingBut(anything_but(operand)?),
        unknown => {
            return Err(PatternError::new(Fault::UnknownOperator(
                unknown.to_owned(),
            )));
        }
    })
}

fn takes(what: &'static str) -> PatternError {
    PatternError::new(Fault::Operand(what))
}

fn text(operand: &Value) -> Parsed<&str> {
    operand.as_str().ok_or_else(|| takes("a string"))
}

fn text_or_folded(operand: &Value) -> Parsed<&str> {
    let what = "a string, or an object with equals-ignore-case";
    operand.as_str().ok_or_else(|| takes(what))
}

fn folded(name: &str, operand: &Value) -> Parsed<Folded> {
    match name {
        "equals-ignore-case" => Ok(Folded::new(text(operand)?)),
        _ => Err(takes("a string, or an object with equals-ignore-case")),
    }
}

fn wildcard(operand: &Value) -> Parsed<Wildcard> {
    Wildcard::parse(text(operand)?).map_err(PatternError::new)
}

/// `["=", 5]`, `[">", 0]`, `["<", 5]`, `[">=", 0, "<", 5]`: a bound, or a lower and then an upper one.
fn numeric(operand: &Value) -> Parsed<Numeric> {
    let wrong = || {
        takes("[\"=\", n], or a lower bound (>, >=), an upper one (<, <=) or both, in this order")
    };
    let mut range = Numeric::default();
    let list = operand.as_array().filter(|list| !list.is_empty());
    let (pairs, []) = list.ok_or_else(wrong)?.as_chunks::<2>() else {
        return Err(wrong());
    };
    for [sign, number] in pairs {
        let (Some(sign), Value::Number(number)) = (sign.as_str(), number) else {
            return Err(wrong());
        };
        let bound = Bound {
            number: Number::of(number),
            inclusive: sign.ends_with('='),
        };
        let (lower, upper) = (range.lower.is_some(), range.upper.is_some());
        match sign {
            "=" if !lower && !upper => {
                range.lower = Some(bound);
                range.upper = Some(bound);
            }
            ">" | ">=" if !lower && !upper => range.lower = Some(bound),
            "<" | "<=" if !upper => range.upper = Some(bound),
            _ => return Err(wrong()),
        }
    }
    if range.is_empty() {
        return Err(takes("bounds that have numbers between them"));
    }
    Ok(range)
}

fn anything_but(operand: &Value) -> Parsed<Vec<Condition>> {
    const WHAT: &str = "a string, a number, a list of strings, a list of numbers, or an object with \
        prefix, suffix, equals-ignore-case or wildcard";
    let plain = |value: &Value| match value {
        Value::String(_) | Value::Number(_) => condition(value),
        _ => Err(takes(WHAT)),
    };
    match operand {
        Value::Object(inner) => {
            let mut entries = inner.iter();
            let (Some((name, operand)), None) = (entries.next(), entries.next()) else {
                return Err(PatternError::new(Fault::NotOneOperator(inner.len())));
            };
            but_operator(name, operand).map_err(|error| error.under(name))
        }
        Value::Array(values) => {
            let all_strings = values.iter().all(Value::is_string);
            if values.is_empty() || !(all_strings || values.iter().all(Value::is_number)) {
                return Err(takes(WHAT));
            }
            each(values, plain)
        }
        value => Ok(vec![plain(value)?]),
    }
}

/// `{"anything-but": {"prefix": "a"}}` or with a list of texts.
fn but_operator(name: &str, operand: &Value) -> Parsed<Vec<Condition>> {
    let one: fn(&Value) -> Parsed<Condition> = match name {
        "prefix" => |operand| Ok(Condition::Prefix(affix(operand)?)),
        "suffix" => |operand| Ok(Condition::Suffix(affix(operand)?)),
        "equals-ignore-case" => |operand| Ok(Condition::Folded(Folded::new(text(operand)?))),
        "wildcard" => |operand| Ok(Condition::Wildcard(wildcard(operand)?)),
        other => return Err(PatternError::new(Fault::NotToNegate(other.to_owned()))),
    };
    match operand {
        Value::Array(values) if values.is_empty() => Err(PatternError::new(Fault::EmptyList)),
        Value::Array(values) => each(values, one),
        operand => Ok(vec![one(operand)?]),
    }
}

fn affix(operand: &Value) -> Parsed<Box<str>> {
    let text = operand.as_str().filter(|text| !text.is_empty());
    let text = text.ok_or_else(|| takes("a string that is not empty, or a list of such"))?;
    Ok(text.into())
}

/// All of a list parsed, or the first error with its index.
fn each(values: &[Value], parse: impl Fn(&Value) -> Parsed<Condition>) -> Parsed<Vec<Condition>> {
    let values = values.iter().enumerate();
    values
        .map(|(index, value)| parse(value).map_err(|error| error.within(index)))
        .collect()
}
