//! What all steps of a redrive came to.

use serde_json::{Value, json};

use crate::output::{cell, count, table};

/// Letters that are kept for the end; a redrive may come upon any number.
const KEPT: usize = 100;

#[derive(Debug, Default)]
pub(super) struct Total {
    letters: String,
    read: u64,
    selected: u64,
    pub(super) redriven: u64,
    before: u64,
    pub(super) failed: u64,
    failures: Vec<Value>,
    shown: Vec<Value>,
    cursor: Value,
}

impl Total {
    pub(super) fn add(&mut self, step: &Value) {
        let number = |name: &str| step[name].as_u64().unwrap_or_default();
        self.letters = cell(&step["letters"]);
        self.read += number("read");
        self.selected += number("selected");
        self.redriven += number("redriven");
        self.before += number("redriven_before");
        self.failed += number("failed");
        self.cursor = step["cursor"].clone();
        keep(&mut self.failures, &step["failures"]);
        keep(&mut self.shown, &step["shown"]);
    }

    /// Whether no step has told of anything.
    pub(super) fn is_nothing(&self) -> bool {
        self.redriven == 0 && self.failed == 0
    }

    pub(super) fn summary(&self, trigger: &str, to_function: bool, is_complete: bool) -> Value {
        json!({
            "trigger": trigger,
            "to": if to_function { "function" } else { "stream" },
            "letters": self.letters,
            "read": self.read,
            "selected": self.selected,
            "redriven": self.redriven,
            "redriven_before": self.before,
            "failed": self.failed,
            "failures": self.failures,
            "shown": self.shown,
            "complete": is_complete,
            "cursor": self.cursor,
        })
    }

    pub(super) fn text(&self, is_dry: bool) -> String {
        let mut text = String::new();
        let listed = if is_dry { &self.shown } else { &self.failures };
        if !listed.is_empty() {
            let rows = listed.iter().map(row);
            text += &table(["shard", "key", "reason", "attempts", "error"], rows);
            text.push('\n');
            let all = if is_dry { self.selected } else { self.failed };
            let more = all - listed.len() as u64;
            if more > 0 {
                text += &format!("and {} more\n", count(more));
            }
        }
        let before = match self.before {
            0 => String::new(),
            before => format!("; {} were sent back before", count(before)),
        };
        let of = format!("of {} records of {}", count(self.read), self.letters);
        let selected = count(self.selected);
        text += &match (is_dry, self.selected) {
            (_, 0) => format!("no letter is left to send back, {of}{before}"),
            (true, _) => format!("{selected} letters would be sent back, {of}{before}"),
            (false, _) => {
                let redriven = count(self.redriven);
                let failed = match self.failed {
                    0 => String::new(),
                    failed => format!("; {} failed again", count(failed)),
                };
                format!("{redriven} letters were sent back, {of}{failed}{before}")
            }
        };
        text
    }
}

fn keep(kept: &mut Vec<Value>, more: &Value) {
    let room = KEPT - kept.len();
    let more = more.as_array().into_iter().flatten();
    kept.extend(more.take(room).cloned());
}

fn row(letter: &Value) -> [String; 5] {
    let fields = ["shard_id", "partition_key", "reason", "attempts", "error"];
    fields.map(|field| cell(&letter[field]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_add_up_and_are_told_in_a_sentence() {
        let mut total = Total::default();
        let step = json!({
            "letters": "dead", "read": 10, "selected": 3, "redriven": 2, "redriven_before": 1,
            "failed": 1, "failures": [{"shard_id": "s", "error": "no"}], "cursor": "1-2-3",
        });
        total.add(&step);
        total.add(&step);
        let text = total.text(false);
        assert!(
            text.ends_with(
                "4 letters were sent back, of 20 records of dead; 2 failed again; \
                 2 were sent back before"
            ),
            "{text}"
        );
        let summary = total.summary("t", true, false);
        assert_eq!(
            (&summary["redriven"], &summary["to"]),
            (&json!(4), &json!("function"))
        );
        let mut none = Total::default();
        none.add(&json!({"letters": "dead", "read": 7, "redriven_before": 7}));
        assert_eq!(
            none.text(false),
            "no letter is left to send back, of 7 records of dead; 7 were sent back before"
        );
    }
}
