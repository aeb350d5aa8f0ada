//! One commit of one lane: does its checkpoint move past exactly the records that the commit accounts
//! for, and is that what the function said, or what the settings demand?

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use millstream_core::{
    catalog::{Shard, key},
    hash_key::HashKey,
    name::StreamName,
    port::Commit,
    position::{Position, ShardNumber},
    trigger::{Checkpoint, checkpoint::Pending},
};

use super::{Answer, Figures, LaneId, Said, Watched, due, letter::Letter, rule::Rule};
use crate::{
    clock,
    store::{Record, Store},
};

type Shards = BTreeMap<ShardNumber, (StreamName, Shard)>;
/// A key and its data.
type Given = (String, Vec<u8>);

pub(super) struct Step<'a> {
    watched: &'a Watched,
    shards: &'a Shards,
    lane: LaneId,
    old: Checkpoint,
    pub(super) new: Checkpoint,
    answer: Option<Answer>,
    /// The records from where it stood on, as far as it has decided anything.
    due: Vec<Record<'a>>,
    /// Since when the settings count.
    since: u64,
    outputs: BTreeMap<ShardNumber, Vec<Given>>,
    letters: Vec<Letter>,
    writes: BTreeMap<String, Option<Bytes>>,
}

impl<'a> Step<'a> {
    /// The lane's shard is watched already.
    pub(super) fn new(
        watched: &'a Watched,
        store: &'a Store,
        shards: &'a Shards,
        (lane, answer): (LaneId, Option<Answer>),
        commit: &Commit,
    ) -> Result<Self, String> {
        let lanes = &watched.shards[&lane.shard];
        let (old, share) = (lanes.parts[lane.part].clone(), lanes.share(lane.part));
        let prefix = key::state(lane.trigger, lane.shard, "");
        let (mut new, mut writes) = (None, BTreeMap::new());
        for put in &commit.puts {
            if let Some(name) = put.key.strip_prefix(&prefix[..]) {
                let name = String::from_utf8_lossy(name).into_owned();
                writes.insert(name, put.value.clone());
            } else if let Some(value) = &put.value {
                new = Some(Checkpoint::decode(value).map_err(|error| error.to_string())?);
            } else {
                return Err(format!("{lane:?} removes {:?}", put.key));
            }
        }
        let new = new.ok_or("a lane removes its checkpoint")?;
        let (mut outputs, mut letters) = (BTreeMap::<_, Vec<Given>>::new(), Vec::new());
        for append in &commit.appends {
            for i in 0..append.block.len() {
                let (key, data) = (append.block.key(i), append.block.datum(i));
                match Letter::parse(data) {
                    Some(letter) => letters.push(letter),
                    None => {
                        let given = outputs.entry(append.shard).or_default();
                        given.push((key.to_owned(), data.to_vec()));
                    }
                }
            }
        }
        let to = new.reached().max(old.reached());
        Ok(Self {
            due: due(store, lane.shard, share, old.next, Some(to)).collect(),
            since: lanes.touched[lane.part],
            watched,
            shards,
            lane,
            old,
            new,
            answer,
            outputs,
            letters,
            writes,
        })
    }

    /// What the step is, or what is wrong with it.
    pub(super) fn check(self, figures: &mut Figures) -> Result<(&'static str, Checkpoint), String> {
        self.well_formed()?;
        let what = self.kind(figures)?;
        let Self { old, new, .. } = &self;
        let passed = self.between(old.next, new.next);
        figures.passed += passed.count() as u64;
        let left = self.between(old.next, new.next).filter(|r| !self.wants(r));
        figures.filtered += left.count() as u64;
        Ok((what, self.new))
    }

    fn kind(&self, figures: &mut Figures) -> Result<&'static str, String> {
        let has_effects = !self.outputs.is_empty() || !self.writes.is_empty();
        if let Some(Answer {
            began,
            records,
            said:
                Said::Done {
                    until,
                    rejected,
                    outputs,
                    writes,
                },
        }) = &self.answer
            && records[*until - 1] < self.new.next
        {
            let mut done = || {
                self.progress(records, *until)?;
                self.gives(outputs)?;
                if *writes != self.writes {
                    return Err(format!("writes {:?}, not {writes:?}", self.writes));
                }
                let refused = rejected.iter().map(|(i, why)| (records[*i], why.as_str()));
                let attempts = self.tried(records[0]).0 + 1;
                let refused: Vec<_> = refused.collect();
                self.letters_say(*began, "Rejected", attempts, &refused)?;
                figures.rejected += rejected.len() as u64;
                figures.parts += u64::from(*until < records.len());
                Ok("is done")
            };
            // It may have been too late: then its records were too old when they were read again.
            return done().or_else(|wrong| match has_effects {
                true => Err(wrong),
                false => self.aged(figures).map_err(|_| wrong),
            });
        }
        if has_effects {
            return Err("has effects that no function gave".into());
        }
        if self.gives_up() {
            let tried = self.exhausted(figures);
            return tried.or_else(|wrong| {
                let aged = self.aged(figures);
                aged.map_err(|other| format!("{wrong}; and {other}"))
            });
        }
        let (old, new) = (&self.old, &self.new);
        if old.pending == new.pending && old.splits == new.splits {
            return Ok("passes");
        }
        let gone = old
            .pending
            .as_ref()
            .is_some_and(|pending| pending.end <= new.next);
        let fresh = |pending: &Pending| *pending == Pending::new(pending.end);
        if gone && new.pending.as_ref().is_none_or(fresh) {
            return Ok("passes what was pending");
        }
        self.failed(figures)
    }

    /// Whether it passes records that no answer speaks for.
    fn gives_up(&self) -> bool {
        let (from, to) = (self.old.next, self.new.next);
        let failed = self
            .answer
            .as_ref()
            .and_then(|answer| answer.records.first());
        self.between(from, to).any(|record| self.wants(record))
            || !self.letters.is_empty()
            || failed.is_some_and(|first| *first < to)
    }

    fn has_letter(&self, record: &Record<'_>) -> bool {
        let mut letters = self.letters.iter();
        letters.any(|letter| letter.position == record.position)
    }

    /// How often a batch that begins there had failed, and where those after it ended. What was pending
    /// before it may be gone, or left out by other filters.
    fn tried(&self, first: Position) -> (u32, &[Position]) {
        match &self.old.pending {
            Some(pending) if first < pending.end => (pending.attempts, &self.old.splits),
            _ => {
                let ahead = self
                    .old
                    .splits
                    .iter()
                    .take_while(|end| **end > first)
                    .count();
                (0, &self.old.splits[..ahead.saturating_sub(1)])
            }
        }
    }

    fn between(&self, from: Position, to: Position) -> impl Iterator<Item = &Record<'a>> {
        let within = move |record: &&Record<'a>| (from..to).contains(&record.position);
        self.due.iter().filter(within)
    }

    fn wants(&self, record: &Record<'_>) -> bool {
        self.watched.wants(record, self.since)
    }

    fn rules(&self, since: u64) -> impl Iterator<Item = &Rule> {
        self.watched.rules_since(since.min(self.since))
    }

    /// The checkpoint itself makes sense, and goes on from the one before.
    fn well_formed(&self) -> Result<(), String> {
        let (old, new) = (&self.old, &self.new);
        if new.next < old.next {
            return Err(format!("goes back from {:?} to {:?}", old.next, new.next));
        }
        let pending = new.pending.iter().map(|pending| pending.end);
        let ends: Vec<Position> = pending.chain(new.splits.iter().rev().copied()).collect();
        let nested = ends.windows(2).all(|pair| pair[0] < pair[1]);
        let ahead = ends.first().is_none_or(|end| *end > new.next);
        if !nested || !ahead || (new.pending.is_none() && !new.splits.is_empty()) {
            return Err(format!("is confused: {new:?}"));
        }
        if old.reached() > new.next && new.reached() != old.reached() {
            let (from, to) = (old.reached(), new.reached());
            return Err(format!("had begun with all before {from:?}, now {to:?}"));
        }
        Ok(())
    }

    /// The first `until` records of a batch are passed, and nothing else that counts.
    fn progress(&self, records: &[Position], until: usize) -> Result<(), String> {
        let (old, new) = (&self.old, &self.new);
        let passed: BTreeSet<&Position> = records[..until].iter().collect();
        if records[0] < old.next {
            return Err(format!("does {:?} again", records[0]));
        }
        let mut due = self.between(old.next, new.next).filter(|r| self.wants(r));
        if let Some(lost) = due.find(|record| !passed.contains(&record.position)) {
            return Err(format!("passes {:?}, which is not done", lost.position));
        }
        if new.attempts() > 0 {
            return Err("begins with attempts".into());
        }
        if let Some(next) = records.get(until) {
            if *next < new.next {
                return Err(format!("passes {next:?}, which shall be tried again"));
            }
            return self.ends_after(records, new.pending.as_ref());
        }
        Ok(())
    }

    /// What is pending ends with the batch: after its last record, and before any other that counts.
    fn ends_after(&self, records: &[Position], pending: Option<&Pending>) -> Result<(), String> {
        let last = *records.last().ok_or("a batch without records")?;
        let end = pending.ok_or("forgets where its batch ends")?.end;
        let after = self
            .between(last.plus(1), end)
            .find(|record| self.wants(record));
        match after {
            _ if end <= last => Err(format!("forgets {last:?} of its batch")),
            Some(more) => Err(format!("adds {:?} to its batch", more.position)),
            None => Ok(()),
        }
    }

    /// The outputs are those of the answer, in their order, each in the shard of its key.
    fn gives(&self, outputs: &[millstream_core::batch::Output]) -> Result<(), String> {
        let mut expected: BTreeMap<&StreamName, Vec<Given>> = BTreeMap::new();
        for output in outputs {
            let given = expected.entry(&output.stream).or_default();
            let block = &output.block;
            given.extend(
                (0..block.len()).map(|i| (block.key(i).to_owned(), block.datum(i).to_vec())),
            );
        }
        let mut count = 0;
        for (number, given) in &self.outputs {
            let (stream, shard) = &self.shards[number];
            let of_stream = expected.get(stream).into_iter().flatten();
            let here =
                of_stream.filter(|(key, _)| shard.range.contains(HashKey::of(key.as_bytes())));
            if !here.eq(given) {
                return Err(format!(
                    "gives other records to {stream} than the function did"
                ));
            }
            count += given.len();
        }
        let all: usize = expected.values().map(Vec::len).sum();
        match all == count {
            true => Ok(()),
            false => Err(format!(
                "gives {count} records, where the function gave {all}"
            )),
        }
    }

    /// The letters are of these records, with this reason and for these errors; none where there is
    /// nowhere to send them to.
    fn letters_say(
        &self,
        since: u64,
        reason: &str,
        attempts: u32,
        records: &[(Position, &str)],
    ) -> Result<(), String> {
        let (_, shard) = &self.shards[&self.lane.shard];
        let settings = &self.watched.trigger;
        if self.letters.is_empty() {
            let drops = self.rules(since).any(|rule| rule.on_failure.is_none());
            return match drops || records.is_empty() {
                true => Ok(()),
                false => Err(format!("gives up {:?} without a letter", records[0].0)),
            };
        }
        if self.letters.len() != records.len() {
            let letters = self.letters.len();
            return Err(format!(
                "writes {letters} letters for {} records",
                records.len()
            ));
        }
        let mut letters: Vec<&Letter> = self.letters.iter().collect();
        letters.sort_by_key(|letter| letter.position);
        for (letter, (position, error)) in letters.into_iter().zip(records) {
            let record = self.due.iter().find(|record| record.position == *position);
            let is_true = letter.position == *position
                && record.is_none_or(|record| letter.holds(record))
                && letter.reason == reason
                && letter.attempts == u64::from(attempts)
                && letter.error == *error
                && letter.trigger == settings.name.as_str()
                && letter.shard_id == shard.id();
            if !is_true {
                return Err(format!(
                    "writes {letter:?} for {position:?}, {reason}, {attempts}, {error}"
                ));
            }
        }
        Ok(())
    }

    /// A batch, or its first record, was tried as often as it may be.
    fn exhausted(&self, figures: &mut Figures) -> Result<&'static str, String> {
        let Some(Answer {
            began,
            records,
            said: Said::Failed { error, first },
        }) = &self.answer
        else {
            return Err("passes records that are not done".into());
        };
        let count = if *first { 1 } else { records.len() };
        self.progress(records, count)?;
        let attempts = self.tried(records[0]).0 + 1;
        if !self.rules(*began).any(|rule| rule.is_exhausted(attempts)) {
            return Err(format!("gives up after {attempts} attempts"));
        }
        let may_halve = !first && records.len() > 1;
        if may_halve && self.rules(*began).all(|rule| rule.bisect) {
            return Err("gives up what can be halved".into());
        }
        let given_up = records[..count].iter().map(|at| (*at, error.as_str()));
        let given_up: Vec<_> = given_up.collect();
        self.letters_say(*began, "RetryAttemptsExhausted", attempts, &given_up)?;
        figures.exhausted += count as u64;
        self.count_dropped(count, figures);
        Ok("gives up what was tried enough")
    }

    /// Records are too old.
    fn aged(&self, figures: &mut Figures) -> Result<&'static str, String> {
        let (old, new) = (&self.old, &self.new);
        let decided = |record: &Record<'_>| {
            let letter = self.letters.iter().find(|l| l.position == record.position);
            letter.map_or(clock::now().0, |letter| letter.failed)
        };
        let is_old = |record: &Record<'_>| {
            let mut ages = self.rules(self.since).filter_map(|rule| rule.age_ms);
            ages.any(|age| record.arrival.0 + age < decided(record))
        };
        let due = self.between(old.next, new.next);
        let due: Vec<_> = due
            .filter(|r| self.wants(r) || self.has_letter(r))
            .collect();
        if let Some(young) = due.iter().find(|record| !is_old(record)) {
            let age = decided(young).saturating_sub(young.arrival.0);
            return Err(format!(
                "gives up {:?}, which is {age} ms old",
                young.position
            ));
        }
        let late = "it waited longer than maximum_record_age_in_seconds allows";
        // What was pending before them may have been left out by other filters.
        let pending = old.pending.as_ref();
        let pending = pending.filter(|pending| {
            let first = due.first();
            first.is_none_or(|record| record.position < pending.end)
        });
        let error = pending.and_then(|pending| pending.error.as_deref());
        let error = error.unwrap_or(late);
        let attempts = pending.map_or(0, |pending| pending.attempts);
        let given_up: Vec<_> = due.iter().map(|record| (record.position, error)).collect();
        self.letters_say(self.since, "RecordAgeExceeded", attempts, &given_up)?;
        figures.aged += due.len() as u64;
        self.count_dropped(due.len(), figures);
        Ok("gives up what is too old")
    }

    fn count_dropped(&self, count: usize, figures: &mut Figures) {
        if self.letters.is_empty() {
            figures.dropped += count as u64;
        }
    }

    /// A failed attempt: counted, or the batch is halved.
    fn failed(&self, figures: &mut Figures) -> Result<&'static str, String> {
        let Some(Answer {
            began,
            records,
            said: Said::Failed { error, first },
        }) = &self.answer
        else {
            return Err("changes what is pending for no reason".into());
        };
        let new = &self.new;
        let (tried, before) = self.tried(records[0]);
        let pending = new.pending.as_ref().ok_or("forgets a batch that failed")?;
        if pending.error.as_deref() != Some(error) {
            return Err(format!("remembers {:?}, not {error}", pending.error));
        }
        let may_halve = !first && records.len() > 1;
        let halves = |rule: &Rule| rule.bisect && may_halve;
        if pending.attempts == 0 {
            let (end, splits) = new.splits.split_last().ok_or("counts no attempt")?;
            let end = Pending::new(*end);
            self.ends_after(records, Some(&end))?;
            let lower = records.iter().filter(|at| **at < pending.end).count();
            if !self.rules(*began).any(halves)
                || lower != records.len().div_ceil(2)
                || splits != before
            {
                return Err(format!("halves {} records after {lower}", records.len()));
            }
            figures.halves += 1;
            return Ok("is halved");
        }
        self.ends_after(records, Some(pending))?;
        let attempts = tried + 1;
        if pending.attempts != attempts || new.splits != before || pending.given_up {
            return Err(format!(
                "counts {} attempts, not {attempts}",
                pending.attempts
            ));
        }
        if self
            .rules(*began)
            .all(|rule| rule.is_exhausted(attempts) || halves(rule))
        {
            return Err(format!("tries again after {attempts} attempts"));
        }
        figures.failures += 1;
        Ok("has failed")
    }
}
