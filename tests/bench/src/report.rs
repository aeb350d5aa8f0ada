//! Figures as a table for people and as JSON for programs.

use std::path::Path;

use anyhow::{Context, Result};
use comfy_table::{Table, presets};
use serde::Serialize;

/// One figure, with its target where it has one.
#[derive(Debug, Serialize)]
pub(crate) struct Figure {
    section: String,
    name: String,
    value: f64,
    unit: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<Target>,
}

/// What a figure should be.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Target {
    /// At least that much.
    AtLeast(f64),
    /// At most that much.
    AtMost(f64),
}

/// All figures of a run.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    figures: Vec<Figure>,
}

impl Report {
    /// Adds a figure that is only told.
    pub(crate) fn tell(&mut self, section: &str, name: &str, value: f64, unit: &'static str) {
        self.add(section, name, value, unit, None);
    }

    /// Adds a figure that has a target.
    pub(crate) fn judge(
        &mut self,
        section: &str,
        name: &str,
        (value, unit): (f64, &'static str),
        target: Target,
    ) {
        self.add(section, name, value, unit, Some(target));
    }

    fn add(
        &mut self,
        section: &str,
        name: &str,
        value: f64,
        unit: &'static str,
        target: Option<Target>,
    ) {
        eprintln!("{section}: {name}: {} {unit}", number(value));
        let (section, name) = (section.to_owned(), name.to_owned());
        self.figures.push(Figure {
            section,
            name,
            value,
            unit,
            target,
        });
    }

    /// Prints the table.
    pub(crate) fn print(&self) {
        let mut table = Table::new();
        table.load_style(presets::ASCII_MARKDOWN);
        table.set_header(["section", "figure", "value", "unit", "target", "met"]);
        for figure in &self.figures {
            let (target, met) = match figure.target {
                None => (String::new(), ""),
                Some(Target::AtLeast(t)) => (format!(">= {}", number(t)), yes(figure.value >= t)),
                Some(Target::AtMost(t)) => (format!("<= {}", number(t)), yes(figure.value <= t)),
            };
            table.add_row([
                figure.section.as_str(),
                figure.name.as_str(),
                &number(figure.value),
                figure.unit,
                &target,
                met,
            ]);
        }
        println!("{table}");
    }

    /// Writes the JSON file.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let json = serde_json::to_vec_pretty(self)?;
        std::fs::write(path, json).with_context(|| format!("write {}", path.display()))?;
        println!("written to {}", path.display());
        Ok(())
    }
}

fn yes(met: bool) -> &'static str {
    if met { "yes" } else { "NO" }
}

fn number(value: f64) -> String {
    if value >= 1000.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.3}")
    }
}

/// The middle value; the lower one of two.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    quantile(values, 0.5)
}

/// The value below which `q` of the values lie.
pub(crate) fn quantile(values: impl IntoIterator<Item = f64>, q: f64) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    // An index below the length, so the cast is exact.
    values
        .get((last as f64 * q) as usize)
        .copied()
        .unwrap_or(f64::NAN)
}
