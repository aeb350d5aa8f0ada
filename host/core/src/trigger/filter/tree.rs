//! Matching: the fields of one combination as a tree, laid over the tree of an event.
//!
//! Lists in an event are alternatives: one of their elements must fulfil all that is asked below the
//! list. So fields within a list of objects are those of one object, as in the rule engine.
//! A name with dots in an event is the same as objects within one another, as it is in a pattern.
//! Where an event has both for one path, these count as one object, and lists in them are not held to
//! one element.

use serde_json::{Map, Value};

use super::{
    fault::{Fault, PatternError},
    parse::Asked,
};

/// What is asked at one place, and below it by name.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// Index of what is asked of the value here.
    asked: Option<usize>,
    fields: Vec<(Box<str>, Node)>,
}

/// One event being searched.
#[derive(Debug)]
pub(super) struct Search<'a> {
    pub(super) asked: &'a [Asked],
    /// Of each of them whether it is fulfilled because its field is absent. May be empty.
    pub(super) absent: Vec<bool>,
}

/// A part of what an event has at a path.
#[derive(Debug, Clone, Copy)]
struct Part<'a> {
    /// What is left of the name with dots under which it stands.
    name: Option<&'a str>,
    value: &'a Value,
}

impl Node {
    /// The tree of a combination.
    pub(super) fn of(way: &[usize], asked: &[Asked]) -> Result<Self, PatternError> {
        let mut root = Self::default();
        for &index in way {
            let path = &asked[index].path;
            let node = path.iter().fold(&mut root, |node, name| node.below(name));
            if node.asked.replace(index).is_some() {
                return Err(PatternError::new(Fault::Twice).under(&path.join(".")));
            }
        }
        Ok(root)
    }

    fn below(&mut self, name: &str) -> &mut Self {
        let at = self.fields.iter().position(|(known, _)| **known == *name);
        let at = at.unwrap_or_else(|| {
            self.fields.push((name.into(), Self::default()));
            self.fields.len() - 1
        });
        &mut self.fields[at].1
    }

    /// The names that it asks for here.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|(name, _)| &**name)
    }

    /// Whether it asks for values of the field `name` itself, and not only for fields within.
    pub(super) fn asks_for_values_of(&self, name: &str) -> bool {
        let mut fields = self.fields.iter();
        fields.any(|(known, node)| **known == *name && node.asked.is_some())
    }
}

impl Search<'_> {
    /// Whether `object` has all that is asked below `node`.
    pub(super) fn object(&self, node: &Node, object: &Map<String, Value>) -> bool {
        let has_dots = object.keys().any(|name| name.contains('.'));
        node.fields.iter().all(|(name, node)| {
            if has_dots {
                let mut parts = Vec::new();
                collect(object, name, &mut parts);
                return self.parts(node, &parts);
            }
            match object.get(&**name) {
                Some(value) => self.value(node, value),
                None => self.is_absent(node),
            }
        })
    }

    /// Whether `value`, at the place of `node`, has all that is asked there and below.
    fn value(&self, node: &Node, value: &Value) -> bool {
        self.is_fulfilled(node, std::iter::once(value))
            && (self.fields_are_absent(node) || self.inside(node, value))
    }

    fn inside(&self, node: &Node, value: &Value) -> bool {
        match value {
            Value::Object(object) => self.object(node, object),
            Value::Array(elements) => elements.iter().any(|element| self.inside(node, element)),
            _ => false,
        }
    }

    /// The same for what an event has in several parts.
    fn parts(&self, node: &Node, parts: &[Part<'_>]) -> bool {
        if let [Part { name: None, value }] = parts {
            return self.value(node, value);
        }
        let here = parts.iter().filter(|part| part.name.is_none());
        if !self.is_fulfilled(node, here.map(|part| part.value)) {
            return false;
        }
        self.fields_are_absent(node)
            || node.fields.iter().all(|(name, node)| {
                let mut inner = Vec::new();
                for part in parts {
                    part.below(name, &mut inner);
                }
                self.parts(node, &inner)
            })
    }

    /// Whether what is asked of the values themselves holds, if anything is.
    fn is_fulfilled<'v>(&self, node: &Node, mut values: impl Iterator<Item = &'v Value>) -> bool {
        node.asked.is_none_or(|index| {
            let conditions = &self.asked[index].conditions;
            let holds = |value: &Value| conditions.iter().any(|c| c.matches(value));
            self.is_known_absent(index) || values.any(|value| any_scalar(value, &holds))
        })
    }

    fn is_known_absent(&self, index: usize) -> bool {
        self.absent.get(index).copied().unwrap_or(false)
    }

    fn fields_are_absent(&self, node: &Node) -> bool {
        node.fields.iter().all(|(_, node)| self.is_absent(node))
    }

    /// Whether all that is asked at `node` and below is fulfilled by being absent.
    fn is_absent(&self, node: &Node) -> bool {
        node.asked.is_none_or(|index| self.is_known_absent(index)) && self.fields_are_absent(node)
    }
}

impl<'a> Part<'a> {
    /// What it has under `wanted`.
    fn below(&self, wanted: &str, into: &mut Vec<Self>) {
        match (self.name, self.value) {
            (Some(name), value) => into.extend(step(name, wanted).map(|name| Part { name, value })),
            (None, Value::Object(object)) => collect(object, wanted, into),
            (None, Value::Array(elements)) => {
                for value in elements {
                    Part { name: None, value }.below(wanted, into);
                }
            }
            _ => (),
        }
    }
}

/// What `object` has under `wanted`: its field, and those whose names go on with a dot.
fn collect<'a>(object: &'a Map<String, Value>, wanted: &str, into: &mut Vec<Part<'a>>) {
    for (name, value) in object {
        into.extend(step(name, wanted).map(|name| Part { name, value }));
    }
}

/// What is left of `name` after its first part, where that is `wanted`.
fn step<'a>(name: &'a str, wanted: &str) -> Option<Option<&'a str>> {
    let (first, rest) = match name.split_once('.') {
        Some((first, rest)) => (first, Some(rest)),
        None => (name, None),
    };
    (first == wanted).then_some(rest)
}

/// Whether `holds` is true of the value, or of an element of the list that it is.
fn any_scalar(value: &Value, holds: &dyn Fn(&Value) -> bool) -> bool {
    match value {
        Value::Array(elements) => elements.iter().any(|element| any_scalar(element, holds)),
        Value::Object(_) => false,
        scalar => holds(scalar),
    }
}

/// Whether there is any value at `path`.
pub(super) fn has_value(object: &Map<String, Value>, path: &[Box<str>]) -> bool {
    object.iter().any(|(name, value)| {
        let mut left = path.iter();
        let leads = name
            .split('.')
            .all(|part| left.next().is_some_and(|next| **next == *part));
        leads && is_or_has_value(value, left.as_slice())
    })
}

fn is_or_has_value(value: &Value, path: &[Box<str>]) -> bool {
    match value {
        Value::Array(elements) => elements
            .iter()
            .any(|element| is_or_has_value(element, path)),
        Value::Object(object) => has_value(object, path),
        _scalar => path.is_empty(),
    }
}
