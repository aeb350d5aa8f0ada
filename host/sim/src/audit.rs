//! Who judges a world. At each call and each commit it asks whether that may be, from what is durable,
//! from what functions were asked and said, and from what the catalog says; at the end, whether each
//! record has had its effect exactly once. Says what is wrong, or nothing.

mod call;
mod commit;
mod end;
mod letter;
mod rule;
mod step;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use bytes::Bytes;
use millstream_core::{
    batch::Output,
    catalog::{Catalog, Shard, Trigger},
    name::StreamName,
    port::Call,
    position::{Position, ShardNumber},
    trigger::{Checkpoint, Share},
};

use self::rule::Rule;
use crate::{
    clock,
    store::{Record, Store},
};

/// Part `part` of a shard, of a trigger.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LaneId {
    pub(crate) trigger: u64,
    pub(crate) shard: ShardNumber,
    pub(crate) part: usize,
}

impl fmt::Debug for LaneId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "lane {}/{}/{}", self.trigger, self.shard.0, self.part)
    }
}

/// The last answer that a lane got and has not acted upon.
#[derive(Debug)]
pub(crate) struct Answer {
    /// When the call began.
    began: u64,
    records: Vec<Position>,
    said: Said,
}

/// What a function said, as it is to be understood.
#[derive(Debug)]
pub(crate) enum Said {
    /// The records before `until` are done, but for those that it rejected.
    Done {
        until: usize,
        rejected: BTreeMap<usize, String>,
        outputs: Vec<Output>,
        writes: BTreeMap<String, Option<Bytes>>,
    },
    /// Nothing is done.
    Failed {
        error: String,
        /// Whether it named the first record.
        first: bool,
    },
}

impl Said {
    pub(crate) fn failed(error: String) -> Self {
        let first = false;
        Self::Failed { error, first }
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done {
                until, rejected, ..
            } => write!(f, "that {until} are done, {} rejected", rejected.len()),
            Self::Failed { error, .. } => write!(f, "that it failed: {error}"),
        }
    }
}

impl Answer {
    pub(crate) fn new(call: &Call, said: Said) -> Self {
        let positions = call.batch.positions.iter();
        Self {
            began: clock::elapsed(),
            records: positions.copied().map(Position).collect(),
            said,
        }
    }
}

/// How often what happened; a world in which nothing happens proves nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Records that triggers have passed.
    pub passed: u64,
    /// Of these, what filters left out.
    pub filtered: u64,
    /// Calls of functions.
    pub calls: u64,
    /// Attempts that were counted as failed.
    pub failures: u64,
    /// Batches that were halved.
    pub halves: u64,
    /// Answers of which a part counted.
    pub parts: u64,
    /// Records that were given up since they were tried often enough.
    pub exhausted: u64,
    /// Records that were given up since they were too old.
    pub aged: u64,
    /// Records that functions rejected.
    pub rejected: u64,
    /// Records that were given up without a letter.
    pub dropped: u64,
    /// Shards that were divided anew.
    pub divided: u64,
    /// Batches that ended with their window.
    pub windows: u64,
    /// Hosts that ended at once.
    pub crashes: u64,
    /// Lanes on children of shards that were split or merged.
    pub children: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Audit {
    triggers: BTreeMap<u64, Watched>,
    /// All shards that ever were, and their streams.
    shards: BTreeMap<ShardNumber, (StreamName, Shard)>,
    /// Versions of functions that may be called at the moment.
    versions: BTreeMap<String, BTreeSet<u64>>,
    pub(crate) figures: Figures,
    /// Whether the wall clock went back.
    pub(crate) went_back: bool,
}

/// A trigger, with all that its lanes did.
#[derive(Debug)]
struct Watched {
    trigger: Arc<Trigger>,
    rules: Vec<Rule>,
    /// Paused or deleted, with nothing in flight any more.
    is_stopped: bool,
    shards: BTreeMap<ShardNumber, Lanes>,
    answers: BTreeMap<LaneId, Answer>,
    busy: BTreeSet<LaneId>,
    /// Lanes whose last call the host failed: they do not wait for a window again.
    hurries: BTreeSet<LaneId>,
}

/// Where the lanes of a shard stand, durably.
#[derive(Debug)]
struct Lanes {
    /// One a part.
    parts: Vec<Checkpoint>,
    /// When each of them was last changed.
    touched: Vec<u64>,
}

impl Lanes {
    fn share(&self, part: usize) -> Share {
        let mut shares = Share::all(self.parts.len() as u8);
        shares.nth(part).unwrap_or(Share::WHOLE)
    }
}

impl Watched {
    fn lanes(&mut self, shard: ShardNumber) -> &mut Lanes {
        let start = self.trigger.starts.get(&shard).copied();
        self.shards.entry(shard).or_insert_with(|| Lanes {
            parts: vec![Checkpoint::at(start.unwrap_or(Position::START))],
            touched: vec![0],
        })
    }

    /// Whether a filter that may be in effect leaves the record out.
    fn leaves_out(&self, record: &Record<'_>, since: u64) -> bool {
        let mut rules = self.rules_since(since);
        rules.any(|rule| !rule.wants(record.key))
    }

    /// Whether no filter that may be in effect leaves the record out.
    fn wants(&self, record: &Record<'_>, since: u64) -> bool {
        !self.leaves_out(record, since)
    }

    /// The settings that were in effect at some time from `since` until now.
    fn rules_since(&self, since: u64) -> impl Iterator<Item = &Rule> {
        self.rules
            .iter()
            .filter(move |rule| rule.ended.is_none_or(|ended| ended >= since))
    }
}

impl Audit {
    /// The catalog may be this one from now on.
    pub(crate) fn begins(&mut self, catalog: &Catalog) {
        for stream in catalog.streams() {
            for shard in &stream.shards {
                let entry = (stream.name.clone(), shard.clone());
                self.shards.insert(shard.number, entry);
            }
        }
        for trigger in catalog.triggers() {
            let watched = self.triggers.entry(trigger.id).or_insert_with(|| Watched {
                trigger: Arc::clone(trigger),
                rules: Vec::new(),
                is_stopped: true,
                shards: BTreeMap::new(),
                answers: BTreeMap::new(),
                busy: BTreeSet::new(),
                hurries: BTreeSet::new(),
            });
            watched.is_stopped &= !trigger.settings.enabled;
            let rule = Rule::of(&trigger.settings);
            let last = watched.rules.last();
            if !last.is_some_and(|last| last.ended.is_none() && last.is_like(&rule)) {
                watched.rules.push(rule);
            }
        }
        for function in catalog.functions() {
            let versions = self.versions.entry(function.name.to_string()).or_default();
            versions.insert(function.version);
        }
    }

    /// It is, and all lanes were told.
    pub(crate) fn settles(&mut self, catalog: &Catalog) {
        for (id, watched) in &mut self.triggers {
            let living = catalog.triggers().find(|trigger| trigger.id == *id);
            watched.is_stopped = living.is_none_or(|trigger| !trigger.settings.enabled);
            let Some(trigger) = living else { continue };
            watched.trigger = Arc::clone(trigger);
            let current = Rule::of(&trigger.settings);
            let now = clock::elapsed();
            for rule in &mut watched.rules {
                if rule.ended.is_none() && !rule.is_like(&current) {
                    rule.ended = Some(now);
                }
            }
        }
        for (name, versions) in &mut self.versions {
            let current = catalog.function(name).map(|function| function.version);
            versions.retain(|version| Some(*version) == current);
        }
    }

    /// All lanes have ended, with nothing in flight.
    pub(crate) fn drained(&mut self) {
        for watched in self.triggers.values_mut() {
            watched.is_stopped = true;
        }
    }

    /// The host is gone, and what its lanes had in mind with it.
    pub(crate) fn host_ended(&mut self) {
        self.figures.crashes += 1;
        for watched in self.triggers.values_mut() {
            watched.answers.clear();
            watched.busy.clear();
            watched.hurries.clear();
        }
    }

    pub(crate) fn answered(&mut self, lane: LaneId, answer: Answer) {
        if let Some(watched) = self.triggers.get_mut(&lane.trigger) {
            watched.hurries.remove(&lane);
            watched.answers.insert(lane, answer);
        }
    }

    pub(crate) fn not_called(&mut self, lane: LaneId) {
        if let Some(watched) = self.triggers.get_mut(&lane.trigger) {
            watched.hurries.insert(lane);
            watched.answers.remove(&lane);
        }
    }

    /// A call is over, whatever became of it.
    pub(crate) fn hung_up(&mut self, lane: LaneId) {
        if let Some(watched) = self.triggers.get_mut(&lane.trigger) {
            watched.busy.remove(&lane);
        }
    }

    /// Ages, in milliseconds, at which records are given up.
    pub(crate) fn ages(&self) -> Vec<u64> {
        let rules = self.triggers.values().flat_map(|watched| &watched.rules);
        let open = rules.filter(|rule| rule.ended.is_none());
        let ages: BTreeSet<u64> = open.filter_map(|rule| rule.age_ms).collect();
        ages.into_iter().collect()
    }
}

/// The records of a part of a shard from `from` on, up to `to`, that are not gone.
fn due<'a>(
    store: &'a Store,
    shard: ShardNumber,
    share: Share,
    from: Position,
    to: Option<Position>,
) -> impl Iterator<Item = Record<'a>> {
    store.records(shard).filter(move |record| {
        let at = record.position;
        at >= from
            && to.is_none_or(|to| at < to)
            && share.owns(record.key)
            && !store.is_trimmed(shard, at)
    })
}
