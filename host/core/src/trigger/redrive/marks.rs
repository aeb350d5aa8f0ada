//! Which dead letters were sent back, by their positions in one shard.
//!
//! Stored in chunks of positions, so that a mark is a small write however many there are. A chunk is
//! its runs of marked positions: the first and the last of each, in two bytes. All of a chunk are four
//! bytes.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use thiserror::Error;

use crate::{
    catalog::key,
    port::{Put, ReadError},
    position::{Position, ShardNumber},
};

/// Positions of one chunk.
const CHUNK_BITS: u32 = 14;

/// The chunks that were looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks(BTreeMap<u64, Runs>);

/// First and last of each run, rising, none next to another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Runs(Vec<(u16, u16)>);

/// Marks that cannot be read: going on without them could send letters back twice.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MarksError {
    /// The log could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// What is stored is not what this program writes.
    #[error("the marks of letters that were sent back are not readable")]
    Unreadable,
}

fn chunk_of(position: Position) -> u64 {
    position.0 >> CHUNK_BITS
}

fn within(position: Position) -> u16 {
    // 14 bits.
    (position.0 & ((1 << CHUNK_BITS) - 1)) as u16
}

impl Marks {
    /// The chunks that tell of the positions from `first` to before `next`.
    pub fn chunks(first: Position, next: Position) -> impl Iterator<Item = u64> {
        let last = Position(next.0.saturating_sub(1).max(first.0));
        chunk_of(first)..=chunk_of(last)
    }

    /// The chunk that ends before `position`, where there is one: none of its letters is left when the
    /// shard begins there.
    #[must_use]
    pub fn is_before(chunk: u64, position: Position) -> bool {
        chunk < chunk_of(position)
    }

    /// Whether that chunk was looked at.
    #[must_use]
    pub fn knows(&self, chunk: u64) -> bool {
        self.0.contains_key(&chunk)
    }

    /// Takes what is stored of a chunk.
    ///
    /// # Errors
    /// When it is not what this program writes.
    pub fn load(&mut self, chunk: u64, stored: Option<&Bytes>) -> Result<(), MarksError> {
        let runs = stored.map_or(Ok(Runs::default()), |stored| Runs::decode(stored))?;
        self.0.insert(chunk, runs);
        Ok(())
    }

    /// Whether the letter there was sent back.
    #[must_use]
    pub fn has(&self, letter: Position) -> bool {
        let runs = self.0.get(&chunk_of(letter));
        runs.is_some_and(|runs| runs.has(within(letter)))
    }

    /// Notes that these were sent back.
    pub fn add(&mut self, letters: impl IntoIterator<Item = Position>) {
        for letter in letters {
            let runs = self.0.entry(chunk_of(letter)).or_default();
            runs.add(within(letter));
        }
    }

    /// What to write so that `letters` are marked, too, for a trigger and a shard of its letters.
    #[must_use]
    pub fn puts(&self, trigger: u64, shard: ShardNumber, letters: &[Position]) -> Vec<Put> {
        let mut after = self.clone();
        after.add(letters.iter().copied());
        let chunks: BTreeSet<u64> = letters.iter().copied().map(chunk_of).collect();
        let put = |chunk: u64| Put {
            key: key::redriven(trigger, shard, chunk),
            value: Some(after.0[&chunk].encode()),
        };
        chunks.into_iter().map(put).collect()
    }
}

/// Whether `stored` is a chunk's marks.
#[must_use]
pub fn is_readable(stored: &[u8]) -> bool {
    Runs::decode(stored).is_ok()
}

impl Runs {
    fn has(&self, at: u16) -> bool {
        let after = self.0.partition_point(|&(first, _)| first <= at);
        after > 0 && at <= self.0[after - 1].1
    }

    fn add(&mut self, at: u16) {
        if self.has(at) {
            return;
        }
        let after = self.0.partition_point(|&(first, _)| first <= at);
        let joins_before = after > 0 && self.0[after - 1].1 + 1 == at;
        let joins_after = self.0.get(after).is_some_and(|&(first, _)| first == at + 1);
        match (joins_before, joins_after) {
            (true, true) => {
                self.0[after - 1].1 = self.0[after].1;
                self.0.remove(after);
            }
            (true, false) => self.0[after - 1].1 = at,
            (false, true) => self.0[after].0 = at,
            (false, false) => self.0.insert(after, (at, at)),
        }
    }

    fn encode(&self) -> Bytes {
        let runs = self.0.iter();
        let bytes: Vec<u8> = runs
            .flat_map(|&(first, last)| [first.to_le_bytes(), last.to_le_bytes()].concat())
            .collect();
        bytes.into()
    }

    fn decode(stored: &[u8]) -> Result<Self, MarksError> {
        let (runs, rest) = stored.as_chunks::<4>();
        let run =
            |&[a, b, c, d]: &[u8; 4]| (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]));
        let runs: Vec<_> = runs.iter().map(run).collect();
        // Within a chunk, so that one more is still a number.
        let rises = || runs.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0);
        let is_within = |&(first, last): &(u16, u16)| first <= last && last < 1 << CHUNK_BITS;
        if rest.is_empty() && !runs.is_empty() && runs.iter().all(is_within) && rises() {
            Ok(Self(runs))
        } else {
            Err(MarksError::Unreadable)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stored(puts: Vec<Put>) -> BTreeMap<Bytes, Bytes> {
        let pair = |put: Put| (put.key, put.value.unwrap());
        puts.into_iter().map(pair).collect()
    }

    #[test]
    fn a_whole_chunk_is_four_bytes() {
        let all: Vec<_> = (0..1 << CHUNK_BITS).map(Position).collect();
        let puts = Marks::default().puts(1, ShardNumber(2), &all);
        assert_eq!(puts[0].value.as_ref().unwrap().len(), 4);
        assert_eq!(puts.len(), 1);
    }

    #[test]
    fn what_is_not_marks_is_refused() {
        for bad in [
            &b""[..],
            b"abc",
            &[5, 0, 4, 0],
            &[0, 0, 0, 64],
            &[0, 0, 255, 255, 0, 0, 0, 0],
            &[0, 0, 1, 0, 2, 0, 2, 0],
        ] {
            assert!(!is_readable(bad), "{bad:?}");
        }
        assert!(is_readable(&[0, 0, 1, 0, 3, 0, 3, 0]));
    }

    #[test]
    fn a_page_over_two_epochs_is_asked_for_by_its_parts() {
        let (first, next) = (Position::new(1, 16_380), Position::new(1, 16_390));
        assert_eq!(Marks::chunks(first, next).count(), 2);
        assert_eq!(Marks::chunks(first, first).count(), 1);
        assert!(Marks::is_before(chunk_of(first), next));
        assert!(!Marks::is_before(chunk_of(next), next));
    }

    proptest! {
        #[test]
        fn marks_are_a_set_of_positions(
            steps in prop::collection::vec(prop::collection::vec(0u64..40_000, 1..20), 1..20),
        ) {
            let (mut marks, mut model) = (Marks::default(), BTreeSet::new());
            let mut log = BTreeMap::new();
            for step in &steps {
                let step: Vec<_> = step.iter().copied().map(Position).collect();
                log.extend(stored(marks.puts(7, ShardNumber(1), &step)));
                marks.add(step.iter().copied());
                model.extend(step);
            }
            let mut read = Marks::default();
            for chunk in Marks::chunks(Position(0), Position(40_000)) {
                read.load(chunk, log.get(&key::redriven(7, ShardNumber(1), chunk))).unwrap();
                prop_assert!(read.knows(chunk));
            }
            for at in (0..40_000).map(Position) {
                prop_assert_eq!(marks.has(at), model.contains(&at));
                prop_assert_eq!(read.has(at), model.contains(&at));
            }
        }
    }
}
