//! What is durable: the records of all shards and the keys. It outlives every host of a world.
//!
//! Records that retention removed are not given any more, but kept here: whoever judges the world may
//! look at them.

use std::collections::BTreeMap;

use bytes::Bytes;
use millstream_core::{
    block::Slice,
    port::{Append, Appended, Commit, CommitError, Page, ReadLimits, Span},
    position::{Position, ShardNumber},
    time::Millis,
};
use tokio::sync::watch;

use crate::clock;

#[derive(Debug, Default)]
pub(crate) struct Store {
    pub(crate) shards: BTreeMap<ShardNumber, Stored>,
    pub(crate) keys: BTreeMap<Bytes, Bytes>,
    epoch: u64,
    /// Commits that were written.
    pub(crate) commits: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Stored {
    blocks: Vec<Written>,
    pub(crate) first: Position,
    pub(crate) next: Position,
    grew: watch::Sender<Position>,
    closed: bool,
    last_arrival: Millis,
}

#[derive(Debug)]
struct Written {
    slice: Slice,
    commit: u64,
}

/// A record as it was written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record<'a> {
    pub(crate) position: Position,
    pub(crate) arrival: Millis,
    pub(crate) key: &'a str,
    pub(crate) data: &'a [u8],
    /// The commit that wrote it.
    pub(crate) commit: u64,
}

impl Store {
    /// A host opens it: an epoch begins.
    pub(crate) fn open(&mut self) {
        self.epoch += 1;
        let epoch = self.epoch;
        for shard in self.shards.values_mut() {
            let next = Position::new(epoch, shard.next.ordinal());
            if shard.first == shard.next {
                shard.first = next;
            }
            shard.next = next;
        }
    }

    pub(crate) fn shard(&mut self, number: ShardNumber) -> &mut Stored {
        let beginning = Position::new(self.epoch, 0);
        self.shards.entry(number).or_insert_with(|| Stored {
            first: beginning,
            next: beginning,
            ..Stored::default()
        })
    }

    /// Whether the commit may be written.
    pub(crate) fn check(&self, commit: &Commit) -> Result<(), CommitError> {
        let is_closed = |number| self.shards.get(&number).is_some_and(|shard| shard.closed);
        let mut targets = commit.appends.iter().map(|append| append.shard);
        match targets.find(|&number| is_closed(number)) {
            Some(closed) => Err(CommitError::Closed(closed)),
            None => Ok(()),
        }
    }

    pub(crate) fn write(&mut self, commit: Commit) -> Vec<Appended> {
        self.commits += 1;
        let appends = commit.appends.into_iter();
        let appended = appends.map(|append| self.append(append)).collect();
        for put in commit.puts {
            match put.value {
                Some(value) => self.keys.insert(put.key, value),
                None => self.keys.remove(&put.key),
            };
        }
        for number in commit.closes {
            self.shard(number).closed = true;
        }
        appended
    }

    fn append(&mut self, Append { shard, block }: Append) -> Appended {
        let commit = self.commits;
        let shard = self.shard(shard);
        let (first, records) = (shard.next, block.len());
        let arrival = shard.last_arrival.max(clock::now());
        let slice = Slice {
            block,
            range: 0..records,
            base: first,
            arrival,
        };
        shard.blocks.push(Written { slice, commit });
        shard.last_arrival = arrival;
        shard.next = first.plus(records.into());
        shard.grew.send_replace(shard.next);
        Appended { first, arrival }
    }

    pub(crate) fn page(&self, number: ShardNumber, from: Position, limits: ReadLimits) -> Page {
        let mut page = Page::default();
        let Some(shard) = self.shards.get(&number) else {
            return page;
        };
        let from = from.max(shard.first);
        let mut left = limits.records as u64;
        for Written { slice, .. } in &shard.blocks {
            if slice.next() <= from || left == 0 {
                continue;
            }
            let skip = from.0.saturating_sub(slice.base.0);
            let end = u64::from(slice.block.len()).min(skip + left);
            left -= end - skip;
            page.slices.push(Slice {
                range: skip as u32..end as u32,
                ..slice.clone()
            });
        }
        page
    }

    pub(crate) fn span(&self, number: ShardNumber) -> Span {
        let beginning = Position::new(self.epoch, 0);
        let shard = self.shards.get(&number);
        Span {
            first: shard.map_or(beginning, |shard| shard.first),
            next: shard.map_or(beginning, |shard| shard.next),
            last_arrival: shard.map_or(Millis(0), |shard| shard.last_arrival),
        }
    }

    /// Told of each position that the shard comes to.
    pub(crate) fn growth(&mut self, number: ShardNumber) -> watch::Receiver<Position> {
        let shard = self.shard(number);
        let next = shard.next;
        (shard.grew).send_if_modified(|grew| std::mem::replace(grew, next) != next);
        shard.grew.subscribe()
    }

    /// Removes whole blocks that arrived before `before`.
    pub(crate) fn trim(&mut self, number: ShardNumber, before: Millis) -> u64 {
        let Some(shard) = self.shards.get_mut(&number) else {
            return 0;
        };
        let old = shard.blocks.iter().map(|written| &written.slice);
        let kept = old.skip_while(|slice| slice.arrival < before);
        let first = kept.map(|slice| slice.base).next().unwrap_or(shard.next);
        let removed = shard.first.until(first);
        shard.first = shard.first.max(first);
        removed
    }

    /// All records that were ever written to the shard.
    pub(crate) fn records(&self, number: ShardNumber) -> impl Iterator<Item = Record<'_>> {
        let shard = self.shards.get(&number).into_iter();
        shard.flat_map(|shard| &shard.blocks).flat_map(|written| {
            let Written { slice, commit } = written;
            (0..slice.block.len()).map(|i| Record {
                position: slice.base.plus(i.into()),
                arrival: slice.arrival,
                key: slice.block.key(i),
                data: slice.block.datum(i),
                commit: *commit,
            })
        })
    }

    /// Whether retention has removed what stands there.
    pub(crate) fn is_trimmed(&self, number: ShardNumber, position: Position) -> bool {
        position < self.span(number).first
    }
}
