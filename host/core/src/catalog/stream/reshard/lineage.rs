//! Who takes over from whom: closes shards and opens their children.
//!
//! Invariant: a child begins in a later second than its parents did. Sequence numbers start with
//! that second, so those of a key rise from parent to child. It may lie some seconds ahead.

use super::ReshardRefused;
use crate::{
    catalog::stream::Shard,
    hash_key::{HashKey, HashRange},
    position::ShardNumber,
    time::Millis,
};

/// The shards of a stream while they change.
#[derive(Debug)]
pub(super) struct Lineage<'s> {
    shards: &'s mut Vec<Shard>,
    numbers: &'s mut u32,
    /// The number of the first shard that the change makes.
    first_made: u32,
    now: Millis,
    closes: Vec<ShardNumber>,
}

impl<'s> Lineage<'s> {
    pub(super) fn new(shards: &'s mut Vec<Shard>, numbers: &'s mut u32, now: Millis) -> Self {
        let first_made = *numbers;
        Self {
            shards,
            numbers,
            first_made,
            now,
            closes: Vec::new(),
        }
    }

    /// Gives the hash keys from `at` on to one child and those before it to another: their indexes.
    pub(super) fn split(&mut self, index: u32, at: HashKey) -> Result<[u32; 2], ReshardRefused> {
        let shard = self.open(index)?;
        let HashRange { start, end } = shard.range;
        // Amazon asks for one key more than is needed.
        if at.0 <= start.0.saturating_add(1) || at >= end {
            let shard = Box::new(shard.clone());
            return Err(ReshardRefused::SplitKey { at, shard });
        }
        self.cut(index, at)
    }

    /// As [`Lineage::split`], wherever both children have a key.
    pub(super) fn cut(&mut self, index: u32, at: HashKey) -> Result<[u32; 2], ReshardRefused> {
        let HashRange { start, end } = self.open(index)?.range;
        let below = HashKey(at.0 - 1);
        let begin = self.close(&[index]);
        let low = self.add(HashRange { start, end: below }, vec![index], begin);
        let high = self.add(HashRange { start: at, end }, vec![index], begin);
        Ok([low, high])
    }

    /// Splits a shard in the middle.
    pub(super) fn halve(&mut self, index: u32) -> Result<[u32; 2], ReshardRefused> {
        let HashRange { start, end } = self.open(index)?.range;
        let middle = start.0 + (end.0 - start.0) / 2 + 1;
        self.split(index, HashKey(middle))
    }

    /// Gives the hash keys of two neighbours to one child: its index.
    pub(super) fn merge(&mut self, low: u32, high: u32) -> Result<u32, ReshardRefused> {
        let (first, second) = (self.find(low)?.range, self.find(high)?.range);
        if first.end.0.checked_add(1) != Some(second.start.0) {
            return Err(ReshardRefused::NotAdjacent(low, high));
        }
        self.open(low)?;
        self.open(high)?;
        let range = HashRange {
            start: first.start,
            end: second.end,
        };
        let begin = self.close(&[low, high]);
        Ok(self.add(range, vec![low, high], begin))
    }

    /// The open shards by their hash keys.
    pub(super) fn opened(&self) -> Vec<(u32, HashRange)> {
        let open = self.shards.iter().filter(|shard| shard.closed.is_none());
        let mut open: Vec<_> = open.map(|shard| (shard.index, shard.range)).collect();
        open.sort_unstable_by_key(|(_, range)| range.start);
        open
    }

    /// The shards that were closed. Those that were made by the same change are not among them: they
    /// never took a record, and the log knows nothing of them.
    pub(super) fn closes(self) -> Vec<ShardNumber> {
        self.closes
    }

    fn at(&self, index: u32) -> Result<usize, ReshardRefused> {
        let at = self
            .shards
            .binary_search_by_key(&index, |shard| shard.index);
        at.map_err(|_| ReshardRefused::NoShard(index))
    }

    fn find(&self, index: u32) -> Result<&Shard, ReshardRefused> {
        Ok(&self.shards[self.at(index)?])
    }

    fn open(&self, index: u32) -> Result<&Shard, ReshardRefused> {
        let shard = self.find(index)?;
        match shard.closed {
            None => Ok(shard),
            Some(_) => Err(ReshardRefused::Closed(index)),
        }
    }

    /// Closes parents; when their children begin.
    fn close(&mut self, parents: &[u32]) -> Millis {
        let after = parents.iter().map(|parent| {
            let shard = self.find(*parent).expect("the parents were found");
            shard.created.plus(1000)
        });
        let begin = after.fold(self.now, Ord::max);
        for parent in parents {
            let at = self.at(*parent).expect("the parents were found");
            let shard = &mut self.shards[at];
            shard.closed = Some(begin);
            if shard.number.0 < self.first_made {
                self.closes.push(shard.number);
            }
        }
        begin
    }

    fn add(&mut self, range: HashRange, parents: Vec<u32>, created: Millis) -> u32 {
        // The newest shard is always there: one that was closed has newer children.
        let index = self.shards.last().map_or(0, |last| last.index + 1);
        self.shards.push(Shard {
            index,
            number: ShardNumber(*self.numbers),
            range,
            created,
            closed: None,
            parents,
        });
        *self.numbers += 1;
        index
    }
}
