//! The minutes of one shard: which are open, which are closed, and what came late.

use std::{borrow::Cow, collections::BTreeMap, mem};

use jiff::Timestamp;
use millstream_sdk::{Error, Record};
use serde::{Deserialize, Serialize};

use crate::counts::Counts;

const MINUTE_MS: u64 = 60_000;
/// The section that stands for the whole site.
const ALL: &str = "*";
/// Sections of a minute; what comes beyond is one section more. It bounds the state.
const SECTIONS: usize = 200;
const OTHER: &str = "(other)";

/// What is read of an event.
#[derive(Debug, Deserialize)]
pub struct Event<'a> {
    epoch_ms: u64,
    #[serde(borrow)]
    section: Cow<'a, str>,
    status: u16,
    bytes: u64,
}

/// What a record says.
#[derive(Debug)]
pub enum Input<'a> {
    /// A request was answered.
    Event(Event<'a>),
    /// The input ends here.
    Flush,
}

#[derive(Debug, Deserialize)]
struct Flush {
    flush: bool,
}

impl<'a> Input<'a> {
    /// Reads a record.
    pub fn parse(record: Record<'a>) -> Result<Self, Error> {
        match record.json::<Event<'a>>() {
            Ok(event) if moment(event.epoch_ms).is_err() => Err(Error::reject(format_args!(
                "{} is no moment",
                event.epoch_ms
            ))),
            Ok(event) => Ok(Self::Event(event)),
            // Flushes are rare, so they may cost a second look.
            Err(_) if record.json().is_ok_and(|Flush { flush }| flush) => Ok(Self::Flush),
            Err(error) => Err(error),
        }
    }
}

fn moment(ms: u64) -> Result<Timestamp, Error> {
    Ok(Timestamp::from_millisecond(i64::try_from(ms)?)?)
}

type Minute = BTreeMap<String, Counts>;

/// The minutes of one shard. Minutes are counted from 1970.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Lane {
    /// The youngest event so far.
    watermark_ms: u64,
    /// Minutes before this one are closed.
    closed_before: u64,
    open: BTreeMap<u64, Minute>,
    /// Counts of this batch for closed minutes; they are given out at its end.
    #[serde(skip)]
    late: BTreeMap<u64, Minute>,
}

impl Lane {
    /// Counts an event in its minute.
    pub fn count(&mut self, event: &Event<'_>) {
        self.watermark_ms = self.watermark_ms.max(event.epoch_ms);
        let minute = event.epoch_ms / MINUTE_MS;
        let minutes = match minute < self.closed_before {
            true => &mut self.late,
            false => &mut self.open,
        };
        let sections = minutes.entry(minute).or_default();
        for section in [ALL, &event.section] {
            let known = sections.contains_key(section) || sections.len() < SECTIONS;
            let section = if known { section } else { OTHER };
            match sections.get_mut(section) {
                Some(counts) => counts.add(event.status, event.bytes),
                None => {
                    let counts = sections.entry(section.to_owned()).or_default();
                    counts.add(event.status, event.bytes);
                }
            }
        }
    }

    /// Closes the minutes that ended before the youngest event by the lateness.
    pub fn close(&mut self, lateness_ms: u64) -> Vec<Part> {
        let before = self.watermark_ms.saturating_sub(lateness_ms) / MINUTE_MS;
        self.closed_before = self.closed_before.max(before);
        let still_open = self.open.split_off(&self.closed_before);
        let closed = mem::replace(&mut self.open, still_open);
        self.give_out(closed)
    }

    /// Closes all minutes.
    pub fn flush(&mut self) -> Vec<Part> {
        let last = self.open.last_key_value();
        let after = last.map_or(0, |(minute, _)| minute + 1);
        self.closed_before = self.closed_before.max(after);
        let closed = mem::take(&mut self.open);
        self.give_out(closed)
    }

    fn give_out(&mut self, closed: BTreeMap<u64, Minute>) -> Vec<Part> {
        let late = mem::take(&mut self.late);
        let late = late.into_iter().map(|(minute, of)| (true, minute, of));
        let closed = closed.into_iter().map(|(minute, of)| (false, minute, of));
        late.chain(closed)
            .flat_map(|(late, minute, sections)| {
                sections.into_iter().map(move |(section, counts)| Part {
                    minute,
                    section,
                    counts,
                    late,
                })
            })
            .collect()
    }
}

/// What one shard saw of a minute and a section.
#[derive(Debug, PartialEq, Eq)]
pub struct Part {
    minute: u64,
    section: String,
    counts: Counts,
    late: bool,
}

/// A part as it is given out.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    minute: Timestamp,
    epoch_ms: i64,
    section: &'a str,
    shard: &'a str,
    requests: u64,
    bytes: u64,
    s1xx: u64,
    s2xx: u64,
    s3xx: u64,
    s4xx: u64,
    s5xx: u64,
    late: bool,
}

impl Part {
    /// The section.
    #[must_use]
    pub fn section(&self) -> &str {
        &self.section
    }

    /// The part as JSON.
    pub fn json(&self, shard: &str) -> Result<Vec<u8>, Error> {
        let minute = moment(self.minute * MINUTE_MS)?;
        let Counts {
            requests,
            bytes,
            classes: [s1xx, s2xx, s3xx, s4xx, s5xx],
        } = self.counts;
        let shown = Shown {
            minute,
            epoch_ms: minute.as_millisecond(),
            section: &self.section,
            shard,
            requests,
            bytes,
            s1xx,
            s2xx,
            s3xx,
            s4xx,
            s5xx,
            late: self.late,
        };
        Ok(serde_json::to_vec(&shown)?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn event(minute: u64, section: &str) -> Event<'_> {
        Event {
            epoch_ms: minute * MINUTE_MS + 59_999,
            section: section.into(),
            status: 200,
            bytes: 1,
        }
    }

    fn totals(parts: &[Part]) -> Vec<(u64, u64, bool)> {
        let whole = parts.iter().filter(|part| part.section == ALL);
        whole
            .map(|p| (p.minute, p.counts.requests, p.late))
            .collect()
    }

    #[test]
    fn a_minute_closes_when_one_comes_that_is_younger_by_the_lateness() {
        let mut lane = Lane::default();
        lane.count(&event(10, "a"));
        lane.count(&event(15, "a"));
        assert_eq!(lane.close(5 * MINUTE_MS), []);
        lane.count(&event(16, "a"));
        assert_eq!(totals(&lane.close(5 * MINUTE_MS)), [(10, 1, false)]);
        assert_eq!(lane.close(5 * MINUTE_MS), []);
    }

    #[test]
    fn what_comes_too_late_is_one_part_more() {
        let mut lane = Lane::default();
        lane.count(&event(10, "a"));
        lane.count(&event(20, "a"));
        lane.close(0);
        lane.count(&event(10, "a"));
        lane.count(&event(10, "b"));
        assert_eq!(totals(&lane.close(0)), [(10, 2, true)]);
        assert_eq!(lane.close(0), []);
    }

    #[test]
    fn a_flush_closes_everything_and_can_be_followed() {
        let mut lane = Lane::default();
        lane.count(&event(10, "a"));
        lane.count(&event(11, "a"));
        assert_eq!(totals(&lane.flush()), [(10, 1, false), (11, 1, false)]);
        assert_eq!(lane.flush(), []);
        lane.count(&event(11, "a"));
        lane.count(&event(12, "a"));
        assert_eq!(totals(&lane.flush()), [(11, 1, true), (12, 1, false)]);
    }

    #[test]
    fn many_sections_do_not_grow_the_state_without_bound() {
        let mut lane = Lane::default();
        for n in 0..10 * SECTIONS {
            lane.count(&event(1, &n.to_string()));
        }
        assert_eq!(lane.open[&1].len(), SECTIONS + 1);
        let sections = lane.open[&1].iter().filter(|(name, _)| *name != ALL);
        let sum: u64 = sections.map(|(_, counts)| counts.requests).sum();
        assert_eq!(sum, 10 * SECTIONS as u64);
    }

    #[test]
    fn a_part_is_readable() {
        let mut lane = Lane::default();
        lane.count(&event(23_864_285, "blog"));
        let part = lane.flush().remove(1);
        let json = String::from_utf8(part.json("shard").unwrap()).unwrap();
        let expected = r#"{"minute":"2015-05-17T10:05:00Z","epoch_ms":1431857100000,"section":"blog","shard":"shard","requests":1,"bytes":1,"s1xx":0,"s2xx":1,"s3xx":0,"s4xx":0,"s5xx":0,"late":false}"#;
        assert_eq!(json, expected);
    }

    proptest! {
        #[test]
        fn however_late_and_however_cut_the_sum_is_exact(
            batches in prop::collection::vec(prop::collection::vec((0u64..30, "[ab]"), 0..10), 0..10),
            lateness in 0u64..10,
        ) {
            let mut expected: BTreeMap<(u64, String), u64> = BTreeMap::new();
            let mut found: BTreeMap<(u64, String), u64> = BTreeMap::new();
            let mut lane = Lane::default();
            let mut parts = Vec::new();
            for (minute, section) in batches.iter().flatten() {
                for section in [section.as_str(), ALL] {
                    *expected.entry((*minute, section.to_owned())).or_default() += 1;
                }
            }
            for batch in &batches {
                for (minute, section) in batch {
                    lane.count(&event(*minute, section));
                }
                parts.extend(lane.close(lateness * MINUTE_MS));
                // As it goes through the state between batches.
                lane = serde_json::from_slice(&serde_json::to_vec(&lane).unwrap()).unwrap();
            }
            parts.extend(lane.flush());
            for part in parts {
                *found.entry((part.minute, part.section)).or_default() += part.counts.requests;
            }
            prop_assert_eq!(found, expected);
        }
    }
}
