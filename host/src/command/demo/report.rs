//! What came out at the end: read back from the streams, never computed from the input.

use std::{collections::BTreeMap, io::BufReader};

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    super::Session,
    pipeline::{EVENTS, INPUT},
};
use crate::{
    client::{
        events::{self, Events},
        route::Route,
    },
    failure::Failure,
    output::{cell, count, printable, table},
};

/// How many pages and minutes people get to see.
const TOP: usize = 10;
/// What a page is made of, and what is not one itself.
const ASSETS: [&str; 15] = [
    "css", "js", "map", "png", "jpg", "jpeg", "gif", "ico", "svg", "webp", "woff", "woff2", "ttf",
    "eot", "txt",
];

/// What the functions found out.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Report {
    records_in: u64,
    parsed: u64,
    unparsable: u64,
    /// By the minute's beginning.
    requests_per_minute: BTreeMap<String, u64>,
    /// `2xx` and so on.
    status_classes: BTreeMap<String, u64>,
    /// By page, assets apart.
    pages: BTreeMap<String, u64>,
    sessions: u64,
    session_requests: u64,
    alerts: Vec<Value>,
}

/// What is read of an event.
#[derive(Debug, Deserialize)]
struct Event {
    path: Option<String>,
}

/// What is read of a minute's part: each shard gives its own, and late requests come apart.
#[derive(Debug, Deserialize)]
struct Minute {
    minute: String,
    section: String,
    requests: u64,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

/// What is read of a session.
#[derive(Debug, Deserialize)]
struct Visit {
    requests: u64,
}

/// Reads the streams of the pipeline from their beginnings.
pub(super) fn read(session: &Session) -> Result<Report, Failure> {
    let mut report = Report {
        records_in: records(session, INPUT)?,
        unparsable: records(session, "unparsable")?,
        ..Report::default()
    };
    each(session, EVENTS, |event| report.event(event))?;
    each(session, "metrics", |minute| report.minute(&minute))?;
    each(session, "sessions", |visit| report.visit(&visit))?;
    each(session, "alerts", |alert| report.alerts.push(alert))?;
    Ok(report)
}

/// How many records a stream holds.
fn records(session: &Session, stream: &str) -> Result<u64, Failure> {
    let stream = session
        .client
        .get(&Route::new(&["v1", "streams", stream]))?;
    stream["records"]
        .as_u64()
        .ok_or_else(|| Failure::Answer(format!("no number of records in {stream}")))
}

/// Gives the records of a stream, which are JSON, to `take`.
fn each<T: for<'a> Deserialize<'a>>(
    session: &Session,
    stream: &str,
    mut take: impl FnMut(T),
) -> Result<(), Failure> {
    let count = records(session, stream)?;
    if count == 0 {
        return Ok(());
    }
    let route = Route::new(&["v1", "streams", stream, "tail"])
        .with("from", "TRIM_HORIZON")
        .with("max_records", count);
    let body = BufReader::new(session.client.stream(&route)?);
    let mut seen = 0;
    for event in Events::new(body) {
        let broken = |what: String| Failure::Answer(format!("stream {stream}: {what}"));
        let event = event.map_err(|error| broken(error.to_string()))?;
        let data = match event {
            events::Event::Data(data) => data,
            events::Event::Named(_, said) => return Err(broken(said)),
        };
        let record: Value = serde_json::from_str(&data).map_err(|e| broken(e.to_string()))?;
        let text = record["text"].as_str().unwrap_or_default();
        if !is_flush(text) {
            take(serde_json::from_str(text).map_err(|e| broken(format!("{e} in {text}")))?);
        }
        seen += 1;
    }
    if seen < count {
        let what = format!("stream {stream} gave {seen} of {count} records");
        return Err(Failure::Answer(what));
    }
    Ok(())
}

/// Whether a record is the one that the demo put there itself.
fn is_flush(text: &str) -> bool {
    text == super::live::FLUSH
}

impl Report {
    fn event(&mut self, event: Event) {
        self.parsed += 1;
        if let Some(path) = event.path.filter(|path| is_page(path)) {
            *self.pages.entry(path).or_default() += 1;
        }
    }

    fn minute(&mut self, part: &Minute) {
        if part.section != "*" {
            return;
        }
        let minute = self.requests_per_minute.entry(part.minute.clone());
        *minute.or_default() += part.requests;
        for class in 1..=5 {
            let counted = part.rest.get(&format!("s{class}xx"));
            let counted = counted.and_then(Value::as_u64).unwrap_or_default();
            if counted > 0 {
                *self.status_classes.entry(format!("{class}xx")).or_default() += counted;
            }
        }
    }

    fn visit(&mut self, visit: &Visit) {
        self.sessions += 1;
        self.session_requests += visit.requests;
    }

    fn top_pages(&self) -> Vec<(&str, u64)> {
        most(&self.pages)
    }

    /// For programs.
    pub(super) fn to_json(&self) -> Value {
        let pages = self.top_pages().into_iter();
        let pages: Vec<_> = pages
            .map(|(path, requests)| json!({"path": path, "requests": requests}))
            .collect();
        json!({
            "records_in": self.records_in,
            "parsed": self.parsed,
            "unparsable": self.unparsable,
            "requests_per_minute": self.requests_per_minute,
            "status_classes": self.status_classes,
            "top_pages": pages,
            "sessions": self.sessions,
            "alerts": self.alerts,
        })
    }

    /// For people.
    pub(super) fn to_text(&self) -> String {
        let number = |(name, number): (&str, u64)| [name.to_owned(), count(number)];
        let classes = self
            .status_classes
            .iter()
            .map(|(name, n)| (name.as_str(), *n));
        let alerts = self
            .alerts
            .iter()
            .map(|alert| format!("  {}\n", show_alert(alert)));
        let alerts: String = if self.alerts.is_empty() {
            "  none\n".to_owned()
        } else {
            alerts.collect()
        };
        format!(
            "RECORDS\n  {} lines in, {} parsed, {} unparsable\n\nTOP PAGES\n{}\nSTATUS CLASSES\n{}\n\
             REQUESTS A MINUTE\n{}\n  busiest:\n{}\nSESSIONS\n  {} sessions, {:.1} requests each\n\n\
             ALERTS\n{alerts}",
            count(self.records_in),
            count(self.parsed),
            count(self.unparsable),
            indent(&table(
                ["page", "requests"],
                self.top_pages().into_iter().map(number)
            )),
            indent(&table(["class", "requests"], classes.map(number))),
            indent(&spark(&self.requests_per_minute)),
            indent(&table(
                ["minute", "requests"],
                most(&self.requests_per_minute)
                    .into_iter()
                    .take(TOP / 2)
                    .map(number)
            )),
            count(self.sessions),
            self.session_requests as f64 / self.sessions.max(1) as f64,
        )
    }
}

/// The entries with the largest numbers, the largest first; equal ones by name.
fn most(of: &BTreeMap<String, u64>) -> Vec<(&str, u64)> {
    let mut all: Vec<_> = of.iter().map(|(name, n)| (name.as_str(), *n)).collect();
    all.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    all.truncate(TOP);
    all
}

fn is_page(path: &str) -> bool {
    let file = path.rsplit('/').next().unwrap_or(path);
    let extension = file.rsplit_once('.').map(|(_, e)| e.to_ascii_lowercase());
    extension.is_none_or(|extension| !ASSETS.contains(&extension.as_str()))
}

/// An alert as its function worded it, or as it is.
fn show_alert(alert: &Value) -> String {
    let text = alert["message"].as_str();
    printable(&text.map_or_else(|| cell(alert), str::to_owned))
}

fn indent(text: &str) -> String {
    let lines = text.lines().map(|line| format!("  {}\n", line.trim_end()));
    lines.collect()
}

/// The course of the minutes in one line: as many columns as fit, each the mean of its minutes.
fn spark(minutes: &BTreeMap<String, u64>) -> String {
    const COLUMNS: usize = 72;
    const HEIGHTS: [char; 8] = [
        '\u{2581}', '\u{2582}', '\u{2583}', '\u{2584}', '\u{2585}', '\u{2586}', '\u{2587}',
        '\u{2588}',
    ];
    let (Some((first, _)), Some((last, _))) = (minutes.first_key_value(), minutes.last_key_value())
    else {
        return String::new();
    };
    let values: Vec<u64> = minutes.values().copied().collect();
    let width = values.len().div_ceil(COLUMNS);
    let means: Vec<u64> = values
        .chunks(width)
        .map(|chunk| chunk.iter().sum::<u64>() / chunk.len() as u64)
        .collect();
    let highest = means.iter().copied().max().unwrap_or(1).max(1);
    let height = |mean: &u64| HEIGHTS[(mean * (HEIGHTS.len() as u64 - 1) / highest) as usize];
    let line: String = means.iter().map(height).collect();
    format!(
        "{line}\n{first} to {last}, {} minutes",
        count(values.len() as u64)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute(minute: &str, section: &str, requests: u64) -> Minute {
        serde_json::from_value(json!({"minute": minute, "section": section,
            "requests": requests, "s2xx": requests - 1, "s5xx": 1}))
        .unwrap()
    }

    #[test]
    fn the_parts_of_a_minute_add_up() {
        let mut report = Report::default();
        for part in [
            minute("10:05", "*", 3),
            minute("10:05", "*", 2),
            minute("10:05", "blog", 2),
            minute("10:06", "*", 1),
        ] {
            report.minute(&part);
        }
        let expected = [("10:05".to_owned(), 5), ("10:06".to_owned(), 1)];
        assert_eq!(report.requests_per_minute, expected.into());
        let classes = [("2xx".to_owned(), 3), ("5xx".to_owned(), 3)];
        assert_eq!(report.status_classes, classes.into());
    }

    #[test]
    fn pages_are_what_people_ask_for() {
        for page in ["/", "/blog/a.b/", "/index.html", "/x?y"] {
            assert!(is_page(page), "{page}");
        }
        for asset in ["/favicon.ico", "/a/b.PNG", "/robots.txt"] {
            assert!(!is_page(asset), "{asset}");
        }
    }

    #[test]
    fn the_json_has_the_published_fields() {
        let mut report = Report::default();
        for _ in 0..2 {
            report.event(Event {
                path: Some("/a".to_owned()),
            });
        }
        report.event(Event {
            path: Some("/b".to_owned()),
        });
        report.event(Event { path: None });
        report.visit(&Visit { requests: 4 });
        let json = report.to_json();
        let fields: Vec<_> = json
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        let mut expected = [
            "records_in",
            "parsed",
            "unparsable",
            "requests_per_minute",
            "status_classes",
            "top_pages",
            "sessions",
            "alerts",
        ];
        expected.sort_unstable();
        assert_eq!(fields, expected);
        assert_eq!((&json["parsed"], &json["sessions"]), (&json!(4), &json!(1)));
        assert_eq!(json["top_pages"][0], json!({"path": "/a", "requests": 2}));
    }

    #[test]
    fn an_empty_report_can_be_read() {
        let text = Report::default().to_text();
        assert!(
            text.contains("0 lines in") && text.contains("ALERTS\n  none"),
            "{text}"
        );
    }

    #[test]
    fn the_course_fits_on_a_line() {
        let minutes = (0..500).map(|i| (format!("{i:04}"), i)).collect();
        let text = spark(&minutes);
        let (line, range) = text.split_once('\n').unwrap();
        assert!(line.chars().count() <= 72, "{line}");
        assert!(
            line.ends_with('\u{2588}') && line.starts_with('\u{2581}'),
            "{line}"
        );
        assert_eq!(range, "0000 to 0499, 500 minutes");
    }
}
