//! Which commits there may be: a producer's, the catalog's, a lane's step, a shard divided anew.

use std::collections::BTreeMap;

use bytes::Bytes;
use millstream_core::{
    port::{Commit, Put},
    position::ShardNumber,
    trigger::{
        Checkpoint,
        layout::{Head, Layout},
    },
};

use super::{Audit, LaneId, Watched, due, step::Step};
use crate::{clock, record::Origin, store::Store};

/// The place of a checkpoint, from its key.
#[derive(Debug, Clone, Copy)]
struct Place {
    trigger: u64,
    shard: ShardNumber,
    /// None where it is the shard's only one, or tells of the parts.
    part: Option<u8>,
}

impl Place {
    fn parse(key: &Bytes) -> Option<Self> {
        let rest = key.strip_prefix(b"l/")?;
        let (trigger, rest) = rest.split_first_chunk()?;
        let (shard, part) = rest.split_first_chunk()?;
        Some(Self {
            trigger: u64::from_be_bytes(*trigger),
            shard: ShardNumber(u32::from_be_bytes(*shard)),
            part: part.first().copied(),
        })
    }
}

impl Audit {
    /// A commit that is written now: what it is, or why it may not be.
    pub(crate) fn commit(&mut self, store: &Store, commit: &Commit) -> Result<String, String> {
        let place = |put: &'_ Put| Place::parse(&put.key);
        let places: Vec<Place> = commit.puts.iter().filter_map(place).collect();
        let Some(&first) = places.first() else {
            return without_lane(commit);
        };
        let (id, shard) = (first.trigger, first.shard);
        let same = |place: &Place| place.trigger == id && place.shard == shard;
        if !places.iter().all(same) {
            return Err("a commit moves lanes of several shards".into());
        }
        let watched = self.triggers.get_mut(&id);
        let watched = watched.ok_or("a lane of a trigger that never was commits")?;
        if watched.is_stopped {
            return Err(format!("trigger {id} is paused or gone, and commits"));
        }
        if places.len() > 1 {
            self.figures.divided += 1;
            return watched.divide(store, commit, shard);
        }
        let lane = LaneId {
            trigger: id,
            shard,
            part: first.part.unwrap_or(0).into(),
        };
        let parts = watched.lanes(shard).parts.len();
        if first.part.is_some() != (parts > 1) || lane.part >= parts {
            return Err(format!("{lane:?} commits, of {parts} parts"));
        }
        watched.lanes(shard);
        let answer = watched.answers.remove(&lane);
        let step = Step::new(watched, store, &self.shards, (lane, answer), commit)?;
        let told = step.check(&mut self.figures);
        let (what, new) = told.map_err(|wrong| format!("{lane:?} {wrong}"))?;
        let what = format!("{lane:?} {what}, to {new:?}");
        let lanes = watched.lanes(shard);
        lanes.parts[lane.part] = new;
        lanes.touched[lane.part] = clock::elapsed();
        Ok(what)
    }
}

fn without_lane(commit: &Commit) -> Result<String, String> {
    let blocks = commit.appends.iter().map(|append| &append.block);
    let mut data = blocks.flat_map(|block| (0..block.len()).map(|i| block.datum(i)));
    let is_effect = |data: &[u8]| Origin::parse(data).is_some() || data.starts_with(b"{\"reason\"");
    if data.any(is_effect) || commit.puts.iter().any(|put| put.key.starts_with(b"x/")) {
        return Err("effects become durable without a checkpoint".into());
    }
    let (records, keys) = (commit.appends.len(), commit.puts.len());
    Ok(format!(
        "{records} blocks, {keys} keys, {} ends",
        commit.closes.len()
    ))
}

impl Watched {
    /// A shard is divided anew: all of its lanes have done the same then.
    fn divide(
        &mut self,
        store: &Store,
        commit: &Commit,
        shard: ShardNumber,
    ) -> Result<String, String> {
        let id = self.trigger.id;
        if !commit.appends.is_empty() || commit.puts.iter().any(|put| put.key.starts_with(b"x/")) {
            return Err(format!(
                "trigger {id} divides shard {} and has effects",
                shard.0
            ));
        }
        let next = layout(commit)?;
        let lanes = next.lanes().map(|(_, lane)| lane.clone());
        let next: Vec<Checkpoint> = lanes.collect();
        let at = next[0].next;
        if next.iter().any(|lane| *lane != Checkpoint::at(at)) {
            return Err(format!("trigger {id}: new parts begin in different places"));
        }
        self.lanes(shard);
        let old = &self.shards[&shard];
        for (part, checkpoint) in old.parts.iter().enumerate() {
            let share = old.share(part);
            if checkpoint.reached() > at {
                return Err(format!(
                    "trigger {id}: part {part} is beyond {at:?} already"
                ));
            }
            let mut due = due(store, shard, share, checkpoint.next, Some(at));
            if let Some(lost) = due.find(|record| self.wants(record, old.touched[part])) {
                let position = lost.position;
                return Err(format!(
                    "trigger {id}: dividing skips {position:?} of part {part}"
                ));
            }
        }
        let (from, to) = (old.parts.len(), next.len());
        let lanes = self.lanes(shard);
        lanes.parts = next;
        lanes.touched = vec![clock::elapsed(); to];
        self.answers.retain(|lane, _| lane.shard != shard);
        Ok(format!(
            "trigger {id} divides shard {} into {to} from {from} at {at:?}",
            shard.0
        ))
    }
}

/// What the commit leaves of a shard's lanes.
fn layout(commit: &Commit) -> Result<Layout, String> {
    let mut parts: BTreeMap<u8, Bytes> = BTreeMap::new();
    let mut head = None;
    for put in &commit.puts {
        match (Place::parse(&put.key), &put.value) {
            (Some(Place { part: None, .. }), value) => head.clone_from(value),
            (
                Some(Place {
                    part: Some(part), ..
                }),
                Some(value),
            ) => {
                parts.insert(part, value.clone());
            }
            _ => {}
        }
    }
    let head = head.ok_or("a shard is divided and does not say so")?;
    let unreadable = |error: millstream_core::trigger::checkpoint::LoadError| error.to_string();
    match Head::decode(Some(&head), Default::default()).map_err(unreadable)? {
        Head::Whole(checkpoint) => Ok(Layout::whole(checkpoint)),
        Head::Divided(count) => {
            let stored: Vec<_> = (0..count).map(|part| parts.remove(&part)).collect();
            Layout::divided(&stored).map_err(unreadable)
        }
    }
}
