//! What a function may be called with, and when.

use millstream_core::{
    batch::Columns,
    catalog::Shard,
    port::Call,
    position::{Position, ShardNumber},
    trigger::{Checkpoint, Share},
};

use super::{Audit, LaneId, Watched, due};
use crate::{clock, store::Store};

impl Audit {
    /// A function is called: by which lane, or why it may not be.
    pub(crate) fn called(&mut self, store: &Store, call: &Call) -> Result<LaneId, String> {
        self.figures.calls += 1;
        let shard = self.shard(call)?;
        let number = shard.number;
        let parents: Vec<ShardNumber> = self.parents(call, &shard);
        let went_back = self.went_back;
        let versions = self.versions.get(call.function.as_str());
        if !versions.is_some_and(|versions| versions.contains(&call.version)) {
            let version = call.version;
            return Err(format!("version {version} of {} is called", call.function));
        }
        let watched = self.triggers.values_mut().rev();
        let mut of_function = watched.filter(|w| w.trigger.settings.function == call.function);
        let watched = of_function
            .next()
            .ok_or("a function without a trigger is called")?;
        let id = watched.trigger.id;
        if watched.is_stopped {
            return Err(format!("trigger {id} is paused or gone, and calls"));
        }
        for parent in parents {
            if let Some(position) = watched.undone(store, parent) {
                return Err(format!(
                    "trigger {id} calls for shard {}, but has not done {position:?} of its parent {}",
                    number.0, parent.0
                ));
            }
        }
        if !shard.parents.is_empty() && !watched.shards.contains_key(&number) {
            self.figures.children += 1;
        }
        let lane = watched.lane(number, &call.batch)?;
        if !watched.busy.insert(lane) {
            return Err(format!("{lane:?} calls while it calls"));
        }
        let due = watched.check_batch(store, call, lane, went_back);
        self.figures.windows += u64::from(due.map_err(|wrong| format!("{lane:?} {wrong}"))?);
        Ok(lane)
    }

    fn shard(&self, call: &Call) -> Result<Shard, String> {
        let mut shards = self.shards.values();
        let found =
            shards.find(|(stream, shard)| *stream == call.stream && shard.id() == call.shard_id);
        let (_, shard) = found.ok_or("a call is about a shard that never was")?;
        Ok(shard.clone())
    }

    fn parents(&self, call: &Call, shard: &Shard) -> Vec<ShardNumber> {
        let of_stream = self
            .shards
            .values()
            .filter(|(stream, _)| *stream == call.stream);
        let parents = of_stream.filter(|(_, other)| shard.parents.contains(&other.index));
        parents.map(|(_, parent)| parent.number).collect()
    }
}

impl Watched {
    /// The first record of the shard that is neither done nor given up nor left out.
    pub(super) fn undone(&mut self, store: &Store, shard: ShardNumber) -> Option<Position> {
        self.lanes(shard);
        let lanes = self.shards.get(&shard)?;
        let parts = lanes.parts.iter().enumerate();
        let first = |(part, checkpoint): (usize, &Checkpoint)| {
            let mut due = due(store, shard, lanes.share(part), checkpoint.next, None);
            due.find(|record| self.wants(record, lanes.touched[part]))
        };
        parts.filter_map(first).map(|record| record.position).min()
    }

    /// Which lane of the shard a batch belongs to.
    fn lane(&mut self, shard: ShardNumber, batch: &Columns) -> Result<LaneId, String> {
        let lanes = self.lanes(shard);
        let parts = lanes.parts.len() as u8;
        let owner = |key: &str| Share::all(parts).position(|share| share.owns(key));
        let part = owner(batch.key(0)).unwrap_or_default();
        if let Some(i) = (0..batch.len()).find(|&i| owner(batch.key(i)) != Some(part)) {
            let key = batch.key(i);
            return Err(format!(
                "a batch of part {part} holds the key {key} of another"
            ));
        }
        let trigger = self.trigger.id;
        Ok(LaneId {
            trigger,
            shard,
            part,
        })
    }

    /// Whether the lane may be called with that; says whether the batch was waited for.
    fn check_batch(
        &self,
        store: &Store,
        call: &Call,
        lane: LaneId,
        went_back: bool,
    ) -> Result<bool, String> {
        let lanes = &self.shards[&lane.shard];
        let checkpoint = &lanes.parts[lane.part];
        // What was pending may be gone, or left out by other filters.
        let first = Position(call.batch.positions[0]);
        let pending = checkpoint
            .pending
            .as_ref()
            .filter(|pending| first < pending.end);
        let tried = pending.map_or(0, |pending| pending.attempts);
        if call.attempt != tried + 1 {
            return Err(format!(
                "calls for the {}. time after {tried} failures",
                call.attempt
            ));
        }
        let since = lanes.touched[lane.part];
        let positions: Vec<Position> = call.batch.positions.iter().copied().map(Position).collect();
        self.check_order(store, lane, checkpoint, &positions)?;
        let ends = checkpoint.splits.iter().rev().copied();
        let mut ends = pending.map(|pending| pending.end).into_iter().chain(ends);
        let end = ends.find(|end| first < *end);
        if let Some(beyond) = positions
            .iter()
            .find(|&&at| end.is_some_and(|end| at >= end))
        {
            return Err(format!(
                "tries {beyond:?} together with what ends before it"
            ));
        }
        let room = self.rules_since(since).map(|rule| rule.batch).max();
        if end.is_none() && room.is_some_and(|room| positions.len() > room) {
            return Err(format!("has {} records in a batch", positions.len()));
        }
        let arrival = call.batch.arrival_ms[0];
        let now = clock::now().0;
        let is_old = |age: u64| arrival + age < now;
        let is_alone = lanes.parts.len() == 1;
        let mut rules = self.rules_since(since);
        if is_alone && rules.all(|rule| rule.age_ms.is_some_and(is_old)) {
            return Err(format!(
                "delivers a record that is {} ms old",
                now - arrival
            ));
        }
        let full = self
            .rules_since(since)
            .any(|rule| positions.len() >= rule.batch);
        let window = self.rules_since(since).map(|rule| rule.window_ms).min();
        let window = window.unwrap_or(0);
        // Before a shard is divided anew its parts are run down.
        let runs_down = self
            .rules_since(since)
            .any(|rule| rule.parts != lanes.parts.len());
        let hurries = runs_down || self.hurries.contains(&lane);
        let free = full || end.is_some() || went_back || hurries;
        if !free && now < arrival + window {
            return Err(format!(
                "calls {} ms after its first record came",
                now - arrival
            ));
        }
        Ok(!free && window > 0)
    }

    /// A batch is what comes next, without a gap but for what is left out or gone.
    fn check_order(
        &self,
        store: &Store,
        lane: LaneId,
        checkpoint: &Checkpoint,
        positions: &[Position],
    ) -> Result<(), String> {
        let lanes = &self.shards[&lane.shard];
        let share = lanes.share(lane.part);
        let since = lanes.touched[lane.part];
        let records = store
            .records(lane.shard)
            .filter(|r| r.position >= checkpoint.next);
        let mut given = positions.iter().peekable();
        for record in records.filter(|record| share.owns(record.key)) {
            let Some(&&next) = given.peek() else { break };
            if record.position == next {
                if self.rules_since(since).all(|rule| !rule.wants(record.key)) {
                    return Err(format!("is given {next:?}, which filters leave out"));
                }
                given.next();
            } else if self.wants(&record, since) && !store.is_trimmed(lane.shard, record.position) {
                return Err(format!(
                    "is given {next:?}, but {:?} is due",
                    record.position
                ));
            }
        }
        match given.next() {
            Some(beyond) => Err(format!("is given {beyond:?}, which is not due")),
            None => Ok(()),
        }
    }
}
