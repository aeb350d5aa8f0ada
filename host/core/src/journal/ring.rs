//! The calls that are kept: of each function the newest, and of all functions together as many as
//! there is room for.
//!
//! What functions say is not pushed out by calls in which they say nothing: those have a place of
//! their own, with room for a fixed number of them.

use std::collections::{BTreeMap, VecDeque};

use super::{
    call::Ended,
    line::Line,
    place::{LogStream, Place},
};
use crate::{name::FunctionName, time::Millis};

/// Calls of a function in which it said nothing that are kept.
const SILENT_CALLS: usize = 1_000;
/// What a function takes of the memory beside its calls.
const FUNCTION_BYTES: usize = 256;

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Bytes of a function's lines.
    pub function_bytes: usize,
    /// Lines of a function.
    pub function_lines: usize,
    /// Bytes of everything.
    pub bytes: usize,
}

impl Default for Room {
    fn default() -> Self {
        Self {
            function_bytes: 1 << 20,
            function_lines: 10_000,
            bytes: 64 << 20,
        }
    }
}

/// A call that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// When it came in, which is never before the one before it: the moment of all its lines.
    pub at: Millis,
    /// Its number among all calls.
    number: u64,
    /// What is known of it.
    pub ended: Ended,
}

impl Kept {
    /// Its lines with their places.
    pub fn lines(&self) -> impl DoubleEndedIterator<Item = (Place, Line)> {
        let lines = self.ended.lines(self.at).into_iter().enumerate();
        lines.map(|(at, line)| (Place::new(self.at, self.number, at), line))
    }

    /// The log stream of its lines.
    #[must_use]
    pub fn stream(&self) -> LogStream {
        LogStream::of(self.at, self.ended.number)
    }

    fn place(&self) -> Place {
        Place::new(self.at, self.number, 0)
    }

    fn bytes(&self) -> usize {
        size_of::<Self>() + self.ended.said.as_ref().map_or(0, |said| said.bytes())
    }
}

/// What is kept of one function.
#[derive(Debug, Default)]
struct Ring {
    spoken: VecDeque<Kept>,
    silent: VecDeque<Kept>,
    /// Bytes of all, and lines of those that spoke.
    bytes: usize,
    lines: usize,
    newest: Millis,
}

/// What is kept of all functions.
#[derive(Debug, Default)]
pub struct Journal {
    room: Room,
    functions: BTreeMap<FunctionName, Ring>,
    bytes: usize,
    next: u64,
}

impl Journal {
    /// An empty one.
    #[must_use]
    pub fn new(room: Room) -> Self {
        Self {
            room,
            ..Self::default()
        }
    }

    /// Takes a call of `function` that ended `now`; the oldest go where there is no room.
    pub fn push(&mut self, function: &FunctionName, now: Millis, ended: Ended) {
        let number = self.next;
        self.next += 1;
        // Not by `entry`, which would want the name's copy each time.
        if !self.functions.contains_key(function) {
            self.functions.insert(function.clone(), Ring::default());
            self.bytes += FUNCTION_BYTES;
        }
        let ring = self.functions.get_mut(function);
        let ring = ring.expect("it was put there");
        let before = ring.bytes;
        ring.newest = ring.newest.max(now);
        let kept = Kept {
            at: ring.newest,
            number,
            ended,
        };
        match kept.ended.said {
            None => ring.push_silent(kept),
            Some(_) => ring.push_spoken(kept, &self.room),
        }
        self.bytes = self.bytes + ring.bytes - before;
        if self.bytes > self.room.bytes {
            self.shrink();
        }
    }

    /// The calls of `function` that have lines at `from` or after it, in their order.
    #[must_use]
    pub fn read(&self, function: &str, from: Place) -> Vec<Kept> {
        let Some(ring) = self.functions.get(function) else {
            return Vec::new();
        };
        let from = from.call();
        let [spoken, silent] = [&ring.spoken, &ring.silent].map(|calls| {
            let first = calls.partition_point(|kept| kept.place() < from);
            calls.range(first..)
        });
        let mut calls: Vec<_> = spoken.chain(silent).cloned().collect();
        // Two sorted runs, which are merged.
        calls.sort_by_key(Kept::place);
        calls
    }

    /// Whether a call of `function` came in at `from` or after it.
    #[must_use]
    pub fn reaches(&self, function: &str, from: Place) -> bool {
        let newest = |calls: &VecDeque<Kept>| calls.back().is_some_and(|kept| kept.place() >= from);
        let ring = self.functions.get(function);
        ring.is_some_and(|ring| newest(&ring.spoken) || newest(&ring.silent))
    }

    /// The functions of which something is kept, with its bytes.
    pub fn functions(&self) -> impl Iterator<Item = (&FunctionName, usize)> {
        let functions = self.functions.iter();
        functions.map(|(name, ring)| (name, ring.bytes))
    }

    /// Makes some room: those that have the most lose the older half of it.
    fn shrink(&mut self) {
        while self.bytes > self.room.bytes / 8 * 7 {
            let largest = self.functions.iter_mut().max_by_key(|(_, ring)| ring.bytes);
            let Some((name, ring)) = largest else {
                return;
            };
            let before = ring.bytes;
            ring.halve();
            self.bytes = self.bytes + ring.bytes - before;
            if ring.spoken.is_empty() && ring.silent.is_empty() {
                let name = name.clone();
                self.functions.remove(&name);
                self.bytes -= FUNCTION_BYTES;
            }
        }
    }
}

impl Ring {
    fn push_silent(&mut self, kept: Kept) {
        if self.silent.len() == SILENT_CALLS {
            self.silent.pop_front();
        } else {
            self.bytes += size_of::<Kept>();
        }
        self.silent.push_back(kept);
    }

    fn push_spoken(&mut self, mut kept: Kept, room: &Room) {
        if kept.bytes() > room.function_bytes || kept.ended.count() > room.function_lines {
            let said = kept.ended.said.map(|said| {
                let bytes = room.function_bytes.saturating_sub(size_of::<Kept>());
                said.end(bytes, room.function_lines).into()
            });
            kept.ended.said = said;
        }
        self.bytes += kept.bytes();
        self.lines += kept.ended.count();
        self.spoken.push_back(kept);
        let silent = self.silent.len() * size_of::<Kept>();
        while self.spoken.len() > 1
            && (self.bytes - silent > room.function_bytes || self.lines > room.function_lines)
        {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some(kept) = self.spoken.pop_front() {
            self.bytes -= kept.bytes();
            self.lines -= kept.ended.count();
        }
    }

    fn halve(&mut self) {
        for _ in 0..self.spoken.len().div_ceil(2) {
            self.drop_oldest();
        }
        let gone = self.silent.len().div_ceil(2);
        self.silent.drain(..gone);
        self.bytes -= gone * size_of::<Kept>();
        self.spoken.shrink_to_fit();
        self.silent.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        journal::{RequestId, call::Said},
        port::{LogLine, Usage},
    };

    fn name(text: &str) -> FunctionName {
        text.try_into().unwrap()
    }

    fn call(text: &str) -> Ended {
        let line = LogLine {
            level: 2,
            message: text.to_owned(),
        };
        let lines = if text.is_empty() { vec![] } else { vec![line] };
        Ended {
            request: RequestId::random(0),
            number: None,
            memory_bytes: 0,
            usage: Usage::default(),
            said: Said::of(&lines, 0, None, 0),
        }
    }

    /// The second line of each call that is kept.
    fn texts(journal: &Journal, function: &str) -> Vec<String> {
        let calls = journal.read(function, Place::START);
        let second = |kept: &Kept| kept.lines().nth(1).map(|(_, line)| line.text);
        calls.iter().filter_map(second).collect()
    }

    fn said(journal: &Journal, function: &str) -> Vec<String> {
        let mut texts = texts(journal, function);
        texts.retain(|text| !text.starts_with("END"));
        texts
    }

    fn journal(function_bytes: usize, function_lines: usize, bytes: usize) -> Journal {
        Journal::new(Room {
            function_bytes,
            function_lines,
            bytes,
        })
    }

    /// That the sums are those of what is kept.
    fn check(journal: &Journal) {
        let mut bytes = 0;
        for ring in journal.functions.values() {
            let kept = ring.spoken.iter().chain(&ring.silent);
            assert_eq!(ring.bytes, kept.map(Kept::bytes).sum::<usize>());
            let lines = ring.spoken.iter().map(|kept| kept.ended.count());
            assert_eq!(ring.lines, lines.sum::<usize>());
            bytes += ring.bytes + FUNCTION_BYTES;
        }
        assert_eq!(journal.bytes, bytes);
        assert!(bytes <= journal.room.bytes, "{bytes}");
    }

    #[test]
    fn the_oldest_lines_go_where_there_are_too_many() {
        let mut journal = journal(1 << 20, 8, 1 << 20);
        for text in ["a", "b", "c"] {
            journal.push(&name("f"), Millis(1), call(text));
            check(&journal);
        }
        assert_eq!(said(&journal, "f"), ["b", "c"]);
        assert!(said(&journal, "g").is_empty());
    }

    #[test]
    fn the_oldest_lines_go_where_they_are_too_long() {
        let mut journal = journal(2_000, 1_000, 1 << 20);
        for letter in ["a", "b", "c"] {
            journal.push(&name("f"), Millis(1), call(&letter.repeat(700)));
            check(&journal);
        }
        let kept = said(&journal, "f");
        assert_eq!(kept.len(), 2);
        assert!(kept[0].starts_with('b') && kept[1].starts_with('c'));
        journal.push(&name("f"), Millis(1), call(&"d".repeat(3_000)));
        check(&journal);
        let expected = "RequestId: 00000000-0000-4000-8000-000000000000 1 log lines were cut";
        assert_eq!(said(&journal, "f")[2..], [expected]);
    }

    #[test]
    fn silence_does_not_push_out_what_was_said() {
        let mut journal = Journal::new(Room::default());
        journal.push(&name("f"), Millis(1), call("a"));
        for _ in 0..2 * SILENT_CALLS {
            journal.push(&name("f"), Millis(2), call(""));
        }
        journal.push(&name("f"), Millis(3), call("b"));
        check(&journal);
        assert_eq!(said(&journal, "f"), ["a", "b"]);
        let calls = journal.read("f", Place::START);
        assert_eq!(calls.len(), SILENT_CALLS + 2);
        assert!(calls.is_sorted_by_key(Kept::place));
    }

    #[test]
    fn all_functions_together_are_bounded_and_the_largest_pays() {
        let mut journal = journal(1 << 20, 10_000, 40_000);
        journal.push(&name("small"), Millis(1), call("a"));
        for n in 0..1_000 {
            journal.push(
                &name("large"),
                Millis(1),
                call(&format!("{n} {}", "x".repeat(500))),
            );
            check(&journal);
        }
        assert_eq!(said(&journal, "small"), ["a"]);
        let large = said(&journal, "large");
        assert!(large.len() > 10 && large.last().unwrap().starts_with("999 "));
        for n in 0..1_000 {
            journal.push(&name(&format!("f{n}")), Millis(2), call(""));
            check(&journal);
        }
        assert!(journal.functions().count() < 200);
        assert!(journal.functions().any(|(name, _)| name.as_str() == "f999"));
    }

    #[test]
    fn time_never_goes_back_and_reading_begins_anywhere() {
        let mut journal = Journal::new(Room::default());
        for (at, text) in [(5, "a"), (3, "b"), (5, ""), (9, "c")] {
            journal.push(&name("f"), Millis(at), call(text));
        }
        let calls = journal.read("f", Place::START);
        let moments: Vec<_> = calls.iter().map(|kept| kept.at.0).collect();
        assert_eq!(moments, [5, 5, 5, 9]);
        let (third, _) = calls[2].lines().next_back().unwrap();
        assert_eq!(journal.read("f", third).len(), 2);
        assert_eq!(journal.read("f", Place::at(Millis(6))).len(), 1);
        assert!(journal.reaches("f", third.next()));
        let (last, _) = calls[3].lines().next_back().unwrap();
        assert!(!journal.reaches("f", last.next()));
        assert!(!journal.reaches("g", Place::START));
    }
}
