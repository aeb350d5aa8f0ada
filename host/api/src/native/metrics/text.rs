//! The Prometheus text format, version 0.0.4. Knows nothing of what is counted.

use std::fmt::Write as _;

/// What a family's samples mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only rises, from 0 at the start; its name ends in `_total`.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts below bounds, a sum and a count.
    Histogram,
}

/// Opens a family. Its samples follow, and no other family's among them.
pub fn family(out: &mut String, name: &str, kind: Kind, help: &str) {
    let kind = match kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
    };
    out.push_str("# HELP ");
    out.push_str(name);
    out.push(' ');
    escape(out, help, false);
    out.push_str("\n# TYPE ");
    out.push_str(name);
    out.push(' ');
    out.push_str(kind);
    out.push('\n');
}

/// Writes one sample.
pub fn sample(out: &mut String, name: &str, labels: &[(&str, &str)], value: f64) {
    out.push_str(name);
    if !labels.is_empty() {
        out.push('{');
        for (i, (label, value)) in labels.iter().enumerate() {
            if i > 0 {
                out.push(',');
            }
            out.push_str(label);
            out.push_str("=\"");
            escape(out, value, true);
            out.push('"');
        }
        out.push('}');
    }
    out.push(' ');
    number(out, value);
    out.push('\n');
}

/// Writes a histogram's samples. `counts` are those of each bucket alone, one more than `bounds`.
pub fn histogram(
    out: &mut String,
    name: &str,
    labels: &[(&str, &str)],
    bounds: &[f64],
    counts: &[u64],
    sum: f64,
) {
    assert_eq!(
        counts.len(),
        bounds.len() + 1,
        "the last bucket has no bound"
    );
    let bucket = format!("{name}_bucket");
    let mut below = 0;
    for (bound, count) in bounds.iter().chain([&f64::INFINITY]).zip(counts) {
        below += count;
        let mut le = String::new();
        number(&mut le, *bound);
        let labels: Vec<_> = labels.iter().copied().chain([("le", &*le)]).collect();
        sample(out, &bucket, &labels, below as f64);
    }
    sample(out, &format!("{name}_sum"), labels, sum);
    sample(out, &format!("{name}_count"), labels, below as f64);
}

fn number(out: &mut String, value: f64) {
    if value.is_infinite() {
        out.push_str(if value > 0.0 { "+Inf" } else { "-Inf" });
    } else {
        write!(out, "{value}").expect("writing to a string cannot fail");
    }
}

fn escape(out: &mut String, text: &str, quoted: bool) {
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '"' if quoted => out.push_str("\\\""),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_values_cannot_break_out() {
        let mut out = String::new();
        family(&mut out, "a_total", Kind::Counter, "One \\ two\nthree.");
        sample(&mut out, "a_total", &[("x", "q\"uo\\te\n")], 2.0);
        assert_eq!(
            out,
            "# HELP a_total One \\\\ two\\nthree.\n# TYPE a_total counter\n\
             a_total{x=\"q\\\"uo\\\\te\\n\"} 2\n"
        );
    }

    #[test]
    fn a_histogram_counts_all_that_is_below() {
        let mut out = String::new();
        histogram(&mut out, "h", &[("t", "a")], &[0.5, 1.0], &[2, 0, 3], 9.25);
        assert_eq!(
            out,
            "h_bucket{t=\"a\",le=\"0.5\"} 2\nh_bucket{t=\"a\",le=\"1\"} 2\n\
             h_bucket{t=\"a\",le=\"+Inf\"} 5\nh_sum{t=\"a\"} 9.25\nh_count{t=\"a\"} 5\n"
        );
    }
}
