//! Large blocks that were read from the disk lately: for readers that take a block in several reads,
//! and, once nobody has them any more, as memory to read the next ones into.
//!
//! Knows no SQL. May hold what was trimmed since, which nobody asks for: a block is never changed,
//! and neither are its ordinals given twice.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytes::BytesMut;
use millstream_core::position::ShardNumber;

use crate::row::Placed;

/// Bytes of blocks that are kept: somewhat more than the largest page of `GetRecords`.
const BYTES: usize = 16 << 20;
/// A block that would drive out most others is not kept.
const BLOCK_BYTES: usize = BYTES / 4;

/// The blocks of all shards.
#[derive(Debug, Default)]
pub(crate) struct Recent(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    /// Oldest first.
    blocks: VecDeque<(ShardNumber, Placed)>,
    bytes: usize,
}

impl Recent {
    /// The block that holds the record `ordinal` of `shard`.
    pub(crate) fn get(&self, shard: ShardNumber, ordinal: u64) -> Option<Placed> {
        let held = self.held();
        let mut newest_first = held.blocks.iter().rev();
        let (_, placed) = newest_first.find(|(of, placed)| {
            *of == shard && (placed.base.ordinal()..placed.end()).contains(&ordinal)
        })?;
        Some(placed.clone())
    }

    /// Keeps a block; [`Recent::memory`] lets the oldest go.
    pub(crate) fn keep(&self, shard: ShardNumber, placed: &Placed) {
        let bytes = placed.block.bytes().len();
        if bytes <= BLOCK_BYTES {
            let mut held = self.held();
            held.bytes += bytes;
            held.blocks.push_back((shard, placed.clone()));
        }
    }

    /// Memory for a block of `len` bytes, with anything in it: that of a block that has to go, where
    /// nobody else has it. So a long scan neither allocates nor clears what it reads into.
    pub(crate) fn memory(&self, len: usize) -> BytesMut {
        let mut memory = BytesMut::new();
        if len <= BLOCK_BYTES {
            let mut held = self.held();
            while held.bytes + len > BYTES
                && let Some((_, placed)) = held.blocks.pop_front()
            {
                let bytes = placed.block.bytes().clone();
                drop(placed);
                held.bytes -= bytes.len();
                if let Ok(free) = bytes.try_into_mut()
                    && (len..=2 * len).contains(&free.capacity())
                {
                    memory = free;
                }
            }
        }
        memory.resize(len, 0);
        memory
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use millstream_core::{block::BlockBuilder, position::Position, time::Millis};

    use super::*;

    const SHARD: ShardNumber = ShardNumber(1);

    fn placed(ordinal: u64, bytes: usize) -> Placed {
        let mut builder = BlockBuilder::default();
        builder.push("", &vec![7; bytes / 2]);
        builder.push("", &vec![7; bytes / 2]);
        Placed {
            base: Position::new(1, ordinal),
            arrival: Millis(5),
            block: builder.finish().unwrap(),
        }
    }

    #[test]
    fn a_record_leads_to_its_block() {
        let recent = Recent::default();
        recent.keep(SHARD, &placed(10, 100));
        let found = |shard, ordinal| recent.get(ShardNumber(shard), ordinal).is_some();
        assert!(found(1, 10) && found(1, 11));
        assert!(!found(1, 9) && !found(1, 12) && !found(2, 10));
    }

    #[test]
    fn the_oldest_go_and_leave_their_memory_to_the_next() {
        let recent = Recent::default();
        let len = placed(0, 1 << 20).block.bytes().len();
        for i in 0..40 {
            let memory = recent.memory(len);
            assert_eq!(memory.len(), len);
            // Cleared memory is new, any other was a block's.
            let fits = (BYTES / len) as u64;
            assert_eq!(memory[0], if i < fits { 0 } else { 7 });
            recent.keep(SHARD, &placed(2 * i, 1 << 20));
            assert!(recent.held().bytes <= BYTES);
            assert_eq!(recent.get(SHARD, 0).is_some(), i < fits);
        }
    }

    #[test]
    fn memory_that_somebody_reads_is_not_given_again() {
        let recent = Recent::default();
        let block = placed(0, BLOCK_BYTES / 2);
        let len = block.block.bytes().len();
        let mut seen = Vec::new();
        for i in 0..40 {
            let memory = recent.memory(len);
            assert!(memory.iter().all(|byte| *byte == 0));
            let kept = placed(2 * i, BLOCK_BYTES / 2);
            recent.keep(SHARD, &kept);
            seen.push(kept);
        }
    }

    #[test]
    fn a_huge_block_drives_nobody_out() {
        let recent = Recent::default();
        recent.keep(SHARD, &placed(0, 100));
        assert_eq!(recent.memory(2 * BYTES).len(), 2 * BYTES);
        recent.keep(SHARD, &placed(2, 2 * BYTES));
        assert!(recent.get(SHARD, 0).is_some());
        assert!(recent.get(SHARD, 2).is_none());
    }
}
