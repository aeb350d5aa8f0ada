//! The clock of one shard, and which slots have sessions that are over.

use std::collections::{BTreeMap, btree_map::Entry};

use jiff::Timestamp;
use millstream_sdk::{Context, Error};
use serde::{Deserialize, Serialize, Serializer};

use crate::{event::Event, session::Session, slot::Slot};

/// When a session ends.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    gap_ms: i64,
    lateness_ms: i64,
}

impl Rules {
    /// Rules in seconds, as they are set.
    #[must_use]
    pub fn new(gap_seconds: u32, lateness_seconds: u32) -> Self {
        Self {
            gap_ms: i64::from(gap_seconds) * 1000,
            lateness_ms: i64::from(lateness_seconds) * 1000,
        }
    }
}

/// What a shard knows of its sessions without looking at them.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Lane {
    /// The youngest event so far.
    watermark_ms: i64,
    /// When the first session of each slot ends, if no more comes. Slots without sessions are absent.
    first_ends: BTreeMap<u8, i64>,
    /// The slots of this batch.
    #[serde(skip)]
    slots: BTreeMap<u8, Slot>,
}

impl Lane {
    /// Fetches slots that are not here yet, in one call.
    pub fn load(&mut self, mut numbers: Vec<u8>, cx: &mut Context) -> Result<(), Error> {
        numbers.retain(|number| !self.slots.contains_key(number));
        cx.state()
            .prefetch(numbers.iter().map(|number| Slot::key(*number)))?;
        for number in numbers {
            if let Entry::Vacant(slot) = self.slots.entry(number) {
                slot.insert(cx.state().get(&Slot::key(number))?.unwrap_or_default());
            }
        }
        Ok(())
    }

    /// Adds a request, whose slot is loaded.
    pub fn visit(&mut self, event: &Event<'_>, rules: Rules) {
        self.watermark_ms = self.watermark_ms.max(event.epoch_ms);
        let slot = self
            .slots
            .entry(Slot::number_of(&event.client))
            .or_default();
        slot.visit(event, rules.gap_ms);
    }

    /// The slots that may have sessions to end.
    #[must_use]
    pub fn due(&self, rules: Rules, flush: bool) -> Vec<u8> {
        let before = self.ends_before(rules, flush);
        let due = self.first_ends.iter().filter(|(_, end)| **end < before);
        due.map(|(number, _)| *number).collect()
    }

    /// Takes out the sessions that are over, in the order of their ends.
    pub fn end(&mut self, rules: Rules, flush: bool) -> Vec<Ended> {
        let before = self.ends_before(rules, flush);
        let slots = self.slots.values_mut();
        let mut ended: Vec<_> = slots
            .flat_map(|slot| slot.end(before))
            .map(Ended::of)
            .collect();
        ended.sort_by(|a, b| (a.end, a.start, &a.client).cmp(&(b.end, b.start, &b.client)));
        ended
    }

    fn ends_before(&self, rules: Rules, flush: bool) -> i64 {
        match flush {
            true => i64::MAX,
            false => self.watermark_ms - rules.gap_ms - rules.lateness_ms,
        }
    }

    /// Writes the slots that were loaded, and notes when they are due.
    pub fn save(&mut self, cx: &mut Context) -> Result<(), Error> {
        for (number, slot) in std::mem::take(&mut self.slots) {
            let key = Slot::key(number);
            match slot.first_end() {
                Some(end) => {
                    self.first_ends.insert(number, end);
                    cx.state().set(&key, &slot)?;
                }
                None => {
                    self.first_ends.remove(&number);
                    cx.state().delete(&key);
                }
            }
        }
        Ok(())
    }
}

/// A session as it is given out.
#[derive(Debug, Serialize)]
pub struct Ended {
    client: String,
    #[serde(serialize_with = "moment")]
    start: i64,
    #[serde(serialize_with = "moment")]
    end: i64,
    seconds: i64,
    requests: u64,
    pages: u64,
    bytes: u64,
    entry: Option<String>,
    exit: Option<String>,
}

impl Ended {
    fn of((client, session): (String, Session)) -> Self {
        Self {
            client,
            start: session.start_ms,
            end: session.end_ms,
            seconds: (session.end_ms - session.start_ms) / 1000,
            requests: session.requests,
            pages: session.pages,
            bytes: session.bytes,
            entry: session.entry().map(str::to_owned),
            exit: session.exit().map(str::to_owned),
        }
    }

    /// Whose session it was.
    #[must_use]
    pub fn client(&self) -> &str {
        &self.client
    }
}

fn moment<S: Serializer>(ms: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    let moment = Timestamp::from_millisecond(*ms).map_err(serde::ser::Error::custom)?;
    moment.serialize(serializer)
}
