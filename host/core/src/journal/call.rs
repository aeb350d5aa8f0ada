//! A call that has ended, as it is kept: figures, and what was said in it where anything was.

use std::sync::Arc;

use super::RequestId;
use crate::port::{GuestError, LogLine, Usage};

/// What a line costs in memory beside its text.
const LINE_BYTES: usize = 5;

/// A call of a function that has ended, whatever came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Its id.
    pub request: RequestId,
    /// The published version that was called; none is the function as it is.
    pub number: Option<u64>,
    /// The memory that it might have used.
    pub memory_bytes: u64,
    /// What it took.
    pub usage: Usage,
    /// Its lines, and why it failed; none where it said nothing and did not fail.
    pub said: Option<Arc<Said>>,
}

/// What a call said, and why it failed: two allocations, however many lines there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// All lines, one after another.
    text: String,
    /// Where each ends, and its level.
    ends: Vec<(u32, u8)>,
    /// Lines that are not there any more.
    pub(super) cut: u64,
    pub(super) failure: Option<Failure>,
}

/// Why a call failed, and the milliseconds that it was allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) error: GuestError,
    pub(super) time_ms: u64,
}

impl Said {
    /// What a call left: `lines`, how many more were `cut`, and why it failed in `time_ms`.
    #[must_use]
    pub fn of(
        lines: &[LogLine],
        cut: u64,
        error: Option<&GuestError>,
        time_ms: u64,
    ) -> Option<Arc<Self>> {
        if lines.is_empty() && cut == 0 && error.is_none() {
            return None;
        }
        let bytes = lines.iter().map(|line| line.message.len()).sum();
        let mut said = Self {
            text: String::with_capacity(bytes),
            ends: Vec::with_capacity(lines.len()),
            cut,
            failure: error.cloned().map(|error| Failure { error, time_ms }),
        };
        for LogLine { level, message } in lines {
            said.push(*level, message);
        }
        Some(Arc::new(said))
    }

    fn push(&mut self, level: u8, message: &str) {
        // What the guest's own limit lets through is far below 4 GiB; beyond, nothing is kept.
        match u32::try_from(self.text.len() + message.len()) {
            Ok(end) => {
                self.text.push_str(message);
                self.ends.push((end, level));
            }
            Err(_) => self.cut += 1,
        }
    }

    /// The lines with their levels.
    pub(super) fn lines(&self) -> impl Iterator<Item = (u8, &str)> {
        let mut begin = 0;
        self.ends.iter().map(move |&(end, level)| {
            let line = &self.text[begin as usize..end as usize];
            begin = end;
            (level, line)
        })
    }

    /// How many lines it comes to.
    pub(super) fn count(&self) -> usize {
        let failure = self.failure.as_ref().map_or(0, Failure::count);
        self.ends.len() + usize::from(self.cut > 0) + failure
    }

    /// What it takes of the memory.
    pub(super) fn bytes(&self) -> usize {
        let message = match &self.failure {
            None => 0,
            Some(Failure { error, .. }) => match error {
                GuestError::Returned { message }
                | GuestError::Exited { message, .. }
                | GuestError::Trapped { message }
                | GuestError::Limit { message, .. }
                | GuestError::Invalid { message } => message.len(),
            },
        };
        size_of::<Self>() + self.text.len() + LINE_BYTES * self.ends.len() + message
    }

    /// The same with no more than its last lines: so many of them, of so many bytes.
    pub(super) fn end(&self, bytes: usize, lines: usize) -> Self {
        let all: Vec<_> = self.lines().collect();
        let (mut from, mut left) = (all.len(), bytes);
        while from > 0 && all.len() - from < lines {
            let cost = all[from - 1].1.len() + LINE_BYTES;
            if cost > left {
                break;
            }
            left -= cost;
            from -= 1;
        }
        let mut said = Self {
            text: String::new(),
            ends: Vec::with_capacity(all.len() - from),
            cut: self.cut + from as u64,
            failure: self.failure.clone(),
        };
        for (level, message) in &all[from..] {
            said.push(*level, message);
        }
        said
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(texts: &[&str]) -> Arc<Said> {
        let line = |text: &&str| LogLine {
            level: 2,
            message: (*text).to_owned(),
        };
        let lines: Vec<_> = texts.iter().map(line).collect();
        Said::of(&lines, 3, None, 0).unwrap()
    }

    #[test]
    fn a_call_that_says_nothing_takes_nothing() {
        assert_eq!(Said::of(&[], 0, None, 3_000), None);
        let returned = GuestError::Returned {
            message: "no".into(),
        };
        assert!(Said::of(&[], 0, Some(&returned), 3_000).is_some());
    }

    #[test]
    fn lines_come_back_as_they_were() {
        let said = said(&["a", "", "\u{e9}\nb"]);
        let lines: Vec<_> = said.lines().collect();
        assert_eq!(lines, [(2, "a"), (2, ""), (2, "\u{e9}\nb")]);
        assert_eq!(said.count(), 4);
    }

    #[test]
    fn what_is_too_long_keeps_its_end() {
        let said = said(&["1", "22", "333"]);
        let end = |bytes, lines| {
            let end = said.end(bytes, lines);
            let kept = end.lines().map(|(_, text)| text.to_owned());
            (kept.collect::<Vec<_>>().join(" "), end.cut)
        };
        assert_eq!(end(1000, 1000), ("1 22 333".to_owned(), 3));
        assert_eq!(end(1000, 2), ("22 333".to_owned(), 4));
        assert_eq!(end(14, 1000), ("333".to_owned(), 5));
        assert_eq!(end(0, 1000), (String::new(), 6));
    }
}
