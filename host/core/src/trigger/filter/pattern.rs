//! A compiled pattern.

use serde_json::{Map, Value};

use super::{
    condition::Condition,
    fault::PatternError,
    parse::{self, Asked},
    tree::{self, Node, Search},
};

/// A pattern, ready to be matched.
#[derive(Debug)]
pub struct Pattern {
    asked: Vec<Asked>,
    ways: Vec<Node>,
}

impl Pattern {
    /// Compiles the text of a pattern. `{}` matches everything.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let parsed = parse::parse(text)?;
        let ways = parsed.ways.iter();
        let ways: Result<_, _> = ways.map(|way| Node::of(way, &parsed.asked)).collect();
        Ok(Self {
            ways: ways?,
            asked: parsed.asked,
        })
    }

    /// Whether `event` is one of those that it describes.
    #[must_use]
    pub fn matches(&self, event: &Map<String, Value>) -> bool {
        self.matches_by(event, |_| true)
    }

    /// The same where only those combinations count of which `counts` says so, given their outermost
    /// fields.
    pub(super) fn matches_by(
        &self,
        event: &Map<String, Value>,
        counts: impl Fn(&Node) -> bool,
    ) -> bool {
        let search = Search {
            asked: &self.asked,
            absent: self.absent(event),
        };
        let mut ways = self.ways.iter().filter(|way| counts(way));
        ways.any(|way| search.object(way, event))
    }

    /// The combinations, as what they ask of the whole event.
    pub(super) fn ways(&self) -> impl Iterator<Item = &Node> {
        self.ways.iter()
    }

    /// Of each field whether it may be absent and is: nowhere in the whole event has it a value.
    /// Empty where no field may be absent.
    fn absent(&self, event: &Map<String, Value>) -> Vec<bool> {
        let may_be = |asked: &Asked| {
            asked
                .conditions
                .iter()
                .any(|c| matches!(c, Condition::Absent))
        };
        if !self.asked.iter().any(may_be) {
            return Vec::new();
        }
        let is = |asked: &Asked| may_be(asked) && !tree::has_value(event, &asked.path);
        self.asked.iter().map(is).collect()
    }
}
