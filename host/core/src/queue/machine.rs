//! The delivery state of one queue: a plain struct that is told what happens and says what to write.
//!
//! Invariant: what it holds is what the log holds once everything that it gave to write is written, in
//! that order. When a write fails, the machine is thrown away and loaded anew.

mod ahead;
mod settle;

use std::collections::{BTreeMap, BTreeSet};

use self::ahead::Ahead;
pub use self::settle::Refusal;
use super::entry::{self, Entry, Place, Stored, UnreadableQueueError};
use crate::{
    block::Slice,
    port::Put,
    position::{Position, ShardNumber},
    time::Millis,
};

/// Expired records that one step removes at most, so that what it writes fits into a commit.
const REMOVALS: usize = 400;

/// What a worker asks for.
#[derive(Debug, Clone, Copy)]
pub struct Ask {
    /// Records at most.
    pub records: usize,
    /// Bytes of key and data at most. The first record is given whatever its size.
    pub bytes: usize,
    /// For how long nobody else shall get them, in milliseconds.
    pub hidden_ms: u64,
    /// Whether dead letters are asked for, and nothing else.
    pub dead: bool,
}

/// A record that is given to a worker.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Which.
    pub place: Place,
    /// What the queue knows of it now.
    pub entry: Entry,
    /// The record alone, where it was at hand; otherwise it must be read.
    pub slice: Option<Slice>,
}

/// What follows from a worker's asking.
#[derive(Debug, Default)]
pub struct Received {
    /// What it gets, once `puts` are durable.
    pub deliveries: Vec<Delivery>,
    /// What to write.
    pub puts: Vec<Put>,
}

/// The delivery state of one queue.
#[derive(Debug)]
pub struct Machine {
    queue: u64,
    max_receives: Option<u32>,
    /// By shard: the first record that was never received.
    cursors: BTreeMap<ShardNumber, Position>,
    held: BTreeMap<Place, Entry>,
    /// Those of `held` that workers may get again, by when.
    waiting: BTreeSet<(Millis, Place)>,
    /// Those that are dead, or will be unless they are acknowledged, by when.
    dead: BTreeSet<(Millis, Place)>,
    ahead: Ahead,
    /// New records and redeliveries have the first choice in turn, so that neither starves the other.
    new_first: bool,
}

impl Machine {
    /// From what is stored of the queue.
    ///
    /// # Errors
    /// When that is not what this program writes.
    pub fn load<K: AsRef<[u8]>, V: AsRef<[u8]>>(
        queue: u64,
        stored: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Self, UnreadableQueueError> {
        let mut machine = Self {
            queue,
            max_receives: None,
            cursors: BTreeMap::new(),
            held: BTreeMap::new(),
            waiting: BTreeSet::new(),
            dead: BTreeSet::new(),
            ahead: Ahead::default(),
            new_first: false,
        };
        for (key, value) in stored {
            match entry::parse(key.as_ref(), value.as_ref())? {
                Stored::Cursor(shard, next) => {
                    machine.cursors.insert(shard, next);
                }
                Stored::Entry(place, entry) => {
                    machine.held.insert(place, entry);
                    machine.schedule(place, &entry);
                }
            }
        }
        Ok(machine)
    }

    /// Reads the shards that `starts` name and no others, a new one from where it says; and holds
    /// records dead as `max_receives` says. Gives what to write.
    pub fn follow(
        &mut self,
        starts: &BTreeMap<ShardNumber, Position>,
        max_receives: Option<u32>,
    ) -> Vec<Put> {
        if self.max_receives != max_receives {
            self.max_receives = max_receives;
            self.waiting.clear();
            self.dead.clear();
            let all: Vec<_> = self.held.iter().map(|(p, e)| (*p, *e)).collect();
            for (place, entry) in all {
                self.schedule(place, &entry);
            }
        }
        for (shard, start) in starts {
            self.cursors.entry(*shard).or_insert(*start);
        }
        let is_gone = |shard: &ShardNumber| !starts.contains_key(shard);
        let gone: Vec<_> = self.cursors.keys().copied().filter(is_gone).collect();
        for shard in &gone {
            self.cursors.remove(shard);
            self.ahead.leave(*shard);
        }
        let forget = |shard| entry::delete_cursor(self.queue, shard);
        gone.into_iter().map(forget).collect()
    }

    /// Gives a worker what it asks for, as far as there is any.
    pub fn receive(&mut self, now: Millis, ask: Ask, horizon: Millis) -> Received {
        let mut received = Received::default();
        if ask.dead {
            self.give_due(now, ask, horizon, &mut received);
        } else {
            self.new_first = !self.new_first;
            if self.new_first {
                self.give_new(now, ask, horizon, &mut received);
                self.give_due(now, ask, horizon, &mut received);
            } else {
                self.give_due(now, ask, horizon, &mut received);
                self.give_new(now, ask, horizon, &mut received);
            }
        }
        // Only now, so that a record that stays visible is not given twice by one call.
        for Delivery { place, entry, .. } in &received.deliveries {
            self.held.insert(*place, *entry);
            self.schedule(*place, entry);
            received.puts.push(entry::put(self.queue, *place, entry));
        }
        received
    }

    /// When the next record becomes visible that is held at the moment.
    #[must_use]
    pub fn next_visible(&self, dead: bool) -> Option<Millis> {
        let due = if dead { &self.dead } else { &self.waiting };
        due.first().map(|(visible, _)| *visible)
    }

    /// Forgets some records that retention has removed; gives what to write, nothing when all are gone.
    pub fn expire(&mut self, horizon: Millis) -> Vec<Put> {
        let is_gone = |(place, entry): &(&Place, &Entry)| {
            entry.arrival < horizon || !self.cursors.contains_key(&place.shard)
        };
        let gone = self.held.iter().filter(is_gone).take(REMOVALS);
        let gone: Vec<_> = gone.map(|(place, _)| *place).collect();
        gone.into_iter().map(|place| self.remove(place)).collect()
    }

    /// How many records are held: in flight, waiting for another delivery, or dead.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.len()
    }

    fn give_due(&mut self, now: Millis, ask: Ask, horizon: Millis, received: &mut Received) {
        let mut removed = 0;
        while received.deliveries.len() < ask.records && removed < REMOVALS {
            let due = if ask.dead { &self.dead } else { &self.waiting };
            let Some(&(visible, place)) = due.first() else {
                break;
            };
            let entry = self.held[&place];
            if visible > now {
                break;
            }
            if entry.arrival < horizon {
                received.puts.push(self.remove(place));
                removed += 1;
                continue;
            }
            if !received.has_room(ask, entry.bytes) {
                break;
            }
            self.unschedule(place, &entry);
            received.deliveries.push(Delivery {
                place,
                entry: Entry {
                    received: entry.received.saturating_add(1),
                    delivery: entry.delivery.wrapping_add(1),
                    visible: now.plus(ask.hidden_ms),
                    dead: ask.dead,
                    ..entry
                },
                slice: None,
            });
        }
    }

    fn give_new(&mut self, now: Millis, ask: Ask, horizon: Millis, received: &mut Received) {
        let mut moved = None;
        while received.deliveries.len() < ask.records {
            let Some((shard, first)) = self.next_new(horizon) else {
                break;
            };
            let bytes = u32::try_from(first.payload()).unwrap_or(u32::MAX);
            if !received.has_room(ask, bytes) {
                break;
            }
            let position = first.first();
            let entry = Entry {
                received: 1,
                delivery: 1,
                first: now,
                visible: now.plus(ask.hidden_ms),
                arrival: first.arrival,
                bytes,
                dead: false,
            };
            self.ahead.pop();
            moved = Some((shard, position.plus(1)));
            received.deliveries.push(Delivery {
                place: Place { shard, position },
                entry,
                slice: Some(first),
            });
        }
        if let Some((shard, next)) = moved {
            self.cursors.insert(shard, next);
            let cursor = entry::put_cursor(self.queue, shard, next);
            received.puts.push(cursor);
        }
    }

    fn remove(&mut self, place: Place) -> Put {
        if let Some(entry) = self.held.remove(&place) {
            self.unschedule(place, &entry);
        }
        entry::delete(self.queue, place)
    }

    fn is_last_chance(&self, entry: &Entry) -> bool {
        entry.dead || self.max_receives.is_some_and(|max| entry.received >= max)
    }

    fn schedule(&mut self, place: Place, entry: &Entry) {
        let dead = self.is_last_chance(entry);
        let due = if dead {
            &mut self.dead
        } else {
            &mut self.waiting
        };
        due.insert((entry.visible, place));
    }

    fn unschedule(&mut self, place: Place, entry: &Entry) {
        self.waiting.remove(&(entry.visible, place));
        self.dead.remove(&(entry.visible, place));
    }
}

impl Received {
    fn has_room(&self, ask: Ask, bytes: u32) -> bool {
        let given = self.deliveries.iter().map(|d| d.entry.bytes as usize);
        self.deliveries.is_empty() || given.sum::<usize>() + bytes as usize <= ask.bytes
    }
}

#[cfg(test)]
mod tests;
