//! What batches of a shard that are worked at once read and write of the state that they share.
//!
//! The answer to a batch counts only if what it read is still so when it commits; otherwise it is
//! thrown away and the function is called again, which spends no attempt. So the batches' effects are
//! those of some order of one after another: the order in which they were admitted here.

use std::collections::{BTreeMap, BTreeSet};

use crate::planted::Bug;

/// The state of one shard's lanes: when which name was last changed.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Commits that have ended.
    ended: u64,
    /// By name, the commit after which it was last changed.
    changed: BTreeMap<String, u64>,
    /// Names that commits write which have not ended.
    writing: BTreeSet<String>,
    /// The oldest call that may still be admitted, and how many began then.
    calls: BTreeMap<u64, u64>,
}

/// What one call read, and since when.
#[derive(Debug)]
#[must_use]
pub struct Reads {
    since: u64,
    names: BTreeSet<String>,
}

/// The names that an admitted commit writes.
#[derive(Debug)]
#[must_use]
pub struct Writes(Vec<String>);

impl Reads {
    /// The call reads these.
    pub fn add(&mut self, names: impl IntoIterator<Item = String>) {
        self.names.extend(names);
    }
}

impl Ledger {
    /// A call begins.
    pub fn begin(&mut self) -> Reads {
        *self.calls.entry(self.ended).or_default() += 1;
        Reads {
            since: self.ended,
            names: BTreeSet::new(),
        }
    }

    /// Whether something that the call read has changed, or is being changed, since it began.
    #[must_use]
    pub fn is_stale(&self, reads: &Reads) -> bool {
        !Bug::StaleCounts.is_here()
            && reads.names.iter().any(|name| {
                let changed = self.changed.get(name);
                changed.is_some_and(|&at| at > reads.since) || self.writing.contains(name)
            })
    }

    /// Whether a commit is under way: what it writes is stale to every call that begins meanwhile.
    #[must_use]
    pub fn is_writing(&self) -> bool {
        !self.writing.is_empty()
    }

    /// Admits the commit of a call's answer, which writes `names`; none where the answer does not
    /// count.
    pub fn admit<'a>(
        &mut self,
        reads: &Reads,
        names: impl Iterator<Item = &'a String> + Clone,
    ) -> Option<Writes> {
        // Two that write the same at once could become durable in either order.
        if self.is_stale(reads) || names.clone().any(|name| self.writing.contains(name)) {
            return None;
        }
        self.writing.extend(names.clone().cloned());
        Some(Writes(names.cloned().collect()))
    }

    /// An admitted commit has ended; `may_be_durable` unless it is known not to be.
    pub fn end(&mut self, writes: Writes, may_be_durable: bool) {
        self.ended += u64::from(may_be_durable);
        for name in writes.0 {
            self.writing.remove(&name);
            if may_be_durable {
                self.changed.insert(name, self.ended);
            }
        }
    }

    /// Nothing more will come of a call: what changed before all others began is forgotten.
    pub fn close(&mut self, reads: &Reads) {
        if let Some(calls) = self.calls.get_mut(&reads.since) {
            *calls -= 1;
            if *calls == 0 {
                self.calls.remove(&reads.since);
            }
        }
        match self.calls.first_key_value() {
            Some((&oldest, _)) if oldest > reads.since => {
                self.changed.retain(|_, &mut at| at > oldest);
            }
            Some(_) => (),
            None => self.changed.clear(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    fn reads(ledger: &mut Ledger, read: &[&str]) -> Reads {
        let mut reads = ledger.begin();
        reads.add(names(read));
        reads
    }

    #[test]
    fn an_answer_counts_if_what_it_read_is_still_so() {
        let mut ledger = Ledger::default();
        let first = reads(&mut ledger, &["a"]);
        let second = reads(&mut ledger, &["a"]);
        let other = reads(&mut ledger, &["b"]);
        let writes = ledger.admit(&first, names(&["a"]).iter()).unwrap();
        // It may become durable at any moment now.
        assert!(ledger.is_stale(&second) && !ledger.is_stale(&other));
        ledger.end(writes, true);
        assert!(ledger.admit(&second, names(&["c"]).iter()).is_none());
        assert!(ledger.admit(&other, names(&["c"]).iter()).is_some());
        let again = reads(&mut ledger, &["a"]);
        assert!(!ledger.is_stale(&again));
    }

    #[test]
    fn a_commit_that_was_refused_has_changed_nothing() {
        let mut ledger = Ledger::default();
        let first = reads(&mut ledger, &["a"]);
        let second = reads(&mut ledger, &["a"]);
        let writes = ledger.admit(&first, names(&["a"]).iter()).unwrap();
        ledger.end(writes, false);
        assert!(!ledger.is_stale(&second));
    }

    #[test]
    fn a_call_that_begins_during_a_commit_may_have_read_what_was_before() {
        let mut ledger = Ledger::default();
        let first = reads(&mut ledger, &["a"]);
        let writes = ledger.admit(&first, names(&["a"]).iter()).unwrap();
        let during = reads(&mut ledger, &["a"]);
        ledger.end(writes, true);
        assert!(ledger.is_stale(&during));
    }

    #[test]
    fn two_do_not_write_the_same_name_at_once() {
        let mut ledger = Ledger::default();
        let (first, second) = (ledger.begin(), ledger.begin());
        let writes = ledger.admit(&first, names(&["a"]).iter()).unwrap();
        assert!(ledger.admit(&second, names(&["a"]).iter()).is_none());
        ledger.end(writes, true);
        assert!(ledger.admit(&second, names(&["a"]).iter()).is_some());
    }

    #[test]
    fn nothing_is_remembered_for_calls_that_are_over() {
        let mut ledger = Ledger::default();
        let slow = ledger.begin();
        for name in ["a", "b", "c"] {
            let call = ledger.begin();
            let writes = ledger.admit(&call, names(&[name]).iter()).unwrap();
            ledger.end(writes, true);
            ledger.close(&call);
        }
        assert_eq!(ledger.changed.len(), 3);
        ledger.close(&slow);
        assert!(ledger.changed.is_empty() && ledger.calls.is_empty());
    }
}
