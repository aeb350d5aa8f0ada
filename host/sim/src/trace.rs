//! What happened, in order: its hash tells two lives apart, its end tells a person what went wrong.

use std::{collections::VecDeque, fmt};

use crate::{chance, clock};

/// Lines that are kept, unless the environment says another number.
const TAIL: usize = 60;

#[derive(Debug)]
pub(crate) struct Trace {
    hash: u64,
    pub(crate) events: u64,
    tail: VecDeque<String>,
    violation: Option<String>,
    /// Lines of the tail at most.
    most: usize,
}

impl Trace {
    pub(crate) fn new() -> Self {
        let most = std::env::var("MILLSTREAM_SIM_TAIL").ok();
        Self {
            hash: 0,
            events: 0,
            tail: VecDeque::new(),
            violation: None,
            most: most.and_then(|most| most.parse().ok()).unwrap_or(TAIL),
        }
    }

    pub(crate) fn note(&mut self, what: fmt::Arguments<'_>) {
        let line = format!("{:>9} {what}", clock::elapsed());
        self.hash = self.hash.rotate_left(5) ^ chance::hash(line.as_bytes());
        self.events += 1;
        if self.tail.len() >= self.most {
            self.tail.pop_front();
        }
        self.tail.push_back(line);
    }

    /// Something is wrong. The first of such things counts: what follows may follow from it.
    pub(crate) fn accuse(&mut self, what: &str) {
        if self.violation.is_none() {
            self.note(format_args!("WRONG: {what}"));
            self.violation = Some(what.to_owned());
        }
    }

    pub(crate) fn violation(&self) -> Option<&str> {
        self.violation.as_deref()
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    pub(crate) fn into_tail(self) -> Vec<String> {
        self.tail.into()
    }
}
