//! Records that were read and not yet given to anyone: one page of one shard at a time.

use std::collections::VecDeque;

use super::Machine;
use crate::{
    block::Slice,
    port::{Page, Span},
    position::{Position, ShardNumber},
    read::page,
    time::Millis,
};

#[derive(Debug, Default)]
pub(super) struct Ahead {
    /// The shard that was read last.
    shard: Option<ShardNumber>,
    slices: VecDeque<Slice>,
}

impl Ahead {
    /// Takes the next record away.
    pub(super) fn pop(&mut self) {
        if let Some(first) = self.slices.front_mut() {
            first.range.start += 1;
        }
        self.slices.pop_front_if(|first| first.range.is_empty());
    }

    /// Forgets a shard that is gone.
    pub(super) fn leave(&mut self, shard: ShardNumber) {
        if self.shard == Some(shard) {
            self.slices.clear();
        }
    }
}

impl Machine {
    /// The next record that was never received, alone. Those that arrived before `horizon` are
    /// passed over.
    pub(super) fn next_new(&mut self, horizon: Millis) -> Option<(ShardNumber, Slice)> {
        let shard = self.ahead.shard?;
        loop {
            let first = self.ahead.slices.front()?;
            if first.arrival >= horizon {
                let range = first.range.start..first.range.start + 1;
                let alone = Slice {
                    range,
                    ..first.clone()
                };
                return Some((shard, alone));
            }
            self.cursors.insert(shard, first.next());
            self.ahead.slices.pop_front();
        }
    }

    /// What shall be read next, from where, where `span` tells what a shard holds. Nothing where
    /// records are at hand, or all were received.
    #[must_use]
    pub fn wants(&self, span: impl Fn(ShardNumber) -> Span) -> Option<(ShardNumber, Position)> {
        use std::ops::Bound::{Excluded, Unbounded};
        if !self.ahead.slices.is_empty() {
            return None;
        }
        // After the shard that was read last, so that each has its turn.
        let last = self.ahead.shard.map_or(Unbounded, Excluded);
        let after = self.cursors.range((last, Unbounded));
        let mut turns = after.chain(&self.cursors);
        let is_behind = |shard: ShardNumber, next: Position| {
            let span = span(shard);
            next.max(span.first).until(span.next) > 0
        };
        let found = turns.find(|&(&shard, &next)| is_behind(shard, next));
        found.map(|(&shard, &next)| (shard, next))
    }

    /// Takes what was read of `shard` at `from`; `before` is what the shard held before that.
    pub fn offer(&mut self, shard: ShardNumber, from: Position, page: Page, before: Span) {
        if !self.ahead.slices.is_empty() || self.cursors.get(&shard) != Some(&from) {
            return;
        }
        let next = match page.slices.first() {
            Some(first) => first.first(),
            None => page::goes_on(&page, from, before),
        };
        self.cursors.insert(shard, next);
        self.ahead = Ahead {
            shard: Some(shard),
            slices: page.slices.into(),
        };
    }

    /// The shards that are read, with the first record of each that was never received.
    pub fn cursors(&self) -> impl Iterator<Item = (ShardNumber, Position)> {
        self.cursors.iter().map(|(&shard, &next)| (shard, next))
    }
}
