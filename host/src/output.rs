//! What commands print: tables for people, JSON for programs, never both.

use std::io::{self, IsTerminal, Write};

use comfy_table::{Table, TableStyle, presets};
use serde_json::Value;

use crate::failure::Failure;

/// How to print.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    pub(crate) json: bool,
}

impl Output {
    /// One answer: `value` for programs, `text` for people.
    pub(crate) fn print(
        self,
        value: &Value,
        text: impl FnOnce(&Value) -> String,
    ) -> Result<(), Failure> {
        if self.json {
            self.line(&value.to_string())
        } else {
            self.line(text(value).trim_end())
        }
    }

    /// A line on stdout, at once.
    pub(crate) fn line(self, line: &str) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        writeln!(stdout, "{line}")?;
        Ok(stdout.flush()?)
    }

    /// A line for people who watch. Programs do not get it.
    pub(crate) fn note(self, line: &str) {
        if !self.json {
            // Nobody to tell when stderr is closed.
            let _ = writeln!(io::stderr(), "{line}");
        }
    }

    /// Whether progress can be drawn.
    pub(crate) fn watched(self) -> bool {
        !self.json && io::stderr().is_terminal()
    }
}

/// Rows under a header, in plain columns that can be read and cut.
pub(crate) fn table<const N: usize>(
    header: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    const STYLE: TableStyle = presets::NOTHING;
    let mut table = Table::new();
    table.load_style(STYLE);
    table.set_header(header.map(str::to_uppercase));
    for row in rows {
        table.add_row(row.map(|cell| printable(&cell)));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

/// A field as people read it: text without quotes, nothing as a dash.
pub(crate) fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Number(number) => number.as_u64().map_or_else(|| number.to_string(), count),
        other => other.to_string(),
    }
}

/// A number in groups of three digits.
pub(crate) fn count(number: u64) -> String {
    indicatif::HumanCount(number).to_string()
}

/// A number of bytes, rounded.
pub(crate) fn bytes(number: u64) -> String {
    indicatif::HumanBytes(number).to_string()
}

/// Text of others, without what could steer a terminal.
pub(crate) fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() && c != '\t' {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tables_are_plain_columns() {
        let rows = [
            ["a".to_owned(), "1".to_owned()],
            ["long-name".to_owned(), "22".to_owned()],
        ];
        let text = table(["name", "n"], rows);
        let lines: Vec<_> = text.lines().map(str::trim_end).collect();
        assert_eq!(lines, ["NAME       N", "a          1", "long-name  22"]);
    }

    #[test]
    fn terminals_cannot_be_steered_by_records() {
        assert_eq!(printable("a\x1b[2Jb\u{9b}"), "a\\u{1b}[2Jb\\u{9b}");
        assert_eq!(printable("tab\there"), "tab\there");
    }

    #[test]
    fn cells_are_for_people() {
        assert_eq!(cell(&json!(12_345)), "12,345");
        assert_eq!(cell(&json!(null)), "-");
        assert_eq!(cell(&json!("x")), "x");
        assert_eq!(cell(&json!(-1)), "-1");
    }
}
