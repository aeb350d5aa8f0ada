//! The newest blocks in memory: reading from them, and keeping them within a byte budget.
//!
//! Knows no SQL. What it holds is durable already.

use std::{collections::VecDeque, sync::Arc};

use millstream_core::{
    block::{Block, Slice},
    port::{Page, ReadLimits},
    position::Position,
    time::Millis,
};

use crate::{
    row::Placed,
    shard::{Shard, State},
};

/// What a block costs in memory besides its bytes, roughly.
const OVERHEAD: usize = 128;

/// The bytes that a block counts for.
pub(crate) fn weight(placed: &Placed) -> usize {
    placed.block.bytes().len() + OVERHEAD
}

/// Collects slices into a page until a limit is reached.
#[derive(Debug)]
pub(crate) struct Filler {
    page: Page,
    limits: ReadLimits,
}

impl Filler {
    pub(crate) fn new(limits: ReadLimits) -> Self {
        Self {
            page: Page::default(),
            limits,
        }
    }

    /// Adds the records of `placed` from `ordinal` on; false when no more fits.
    pub(crate) fn add(&mut self, placed: &Placed, ordinal: u64) -> bool {
        let start = offset(placed, ordinal);
        let wanted = placed.block.len().saturating_sub(start);
        let records = u32::try_from(self.limits.records)
            .unwrap_or(u32::MAX)
            .min(wanted);
        let first = self.page.slices.is_empty();
        let end = start + fitting(&placed.block, start, records, self.limits.bytes);
        let end = if first && wanted > 0 {
            end.max(start + 1)
        } else {
            end
        };
        if end == start {
            return false;
        }
        let slice = Slice {
            block: placed.block.clone(),
            range: start..end,
            base: placed.base,
            arrival: placed.arrival,
        };
        self.limits.records = self.limits.records.saturating_sub(slice.count());
        self.limits.bytes = self.limits.bytes.saturating_sub(slice.payload());
        self.page.slices.push(slice);
        end == placed.block.len() && self.limits.records > 0 && self.limits.bytes > 0
    }

    pub(crate) fn finish(self) -> Page {
        self.page
    }
}

fn offset(placed: &Placed, ordinal: u64) -> u32 {
    let offset = ordinal.saturating_sub(placed.base.ordinal());
    u32::try_from(offset)
        .unwrap_or(u32::MAX)
        .min(placed.block.len())
}

/// How many of the `records` records from `start` on have at most `bytes` bytes in all.
fn fitting(block: &Block, start: u32, records: u32, bytes: usize) -> u32 {
    let (mut fits, mut too_many) = (0, records + 1);
    while too_many - fits > 1 {
        let middle = fits + (too_many - fits) / 2;
        if block.payload(start..start + middle) <= bytes {
            fits = middle;
        } else {
            too_many = middle;
        }
    }
    fits
}

/// Reads from the tail; nothing where the records from `ordinal` on are not all there.
pub(crate) fn read(state: &State, ordinal: u64, limits: ReadLimits) -> Option<Page> {
    if ordinal >= state.next {
        return Some(Page::default());
    }
    if state.tail.front()?.base.ordinal() > ordinal {
        return None;
    }
    let mut filler = Filler::new(limits);
    let behind = state.tail.partition_point(|placed| placed.end() <= ordinal);
    for placed in state.tail.range(behind..) {
        if !filler.add(placed, ordinal) {
            break;
        }
    }
    Some(filler.finish())
}

/// The position of the first record at or after `at`; nothing where the tail cannot tell.
pub(crate) fn locate(state: &State, at: Millis) -> Option<Position> {
    if at > state.arrival {
        return Some(state.span().next);
    }
    let oldest = state.tail.front()?;
    let whole = oldest.base.ordinal() <= state.first;
    if oldest.arrival >= at && !whole {
        return None;
    }
    let earlier = state.tail.partition_point(|placed| placed.arrival < at);
    let found = state.tail.get(earlier)?;
    let ordinal = found.base.ordinal().max(state.first);
    Some(Position::new(found.base.epoch(), ordinal))
}

/// Which block to let go next, over all shards, and how much they hold. The writer's own.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: usize,
    held: usize,
    oldest: VecDeque<(Arc<Shard>, u64)>,
    /// How long `oldest` may get before what is gone is removed from it.
    compact_at: usize,
}

/// Fewer entries are not worth looking through.
const COMPACT_AT_LEAST: usize = 1024;

impl Budget {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            held: 0,
            oldest: VecDeque::new(),
            compact_at: COMPACT_AT_LEAST,
        }
    }

    /// Bytes of all tails.
    pub(crate) fn held(&self) -> usize {
        self.held
    }

    /// A block was pushed to the shard's tail.
    pub(crate) fn hold(&mut self, shard: &Arc<Shard>, placed: &Placed) {
        self.held += weight(placed);
        self.oldest
            .push_back((shard.clone(), placed.base.ordinal()));
    }

    /// Blocks were taken from a tail by someone else.
    pub(crate) fn forget(&mut self, bytes: usize) {
        self.held -= bytes;
    }

    /// Lets the oldest blocks go until the rest is within the budget.
    pub(crate) fn enforce(&mut self) {
        while self.held > self.limit
            && let Some((shard, ordinal)) = self.oldest.pop_front()
        {
            // Already gone when the shard was trimmed in between.
            let gone = shard
                .state()
                .tail
                .pop_front_if(|front| front.base.ordinal() == ordinal);
            self.held -= gone.map_or(0, |placed| weight(&placed));
        }
        if self.oldest.len() >= self.compact_at {
            self.oldest.retain(|(shard, ordinal)| {
                let state = shard.state();
                let front = state.tail.front();
                front.is_some_and(|front| front.base.ordinal() <= *ordinal)
            });
            // Each entry is looked at once for one that was added.
            self.compact_at = COMPACT_AT_LEAST.max(2 * self.oldest.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use millstream_core::{block::BlockBuilder, position::ShardNumber};

    use super::*;
    use crate::shard::Run;

    fn placed(ordinal: u64, sizes: &[usize]) -> Placed {
        let mut builder = BlockBuilder::default();
        for size in sizes {
            builder.push("k", &vec![0; *size]);
        }
        Placed {
            base: Position::new(1, ordinal),
            arrival: Millis(5),
            block: builder.finish().unwrap(),
        }
    }

    fn shard() -> Arc<Shard> {
        let mut state = State::default();
        state.runs.push(Run { epoch: 1, first: 0 });
        Arc::new(Shard::new(ShardNumber(0), state))
    }

    fn push(shard: &Arc<Shard>, budget: &mut Budget, sizes: &[usize]) {
        let mut state = shard.state();
        let placed = placed(state.next, sizes);
        state.next = placed.end();
        budget.hold(shard, &placed);
        state.tail.push_back(placed);
    }

    fn counts(page: &Page) -> Vec<usize> {
        page.slices.iter().map(Slice::count).collect()
    }

    #[test]
    fn a_page_ends_at_the_first_limit() {
        let (shard, mut budget) = (shard(), Budget::new(1 << 20));
        push(&shard, &mut budget, &[9, 9, 9]);
        push(&shard, &mut budget, &[9, 9]);
        let state = shard.state();
        let read = |ordinal, records, bytes| {
            counts(&read(&state, ordinal, ReadLimits { records, bytes }).unwrap())
        };
        assert_eq!(read(0, 100, 1_000), [3, 2]);
        assert_eq!(read(1, 3, 1_000), [2, 1]);
        assert_eq!(read(0, 100, 29), [2]);
        assert_eq!(read(0, 100, 45), [3, 1]);
        assert_eq!(
            read(4, 100, 1),
            [1],
            "the first record is given whatever its size"
        );
        assert_eq!(read(5, 100, 1_000), [0; 0]);
    }

    #[test]
    fn the_oldest_block_of_all_shards_goes_first() {
        let (a, b) = (shard(), shard());
        let mut budget = Budget::new(3 * (OVERHEAD + 150));
        for shard in [&a, &b, &a] {
            push(shard, &mut budget, &[100]);
        }
        budget.enforce();
        assert_eq!((a.state().tail.len(), b.state().tail.len()), (2, 1));
        push(&b, &mut budget, &[100]);
        budget.enforce();
        assert_eq!((a.state().tail.len(), b.state().tail.len()), (1, 2));
        let limits = ReadLimits {
            records: 1,
            bytes: 1,
        };
        assert!(
            read(&a.state(), 0, limits).is_none(),
            "what left the tail is on the disk only"
        );
        assert!(read(&a.state(), 1, limits).is_some());
    }

    #[test]
    fn a_trimmed_block_is_not_counted_twice() {
        let (shard, mut budget) = (shard(), Budget::new(200));
        push(&shard, &mut budget, &[100]);
        let bytes = shard.state().trim(1);
        budget.forget(bytes);
        assert_eq!(budget.held(), 0);
        push(&shard, &mut budget, &[10]);
        budget.enforce();
        assert_eq!(shard.state().tail.len(), 1);
    }

    #[test]
    fn blocks_that_were_trimmed_are_forgotten_within_the_budget() {
        let (shard, mut budget) = (shard(), Budget::new(usize::MAX));
        for i in 0..10_000 {
            push(&shard, &mut budget, &[1]);
            // Four blocks stay, so the tail is never empty.
            let bytes = shard.state().trim((i + 1_u64).saturating_sub(4));
            budget.forget(bytes);
            budget.enforce();
        }
        assert_eq!(shard.state().tail.len(), 4);
        let kept = budget.oldest.len();
        assert!(kept <= COMPACT_AT_LEAST, "{kept} entries for 4 blocks");
    }
}
