//! What waits of one trigger's failure records, and what became of the others.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use millstream_core::{
    catalog::key, name::TriggerName, port::OutboxStatus, trigger::outbox::patience,
};
use tokio::sync::Notify;

/// Shared by a trigger's courier and those who hand over.
#[derive(Debug, Default)]
pub(super) struct Desk {
    waiting: Mutex<Waiting>,
    pub(super) news: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    /// Keys of entries in the order of their records, with the entries' sizes.
    entries: BTreeMap<Bytes, usize>,
    bytes: usize,
    /// Those that found no room.
    surplus: Vec<Bytes>,
    name: Option<TriggerName>,
    status: OutboxStatus,
}

impl Desk {
    /// Takes a key, and wakes the courier; one that is known already changes nothing.
    pub(super) fn put(&self, entry: Bytes) {
        let Some((_, size)) = key::outbox_entry(&entry) else {
            return;
        };
        let mut waiting = self.waiting();
        if waiting.entries.contains_key(&entry) || waiting.surplus.contains(&entry) {
            return;
        }
        if patience::is_full(waiting.entries.len(), waiting.bytes, size) {
            waiting.surplus.push(entry);
        } else {
            waiting.bytes += size;
            waiting.entries.insert(entry, size);
        }
        drop(waiting);
        self.news.notify_one();
    }

    /// The entry that comes next.
    pub(super) fn first(&self) -> Option<Bytes> {
        let waiting = self.waiting();
        waiting.entries.keys().next().cloned()
    }

    /// An entry that is to be given up, for there is no room.
    pub(super) fn surplus(&self) -> Option<Bytes> {
        self.waiting().surplus.last().cloned()
    }

    /// The entry is gone from the log.
    pub(super) fn remove(&self, entry: &Bytes) {
        let mut waiting = self.waiting();
        if let Some(size) = waiting.entries.remove(entry) {
            waiting.bytes -= size;
        }
        waiting.surplus.retain(|other| other != entry);
    }

    pub(super) fn is_empty(&self) -> bool {
        let waiting = self.waiting();
        waiting.entries.is_empty() && waiting.surplus.is_empty()
    }

    pub(super) fn name(&self) -> Option<TriggerName> {
        self.waiting().name.clone()
    }

    pub(super) fn called(&self, name: &TriggerName) {
        let mut waiting = self.waiting();
        if waiting.name.as_ref() != Some(name) {
            waiting.name = Some(name.clone());
        }
    }

    pub(super) fn delivered(&self, records: u64) {
        let status = &mut self.waiting().status;
        status.delivered_records += records;
        status.last_error = None;
    }

    pub(super) fn given_up(&self, records: u64, why: &str) {
        let status = &mut self.waiting().status;
        status.failed_records += records;
        status.last_error = Some(why.to_owned());
    }

    pub(super) fn failed(&self, why: &str) {
        let status = &mut self.waiting().status;
        status.failed_attempts += 1;
        status.last_error = Some(why.to_owned());
    }

    pub(super) fn status(&self) -> OutboxStatus {
        let waiting = self.waiting();
        OutboxStatus {
            waiting: (waiting.entries.len() + waiting.surplus.len()) as u64,
            ..waiting.status.clone()
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use millstream_core::position::{Position, ShardNumber};

    use super::*;

    fn entry(at: u64, bytes: usize) -> Bytes {
        key::outbox(1, ShardNumber(0), Position(at), bytes)
    }

    #[test]
    fn entries_are_in_the_order_of_their_records_and_known_once() {
        let desk = Desk::default();
        for at in [2, 1, 2] {
            desk.put(entry(at, 10));
        }
        assert_eq!(
            (desk.first(), desk.status().waiting),
            (Some(entry(1, 10)), 2)
        );
        desk.remove(&entry(1, 10));
        assert_eq!(desk.first(), Some(entry(2, 10)));
        desk.remove(&entry(2, 10));
        assert!(desk.is_empty());
    }

    #[test]
    fn what_finds_no_room_is_given_up_and_nothing_else() {
        let desk = Desk::default();
        desk.put(entry(1, patience::BYTES));
        desk.put(entry(2, 1));
        assert_eq!(desk.surplus(), Some(entry(2, 1)));
        desk.remove(&entry(2, 1));
        assert_eq!(
            (desk.surplus(), desk.first()),
            (None, Some(entry(1, patience::BYTES)))
        );
        desk.remove(&entry(1, patience::BYTES));
        desk.put(entry(3, 1));
        assert_eq!(desk.surplus(), None);
    }
}
