//! When a world has come to rest: has each record had its effect exactly once, in the order of its key,
//! or is it a dead letter? Computed from the records alone, whatever the lanes said on the way.

use std::collections::BTreeMap;

use millstream_core::{
    catalog::key,
    name::StreamName,
    position::{Position, ShardNumber},
};

use super::{Audit, Watched, letter::Letter};
use crate::{
    guest::{Guests, name},
    record::{Class, Memory, Origin, Temper, chained},
    store::{Record, Store},
};

/// What came of a record: its outputs, by where they are, and its letters.
#[derive(Debug, Default)]
struct Came {
    outputs: Vec<(usize, StreamName)>,
    letters: usize,
}

type Source = (u64, ShardNumber, Position);

impl Audit {
    /// The first lane that has something left to do, if only to store that it has not.
    pub(crate) fn restless(&mut self, store: &Store) -> Option<String> {
        let shards = self.shards.values();
        let numbers: Vec<_> = shards
            .map(|(stream, shard)| (stream.clone(), shard.number))
            .collect();
        for (id, watched) in &mut self.triggers {
            if watched.is_stopped {
                continue;
            }
            let stream = watched.trigger.settings.stream.clone();
            for (_, number) in numbers.iter().filter(|(of, _)| *of == stream) {
                if let Some(at) = watched.undone(store, *number) {
                    return Some(format!(
                        "trigger {id} has not done {at:?} of shard {}",
                        number.0
                    ));
                }
                let span = store.span(*number);
                let next = watched.lanes(*number).parts.iter().map(|lane| lane.next);
                let next = next.min().unwrap_or_default().max(span.first);
                if next.until(span.next) > 0 {
                    return Some(format!(
                        "trigger {id} has not passed {next:?} of shard {}",
                        number.0
                    ));
                }
            }
        }
        None
    }

    /// Everything that was done, judged by what it left.
    pub(crate) fn ends(&mut self, store: &Store, guests: &Guests) -> Result<(), String> {
        let came = self.what_came(store)?;
        let shards: Vec<_> = self.shards.clone().into_values().collect();
        for watched in self.triggers.values_mut() {
            let settings = &watched.trigger.settings;
            let Some(temper) = guests.tempers.get(settings.function.as_str()) else {
                continue;
            };
            let stream = settings.stream.clone();
            for (_, shard) in shards.iter().filter(|(of, _)| *of == stream) {
                watched.judge_shard(store, shard.number, temper, &came)?;
            }
        }
        self.in_order(store)
    }

    fn what_came(&self, store: &Store) -> Result<BTreeMap<Source, Came>, String> {
        let mut came: BTreeMap<Source, Came> = BTreeMap::new();
        for (number, (stream, _)) in &self.shards {
            for record in store.records(*number) {
                if let Some(origin) = Origin::parse(record.data) {
                    let source = (origin.trigger, origin.shard, origin.position);
                    let outputs = &mut came.entry(source).or_default().outputs;
                    outputs.push((origin.index, stream.clone()));
                } else if let Some(letter) = Letter::parse(record.data) {
                    let source = self.source(&letter).ok_or("a letter of nobody")?;
                    came.entry(source).or_default().letters += 1;
                }
            }
        }
        Ok(came)
    }

    fn source(&self, letter: &Letter) -> Option<Source> {
        let mut triggers = self.triggers.iter();
        let (id, _) = triggers.find(|(_, w)| w.trigger.name.as_str() == letter.trigger)?;
        let mut shards = self.shards.values();
        let of_letter = |stream: &StreamName| stream.as_str() == letter.stream;
        let (_, shard) =
            shards.find(|(of, shard)| of_letter(of) && shard.id() == letter.shard_id)?;
        Some((*id, shard.number, letter.position))
    }

    /// Of each trigger, the outputs of a key's records to a stream stand in the order of the records.
    fn in_order(&self, store: &Store) -> Result<(), String> {
        let mut sources: BTreeMap<(ShardNumber, Position), u64> = BTreeMap::new();
        let mut outputs = Vec::new();
        for (number, (stream, _)) in &self.shards {
            for record in store.records(*number) {
                sources.insert((*number, record.position), record.commit);
                if let Some(origin) = Origin::parse(record.data) {
                    outputs.push((record.commit, stream, record.key, origin));
                }
            }
        }
        // Stable: within a commit they stay as they stand.
        outputs.sort_by_key(|(commit, ..)| *commit);
        let mut last: BTreeMap<_, (u64, Origin)> = BTreeMap::new();
        for (_, stream, key, origin) in outputs {
            let source = sources.get(&(origin.shard, origin.position));
            let place = (
                *source.ok_or("an output of a record that never was")?,
                origin,
            );
            let after = last.insert((origin.trigger, stream, key), place);
            if after.is_some_and(|after| order(after) >= order(place)) {
                return Err(format!("{origin:?} came after {after:?}"));
            }
        }
        Ok(())
    }
}

fn order((commit, origin): (u64, Origin)) -> (u64, ShardNumber, Position, usize) {
    (commit, origin.shard, origin.position, origin.index)
}

impl Watched {
    fn judge_shard(
        &mut self,
        store: &Store,
        shard: ShardNumber,
        temper: &Temper,
        came: &BTreeMap<Source, Came>,
    ) -> Result<(), String> {
        let id = self.trigger.id;
        self.lanes(shard);
        let lanes = &self.shards[&shard];
        let start = self
            .trigger
            .starts
            .get(&shard)
            .copied()
            .unwrap_or(Position::START);
        let nothing = Came::default();
        let mut is_clear = true;
        let mut memory: BTreeMap<String, u64> = BTreeMap::new();
        for record in store.records(shard) {
            let position = record.position;
            let of = (0..lanes.parts.len()).find(|part| lanes.share(*part).owns(record.key));
            let passed = position >= start && position < lanes.parts[of.unwrap_or(0)].next;
            let came = came.get(&(id, shard, position)).unwrap_or(&nothing);
            let what = self.judge(store, shard, temper, &record, came, passed);
            let what = what.map_err(|wrong| {
                format!("trigger {id}: {position:?} of shard {} {wrong}", shard.0)
            })?;
            is_clear &= what.is_some();
            if what == Some(true) {
                *memory.entry("n".into()).or_default() += 1;
                let place = memory.entry(name(record.key)).or_default();
                *place = chained(*place, position);
            }
        }
        if is_clear {
            self.judge_memory(store, shard, temper, &memory)?;
        }
        Ok(())
    }

    /// Whether the record was done; none where that cannot be told.
    fn judge(
        &self,
        store: &Store,
        shard: ShardNumber,
        temper: &Temper,
        record: &Record<'_>,
        came: &Came,
        passed: bool,
    ) -> Result<Option<bool>, String> {
        let id = self.trigger.id;
        let mut targets: Vec<_> = temper
            .targets(id, record.data)
            .iter()
            .cloned()
            .enumerate()
            .collect();
        let mut outputs = came.outputs.clone();
        outputs.sort();
        targets.sort();
        let has_none = outputs.is_empty() && came.letters == 0;
        if !passed {
            return if has_none {
                Ok(Some(false))
            } else {
                Err("has effects too early".into())
            };
        }
        if came.letters > 1 || (came.letters == 1 && !outputs.is_empty()) {
            return Err(format!("has come to {came:?}"));
        }
        if came.letters == 1 {
            return Ok(Some(false));
        }
        if !targets.is_empty() && outputs == targets {
            return Ok(Some(true));
        }
        if !outputs.is_empty() {
            return Err(format!("has outputs {outputs:?}, not {targets:?}"));
        }
        let wanted = self
            .rules
            .iter()
            .filter(|rule| rule.wants(record.key))
            .count();
        if wanted == 0 {
            return Ok(Some(false));
        }
        let may_be_lost = store.is_trimmed(shard, record.position)
            || wanted < self.rules.len()
            || self.rules.iter().any(|rule| rule.on_failure.is_none());
        match temper.class(id, record.data) {
            _ if may_be_lost => Ok(None),
            Class::Rejected => Err("was rejected and has no letter".into()),
            _ if targets.is_empty() => Ok(Some(true)),
            _ => Err("is lost".into()),
        }
    }

    fn judge_memory(
        &self,
        store: &Store,
        shard: ShardNumber,
        temper: &Temper,
        memory: &BTreeMap<String, u64>,
    ) -> Result<(), String> {
        let id = self.trigger.id;
        for (name, expected) in memory {
            let keeps = match temper.memory {
                Memory::Nothing => false,
                Memory::Count => name == "n",
                Memory::Keys => name != "n",
                Memory::Both => true,
            };
            let stored = store.keys.get(&key::state(id, shard, name));
            let stored = stored.map(|stored| String::from_utf8_lossy(stored).into_owned());
            let expected = keeps.then(|| expected.to_string());
            if stored != expected {
                return Err(format!(
                    "trigger {id} remembers {stored:?} as {name} of shard {}, not {expected:?}",
                    shard.0
                ));
            }
        }
        Ok(())
    }
}
