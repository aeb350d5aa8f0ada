//! One visit, as far as it is known.

use serde::{Deserialize, Serialize};

use crate::event::Event;

/// A visit of one client. Which events it is made of does not depend on the order in which they came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// When its first request came.
    pub start_ms: i64,
    /// When its last request came.
    pub end_ms: i64,
    /// How many requests.
    pub requests: u64,
    /// How many of them asked for pages.
    pub pages: u64,
    /// How much was sent in answer.
    pub bytes: u64,
    entry: Mark,
    exit: Mark,
}

/// A path and when it was asked for; pages come before anything else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    page: bool,
    at_ms: i64,
    path: Option<String>,
}

impl Session {
    /// A visit of one request.
    #[must_use]
    pub fn of(event: &Event<'_>) -> Self {
        let page = event.is_page();
        let mark = Mark {
            page,
            at_ms: event.epoch_ms,
            path: event.path.as_deref().map(str::to_owned),
        };
        Self {
            start_ms: event.epoch_ms,
            end_ms: event.epoch_ms,
            requests: 1,
            pages: u64::from(page),
            bytes: event.bytes,
            entry: mark.clone(),
            exit: mark,
        }
    }

    /// Whether two visits of a client are one: no pause between them is longer than the gap.
    #[must_use]
    pub fn meets(&self, other: &Self, gap_ms: i64) -> bool {
        other.start_ms - self.end_ms <= gap_ms && self.start_ms - other.end_ms <= gap_ms
    }

    /// Adds the requests of another visit, which came later.
    pub fn merge(&mut self, other: Self) {
        let Self {
            start_ms,
            end_ms,
            requests,
            pages,
            bytes,
            entry,
            exit,
        } = other;
        self.start_ms = self.start_ms.min(start_ms);
        self.end_ms = self.end_ms.max(end_ms);
        self.requests += requests;
        self.pages += pages;
        self.bytes = self.bytes.saturating_add(bytes);
        if (entry.page, -entry.at_ms) > (self.entry.page, -self.entry.at_ms) {
            self.entry = entry;
        }
        if (exit.page, exit.at_ms) >= (self.exit.page, self.exit.at_ms) {
            self.exit = exit;
        }
    }

    /// The path of the first page.
    #[must_use]
    pub fn entry(&self) -> Option<&str> {
        self.entry.path.as_deref()
    }

    /// The path of the last page.
    #[must_use]
    pub fn exit(&self) -> Option<&str> {
        self.exit.path.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(epoch_ms: i64, path: &str) -> Session {
        Session::of(&Event {
            epoch_ms,
            client: "c".into(),
            path: Some(path.to_owned().into()),
            bytes: 10,
        })
    }

    #[test]
    fn entry_and_exit_are_the_first_and_the_last_page() {
        let mut session = request(500, "/style.css");
        for (at, path) in [
            (400, "/b"),
            (300, "/x.png"),
            (350, "/a"),
            (400, "/c"),
            (600, "/y.js"),
        ] {
            session.merge(request(at, path));
        }
        assert_eq!((session.entry(), session.exit()), (Some("/a"), Some("/c")));
        let counted = (
            session.start_ms,
            session.end_ms,
            session.requests,
            session.pages,
        );
        assert_eq!((counted, session.bytes), ((300, 600, 6, 3), 60));
    }

    #[test]
    fn a_visit_without_pages_has_paths_too() {
        let mut session = request(500, "/a.png");
        session.merge(request(600, "/b.png"));
        assert_eq!(
            (session.entry(), session.exit()),
            (Some("/a.png"), Some("/b.png"))
        );
    }

    #[test]
    fn a_pause_as_long_as_the_gap_does_not_part() {
        let (early, late) = (request(0, "/"), request(1800, "/"));
        assert!(early.meets(&late, 1800) && late.meets(&early, 1800));
        assert!(!early.meets(&late, 1799) && !late.meets(&early, 1799));
    }
}
